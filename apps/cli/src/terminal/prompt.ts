import { createInterface } from 'node:readline';
import { WeirError } from '@weir/errors';
import type { Cli } from '../cli.ts';

/** Most bytes read from stdin for a password or a statement. */
const maxInputBytes = 16 * 1024 * 1024;

/** May the command ask questions? Only a terminal can answer, and --no-input forbids it. */
export function canAsk(cli: Cli, options: { readonly input?: boolean }): boolean {
  return options.input !== false && cli.stdin.isTTY === true && cli.stderr.isTTY === true;
}

/** Asks for a line, shown as it is typed. */
export function ask(cli: Cli, question: string): Promise<string> {
  const reader = createInterface({ input: cli.stdin, output: cli.stderr });
  return new Promise((resolve, reject) => {
    reader.once('SIGINT', () => reader.close());
    reader.once('close', () => reject(cancelled()));
    reader.question(question, (answer) => {
      resolve(answer.trim());
      reader.close();
    });
  });
}

/** Asks for a line without showing it. @throws WeirError query_canceled on Ctrl-C or Ctrl-D. */
export function askHidden(cli: Cli, question: string): Promise<string> {
  const { stdin, stderr } = cli;
  stderr.write(question);
  stdin.setRawMode?.(true);
  stdin.resume();
  return new Promise<string>((resolve, reject) => {
    let typed = '';
    const finish = (): void => {
      stdin.setRawMode?.(false);
      stdin.pause();
      stdin.off('data', take);
      stderr.write('\n');
    };
    const take = (chunk: Buffer | string): void => {
      for (const character of chunk.toString()) {
        if (character === '\r' || character === '\n') {
          finish();
          resolve(typed);
          return;
        }
        if (character === '\u0003' || (character === '\u0004' && typed === '')) {
          finish();
          reject(cancelled());
          return;
        }
        if (character === '\u007f' || character === '\b') typed = [...typed].slice(0, -1).join('');
        else if (character >= ' ') typed += character;
      }
    };
    stdin.on('data', take);
  });
}

/** All of stdin as text. @throws WeirError message_too_large. */
export async function readInput(cli: Cli): Promise<string> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of cli.stdin) {
    const bytes = Buffer.from(piece as Buffer | string);
    length += bytes.length;
    if (length > maxInputBytes) throw new WeirError('message_too_large', 'Too much came on standard input.');
    pieces.push(bytes);
  }
  return Buffer.concat(pieces).toString('utf8');
}

function cancelled(): WeirError {
  return new WeirError('query_canceled', 'Cancelled.');
}

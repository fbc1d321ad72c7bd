import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createInputReader, type InputEvent } from '../src/index.ts';

/** What was typed at real programs in a pseudo-terminal (Debian 12: bash 5.2, vim 9, less, python 3), and what they answered. */
interface Exchange {
  readonly name: string;
  readonly exchange: readonly ({ readonly in: string } | { readonly out: string })[];
}
const exchanges = JSON.parse(
  readFileSync(new URL('./fixtures/typed-exchanges.json', import.meta.url), 'utf8'),
) as readonly Exchange[];

interface Seen {
  readonly events: readonly InputEvent[];
  readonly recorded: string;
  readonly hiddenBytes: number;
}

/** Plays an exchange; `pieces` cuts what comes from the target. */
function play(name: string, pieces: (out: Buffer) => Buffer[] = (out) => [out]): Seen {
  const reader = createInputReader();
  const events: InputEvent[] = [];
  const recorded: Buffer[] = [];
  for (const step of exchanges.find((exchange) => exchange.name === name)?.exchange ?? []) {
    if ('in' in step) events.push(...reader.input(Buffer.from(step.in)));
    else for (const piece of pieces(Buffer.from(step.out))) events.push(...reader.output(piece));
    recorded.push(reader.takeRecordable());
  }
  return { events, recorded: Buffer.concat(recorded).toString(), hiddenBytes: reader.hiddenBytes };
}

const entered = ({ events }: Seen): string[] =>
  events.flatMap((event) => (event.type === 'entered' ? [`${event.isCertain ? '' : '? '}${event.text}`] : []));
const lines = ({ events }: Seen): (string | null)[] =>
  events.flatMap((event) => (event.type === 'line' ? [event.text] : []));

const cases: readonly (readonly [string, string[], string])[] = [
  ['bash: a line typed key by key', ['echo hello'], 'echo hello\r'],
  [
    'bash: erasing and killing',
    ['echo hello', 'echo fine', 'echo one three'],
    'echo helllo\x7f\x7fo\rrm -rf x\x15echo fine\recho one two\x17three\r',
  ],
  ['bash: history recall', ['echo first'], 'echo first\r\x1b[A\r\x1b[A more\r'],
  ['bash: completion', [], 'cat notes\t\r'],
  ['bash: cursor keys', [], 'echo ac\x1b[Db\r'],
  ['bash: interrupt and end', ['echo this'], 'echo never\x03echo this\r\x04'],
  ['bash: chunks with their Enter', ['echo quick', 'echo a', 'echo b'], 'echo quick\recho a\recho b\r'],
  ['bash: typed ahead of a running command', ['sleep 1', 'echo ahead'], 'sleep 1\recho ahead\r'],
  [
    'bash: a line longer than the terminal',
    ['echo 1234567890 1234567890 1234567890 1234567890'],
    'echo 1234567890 1234567890 1234567890 1234567890\r',
  ],
  ['bash: a pasted block', ['echo one\necho two'], '\x1b[200~echo one\necho two\x1b[201~\r'],
  ['bash: a pasted line', ['echo pasted words'], 'echo \x1b[200~pasted words\x1b[201~\r'],
  ['bash: read -s without a prompt', ['read -s x', 'echo done'], 'read -s x\recho done\r'],
  ['bash: read -s with a prompt', ["read -sp 'Password: ' x", 'echo done'], "read -sp 'Password: ' x\recho done\r"],
  ['bash: read -s, secret in one chunk', ['read -s x', 'echo done'], 'read -s x\recho done\r'],
  ['bash: a secret that repeats the prompt', ["read -sp 'go' x", 'echo done'], "read -sp 'go' x\recho done\r"],
  ['bash: stty -echo', ['stty -echo', 'echo done'], 'stty -echo\recho done\r'],
  ['bash: a password that is echoed', ["read -p 'Enter PIN: ' x", 'echo done'], "read -p 'Enter PIN: ' x\recho done\r"],
  ['cat: a program that reads lines', ['cat', 'some words', 'echo done'], 'cat\rsome words\r\x04echo done\r'],
  ['vim', ['vim -u NONE -i NONE x.txt', 'echo done'], 'vim -u NONE -i NONE x.txt\recho done\r'],
  ['less', ['less notes-of-today.txt', 'echo done'], 'less notes-of-today.txt\recho done\r'],
  ['wide and accented characters', ['echo 漢字 üé'], 'echo 漢字 üé\r'],
  [
    'background output while typing',
    ['(sleep 0.4; echo noise; sleep 0.2) &', 'echo a long line here'],
    '(sleep 0.4; echo noise; sleep 0.2) &\recho a long line here\r',
  ],
];

describe('what is typed at real programs', () => {
  test.each(cases)('%s', (name, wanted, recorded) => {
    const seen = play(name);
    expect(entered(seen)).toEqual(wanted);
    expect(seen.recorded).toBe(recorded);
  });

  test.each(cases)('%s, the answers byte by byte', (name, wanted, recorded) => {
    const seen = play(name, (out) => [...out].map((byte) => Buffer.from([byte])));
    expect(entered(seen)).toEqual(wanted);
    expect(seen.recorded).toBe(recorded);
  });

  test.each(exchanges.map(({ name }) => name))('%s: nothing that is typed without echo is kept', (name) => {
    for (const pieces of [(out: Buffer) => [out], (out: Buffer) => [...out].map((byte) => Buffer.from([byte]))]) {
      const seen = play(name, pieces);
      expect(seen.recorded).not.toMatch(/hunter/);
      expect(entered(seen).join()).not.toMatch(/hunter/);
    }
  });

  test('what is typed at a prompt for a password is not even judged', () => {
    expect(lines(play('bash: read -s with a prompt'))).toEqual(["read -sp 'Password: ' x", null, 'echo done']);
    expect(lines(play('bash: read -s without a prompt'))).toEqual(['read -s x', null, 'echo done']);
    expect(lines(play('bash: a password that is echoed'))).toEqual(["read -p 'Enter PIN: ' x", null, 'echo done']);
  });

  test('what history and completion bring is not known', () => {
    expect(lines(play('bash: history recall'))).toEqual(['echo first', null, null]);
    expect(lines(play('bash: completion'))).toEqual([null]);
    expect(lines(play('bash: cursor keys'))).toEqual([null]);
  });

  test('a full-screen program is seen', () => {
    for (const name of ['vim', 'less'])
      expect(play(name).events.flatMap((event) => (event.type === 'full-screen' ? [event.isOn] : []))).toEqual([
        true,
        false,
      ]);
    expect(lines(play('vim'))).toEqual(['vim -u NONE -i NONE x.txt', 'echo done']);
  });

  test('a paste is one event, however its bytes come', () => {
    const paste = (chunks: string[]): InputEvent[] => {
      const reader = createInputReader();
      return chunks.flatMap((chunk) => [...reader.input(Buffer.from(chunk))]);
    };
    const whole = '\x1b[200~rm -rf /\necho é\x1b[201~';
    const wanted: InputEvent[] = [{ type: 'paste', text: 'rm -rf /\necho é', isWhole: true }];
    expect(paste([whole])).toEqual(wanted);
    expect(paste([...whole])).toEqual(wanted);
    expect(paste([`\x1b[200~${'x'.repeat(100_000)}`, '\x1b[201~'])).toMatchObject([{ type: 'paste', isWhole: false }]);
  });

  test('signals are seen', () => {
    const signals = play('bash: interrupt and end').events.filter(({ type }) => type === 'signal');
    expect(signals).toEqual([
      { type: 'signal', key: 'interrupt' },
      { type: 'signal', key: 'end' },
    ]);
  });

  test('lines that the shell changes are not certain', () => {
    const reader = createInputReader();
    expect(reader.input(Buffer.from('!!\r'))).toEqual([
      { type: 'line', text: '!!', isCertain: false, isEchoed: false },
    ]);
  });

  test.each([
    'Password: ',
    '[sudo] password for bob: ',
    "Enter passphrase for key '/home/bob/.ssh/id_ed25519': ",
    'New password: ',
    'Verification code: ',
    'Passwort: ',
    'パスワード：',
    'PIN? ',
  ])('%j asks for a secret', (prompt) => {
    const reader = createInputReader();
    reader.output(Buffer.from(`\r\n${prompt}`));
    const typed = reader.input(Buffer.from('x\r'));
    expect(typed).toEqual([{ type: 'line', text: null, isCertain: false, isEchoed: false }]);
    reader.output(Buffer.from('x\r\n'));
    expect(reader.takeRecordable().toString()).toBe('');
    expect(reader.hiddenBytes).toBe(2);
  });

  test('memory is bounded while nothing is echoed', () => {
    const reader = createInputReader();
    for (let i = 0; i < 3000; i += 1) reader.input(Buffer.from('x'.repeat(100)));
    for (let i = 0; i < 3000; i += 1) reader.input(Buffer.from('y\r'));
    reader.output(Buffer.from('\r\n'.repeat(20_000)));
    expect(reader.hiddenBytes).toBe(306_000);
    expect(reader.takeRecordable()).toHaveLength(0);
  });
});

test('bash: a line sent in one piece, wrapped by the character that follows', () => {
  const reader = createInputReader();
  const line = `echo ${'1234567890 '.repeat(7)}end`;
  reader.input(Buffer.from(`${line}\r`));
  // As bash 5.2 echoes it behind a prompt of 16 characters in 80 columns: it prints the first character of the next row, and goes back before it.
  const [row, next] = [line.slice(0, 64), line.slice(64)];
  reader.output(Buffer.from(`${row}${next[0]}\r${next}\r\n\u001b[?2004l\r`));
  expect(reader.takeRecordable().toString()).toBe(`${line}\r`);
  expect(reader.hiddenBytes).toBe(0);
});

import type { Cli } from '../cli.ts';
import { note } from '../terminal/output.ts';

/** A line at the bottom of a terminal's stderr that is rewritten in place, with messages above it. */
export interface StatusLine {
  show(text: string): void;
  /** A message of its own line. */
  say(text: string): void;
  clear(): void;
}

const eraseLine = '\r\u001b[2K';

/** Makes the line; where stderr is no terminal only the messages are written. */
export function createStatusLine(cli: Cli): StatusLine {
  const isLive = cli.stderr.isTTY === true && cli.env['TERM'] !== 'dumb';
  let current = '';
  const draw = (): void => {
    const width = cli.stderr.columns ?? 80;
    if (isLive && current !== '') cli.stderr.write(`${eraseLine}${current.slice(0, width - 1)}`);
  };
  const erase = (): void => {
    if (isLive && current !== '') cli.stderr.write(eraseLine);
  };
  return {
    show(text) {
      if (text === current) return;
      erase();
      current = text;
      draw();
    },
    say(text) {
      erase();
      note(cli, text);
      draw();
    },
    clear() {
      erase();
      current = '';
    },
  };
}

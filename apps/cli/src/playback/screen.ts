import type { Cli } from '../cli.ts';
import { createSequenceFilter } from './sequence-filter.ts';

/** This terminal while it shows what was recorded at another one. */
export interface Screen {
  /** Recorded output. */
  show(text: string): void;
  /** A line of weir's own between the recorded ones. */
  say(text: string): void;
  /** Gives the terminal back as a shell expects it. Safe to call again. */
  leave(): void;
}

/** Ends of everything that recorded output may have begun: alternate screen, keypad, mouse, margins, character sets, colours, hidden cursor. */
const reset =
  '\u001b[?1049l\u001b[?1047l\u001b[?47l\u001b[?1l\u001b>\u001b[?6l\u001b[?7h\u001b[r\u001b[4l\u001b[20l\u001b(B\u001b)B\u000f\u001b[0m\u001b[?25h\u001b[0 q\u001b[?5l';

/** Begins with an empty screen; keys go to `onKey`, each as it was typed. */
export function openScreen(cli: Cli, onKey: (key: string) => void): Screen {
  const { stdin, stdout } = cli;
  const filter = createSequenceFilter();
  const take = (chunk: Buffer | string): void => onKey(chunk.toString());
  let isOpen = true;
  if (stdin.isTTY === true) {
    stdin.setRawMode?.(true);
    stdin.on('data', take);
    stdin.resume();
  }
  stdout.write(`${reset}\u001b[2J\u001b[H`);
  return {
    show: (text) => void stdout.write(filter.of(text)),
    say: (text) => void stdout.write(`\r\n\u001b[7m${text}\u001b[0m\r\n`),
    leave: () => {
      if (!isOpen) return;
      isOpen = false;
      // A sequence that was cut off by the end must not swallow what follows.
      stdout.write(`\u0018${reset}\r\n`);
      if (stdin.isTTY !== true) return;
      stdin.off('data', take);
      stdin.setRawMode?.(false);
      stdin.pause();
    },
  };
}

/** Is it one of the keys that mean "no more"? */
export function isQuit(key: string): boolean {
  return key === 'q' || key === '\u0003';
}

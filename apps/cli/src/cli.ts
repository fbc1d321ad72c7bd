import type { Readable, Writable } from 'node:stream';

/** A stream that may be a terminal. */
export type TerminalReadable = Readable & {
  readonly isTTY?: boolean;
  readonly isRaw?: boolean;
  setRawMode?(isRaw: boolean): unknown;
};
export type TerminalWritable = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/** Takes SIGINT, SIGTERM or SIGHUP instead of the default, which ends the program. */
export type SignalHandler = (signal: NodeJS.Signals) => void;

/** Everything outside of the program that commands may touch, and the exit status they leave. */
export interface Cli {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: TerminalReadable;
  readonly stdout: TerminalWritable;
  readonly stderr: TerminalWritable;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Exit status so far; commands that end without an error may still set one. */
  status: number;
  /** Who takes signals now; undefined = the default. */
  onSignal: SignalHandler | undefined;
}

/** Makes the surroundings of one run. */
export function createCli(parts: Omit<Cli, 'status' | 'onSignal' | 'now'> & { readonly now?: () => number }): Cli {
  return { now: Date.now, ...parts, status: 0, onSignal: undefined };
}

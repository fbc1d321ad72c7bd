import type { FileHost } from './file-host.ts';
import type { ExitSignal, TerminalRequest, TerminalSize, X11Request } from './messages.ts';
import type { SshDecision, SshRequest, StartRequest } from './ssh-request.ts';

/** Output of a program. */
export type OutputStream = 'stdout' | 'stderr';

/** Everything that a session channel at the target is opened with. */
export interface SessionStart {
  readonly request: StartRequest;
  readonly terminal: TerminalRequest | null;
  /** In the client's order. */
  readonly environment: readonly { readonly variable: string; readonly value: string }[];
  readonly forwardsAgent: boolean;
  readonly x11: X11Request | null;
}

/** What an engine does at the target's session channel, in order. */
export type SessionAction =
  /** Open it; the first action, if any. Answered by `started` or `refused`; until then only a size, a signal or `close` follows. */
  | { readonly type: 'start'; readonly start: SessionStart }
  | { readonly type: 'data'; readonly bytes: Buffer }
  /** The client will send no more data. */
  | { readonly type: 'eof' }
  | ({ readonly type: 'window-change' } & TerminalSize)
  | { readonly type: 'signal'; readonly signal: string }
  | { readonly type: 'break'; readonly lengthMs: number }
  /** Nothing follows. */
  | { readonly type: 'close' };

/** What came from the target's session channel. */
export type SessionEvent =
  | { readonly type: 'started' }
  /** It could not be opened or started: `text` for the person (lines, LF; the first begins with `weir: `). */
  | { readonly type: 'refused'; readonly text: string }
  | { readonly type: 'data'; readonly stream: OutputStream; readonly bytes: Buffer }
  /** Both streams have ended. */
  | { readonly type: 'eof' }
  | { readonly type: 'exit-status'; readonly status: number }
  | ({ readonly type: 'exit-signal' } & ExitSignal)
  | { readonly type: 'eow' }
  | { readonly type: 'close' };

/** How a program ended. */
export interface SessionExit {
  /** Null = it told none. */
  readonly status: number | null;
  readonly signal: ExitSignal | null;
}

/**
 * The world of a session channel's engine. The engine calls these and never waits; only `judge` and `input` may answer later. What the host records
 * inside a call precedes what the engine sends to the client after it.
 */
export interface SessionHost extends FileHost {
  /** Bytes for the lane channel, in order. A message may come in two calls, its head and its payload; bytes belong to the host afterwards. */
  toClient(bytes: Buffer): void;
  toServer(action: SessionAction): void;
  judge(request: SshRequest): SshDecision | Promise<SshDecision>;
  /** Output of the program, raw streams only: counts, masks and records. @returns what the client gets of it now; null = nothing */
  output(ticket: unknown, stream: OutputStream, bytes: Buffer): Buffer | null;
  /** A stream has ended. @returns what the host held back of it */
  outputEnded(ticket: unknown, stream: OutputStream): Buffer | null;
  /** What the client sends to the program, raw streams only. @returns what goes on; null = nothing */
  input(ticket: unknown, bytes: Buffer): Buffer | null | Promise<Buffer | null>;
  /** The client has ended its input. */
  inputEnded(ticket: unknown): void;
  /** The terminal's first size, and each later one. `terminal` null = a change. */
  resized(size: TerminalSize, terminal: TerminalRequest | null): void;
  /** What was started has ended, after all its output and before the client learns of it: once for each start that was let pass. */
  exited(ticket: unknown, exit: SessionExit): void;
  /** Something was refused without asking the host, or is worth keeping: for the record, once per cause. */
  note(code: 'refused' | 'protocol', text: string): void;
  /** The channel is over at both ends: nothing more is called. Open judgements are moot. */
  end(): void;
}

/** Engine of one session channel. */
export interface SessionEngine {
  /** Data of the lane channel, as they come. Chunks belong to the engine afterwards. */
  fromClient(bytes: Buffer): void;
  fromServer(event: SessionEvent): void;
  /** Something is being decided, or the target begins it: what the client sends is kept; the host gives no more credit until `resumed`. */
  readonly paused: boolean;
  /** Text for the person on stderr, e.g. that an approval is awaited (lines, LF). */
  notice(text: string): void;
  /** Output that the host held back and lets go now. */
  release(stream: OutputStream, bytes: Buffer): void;
  /** Ends the channel: text for the person on stderr, exit status 254, close. */
  kill(text: string): void;
  /** The lane channel is gone: everything open ends; the client gets nothing any more. */
  abandon(): void;
}

/** What an engine is made with. */
export interface SessionOptions {
  /** Called when `paused` has become false outside of fromClient. */
  readonly resumed?: () => void;
}

/** What the agent records of SSH channels besides statements and notes. Times are milliseconds since the epoch by the agent's clock. */
export type SshEvent =
  | TerminalAllocated
  | TerminalResized
  | OutputShown
  | InputTyped
  | StatementExited
  | FileTouched
  | StreamForwarded;

interface EventBase {
  readonly atMs: number;
}

/** Bytes of a stream: text when they are whole UTF-8 characters, else base64 (RFC 4648 section 4). */
export type StreamBytes =
  | { readonly text: string; readonly base64?: undefined }
  | { readonly base64: string; readonly text?: undefined };

/** The client asked for a terminal (RFC 4254 section 6.2). Columns and rows of characters, as the client said them. */
export interface TerminalAllocated extends EventBase {
  readonly event: 'terminal';
  readonly term: string;
  readonly columns: number;
  readonly rows: number;
}

/** The client's window changed (RFC 4254 section 6.7). */
export interface TerminalResized extends EventBase {
  readonly event: 'resize';
  readonly columns: number;
  readonly rows: number;
}

/** What the client is about to see, masked; with a terminal everything is `stdout`. Recorded before the client gets it. */
export type OutputShown = EventBase & StreamBytes & { readonly event: 'output'; readonly stream: 'stdout' | 'stderr' };

/** What the person typed, if policy has it recorded. `hiddenBytes` were typed while the terminal did not echo, and are not kept. */
export type InputTyped = EventBase & StreamBytes & { readonly event: 'input'; readonly hiddenBytes?: number };

/** A command or shell has ended (RFC 4254 section 6.10). */
export interface StatementExited extends EventBase {
  readonly event: 'exit';
  readonly statement: number;
  /** Null = it did not tell one: ended by a signal, or the channel closed before. */
  readonly status: number | null;
  /** Name without SIG, e.g. `TERM`. */
  readonly signal: string | null;
  readonly durationMs: number;
  readonly stdinBytes: number;
  /** Bytes that the client was sent, recorded or not. */
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  /** SHA-256 (hex) of all bytes of the stream; null = it was not taken. */
  readonly stdoutSha256: string | null;
  readonly stderrSha256: string | null;
  /** Do the `output` events hold all of it? */
  readonly isWhole: boolean;
}

/** A file operation of sftp or scp has ended. */
export interface FileTouched extends EventBase {
  readonly event: 'file';
  readonly statement: number;
  /** What was done, e.g. `read`, `write`, `rename`, `remove`, `mkdir`. */
  readonly operation: string;
  readonly path: string;
  /** Where it went: the new name of a rename, the target of a link. */
  readonly to: string | null;
  /** Bytes of content that passed. */
  readonly bytes: number;
  /** SHA-256 (hex) of the content as it passed; null when it did not pass in order, or there was none. */
  readonly sha256: string | null;
  /** Did the content pass from its first byte to its last one? */
  readonly isWhole: boolean;
  /** What the server answered when it failed. */
  readonly error: string | null;
}

/** A forwarded stream has ended. */
export interface StreamForwarded extends EventBase {
  readonly event: 'forward';
  readonly statement: number;
  /** `host:port`, or the path of a socket. */
  readonly destination: string;
  /** From the client to the destination, and back. */
  readonly bytesUp: number;
  readonly bytesDown: number;
}

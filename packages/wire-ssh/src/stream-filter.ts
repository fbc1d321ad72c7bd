/** Reads a protocol inside a session channel: it lets through what may pass, both ways. */
export interface StreamFilter {
  /** The next bytes of the client; may be called only while the filter does not wait. */
  fromClient(bytes: Buffer): void;
  /** The client sends no more. */
  clientEnded(): void;
  /** The next bytes of the target's standard output. */
  fromServer(bytes: Buffer): void;
  /** The target sends no more. */
  serverEnded(): void;
  /** Something is decided or awaited: the client's bytes are kept outside. */
  readonly isWaiting: boolean;
  /** The channel ends: what is open ends with `why`. */
  end(why: string): void;
}

/** Where a filter's bytes go, and what it asks. */
export interface FilterOutlets {
  toClient(bytes: Buffer): void;
  toServer(bytes: Buffer): void;
  /** The client has ended, and nothing of its bytes waits any more. */
  endServer(): void;
  /** Text for the person on stderr: clients of sftp show no more of a refusal than its code. */
  notice(text: string): void;
  /** `isWaiting` has become false outside of fromClient and clientEnded. */
  resumed(): void;
  /** What is under way must not go on: the channel is to end with this text for the person. */
  refused(text: string): void;
  /** The stream cannot be trusted any more: the channel is to end with this text for the person. */
  broken(text: string): void;
}

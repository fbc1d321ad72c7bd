import type { ContentHash, FileHost, FileOutcome } from './file-host.ts';
import type { FileRequest, SshDecision } from './ssh-request.ts';

/** What of a decision counts while content passes. */
export type FileDecision = Extract<SshDecision, { action: 'forward' }>;

/** Counts and hashes the content of one file, one way or both, and holds it to what was decided. */
export class ContentTally {
  readonly ticket: unknown;
  readonly path: string;
  readonly wantsContent: boolean;
  readonly maxBytes: number | null;
  /** Why nothing more of the content passes; null = it may. */
  refused: string | null = null;
  /** First thing that went wrong. */
  error: string | null = null;
  bytesUp = 0;
  bytesDown = 0;
  /** Everything so far came in order from the first byte. */
  isInOrder = true;
  /** Where the content ends, if that is known: told as end of file, or as the file's size. */
  end: number | null = null;
  readonly #host: FileHost;
  #hash: ContentHash | null = null;
  #hasEnded = false;

  constructor(host: FileHost, request: FileRequest, decision: FileDecision) {
    this.#host = host;
    this.ticket = decision.ticket;
    this.path = request.path;
    this.wantsContent = decision.wantsContent === true;
    this.maxBytes = decision.maxBytes ?? null;
  }

  /** Why content of that length must not pass at that place; null = it may. */
  refuse(direction: 'upload' | 'download', offset: number, length: number): string | null {
    if (this.refused !== null || this.maxBytes === null) return this.refused;
    const before = direction === 'upload' ? this.bytesUp : this.bytesDown;
    if (Math.max(before, offset) + length > this.maxBytes)
      this.refused = `weir: ${this.path} is larger than the ${this.maxBytes} bytes that may pass`;
    return this.refused;
  }

  /** Shows the host content that it wants to see, before it passes. @returns why it must not */
  look(direction: 'upload' | 'download', offset: number, bytes: Buffer): string | null {
    if (this.refused !== null || !this.wantsContent) return this.refused;
    this.refused = this.#host.content(this.ticket, direction, offset, bytes);
    return this.refused;
  }

  /** `buffer[start, end)` passes; `offset` is its place in the file. */
  passed(direction: 'upload' | 'download', offset: number, buffer: Buffer, start: number, end: number): void {
    const length = end - start;
    if (length === 0) return;
    const isUp = direction === 'upload';
    const inOrder = this.isInOrder && (isUp ? this.bytesDown : this.bytesUp) === 0;
    this.isInOrder = inOrder && offset === (isUp ? this.bytesUp : this.bytesDown);
    if (isUp) this.bytesUp += length;
    else this.bytesDown += length;
    if (!this.isInOrder) return;
    this.#hash ??= this.#host.hash?.() ?? null;
    this.#hash?.update(buffer.subarray(start, end));
  }

  /** Content passed that was not seen here. */
  passedUnseen(): void {
    this.isInOrder = false;
  }

  /** The file has ended: told to the host, once. */
  finish(error: string | null): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.error ??= this.refused ?? error;
    this.#host.fileEnded(this.ticket, this.#outcome());
  }

  #outcome(): FileOutcome {
    const { bytesUp, bytesDown, error } = this;
    const isWhole = error === null && this.isInOrder && this.end === Math.max(bytesUp, bytesDown);
    // An empty file that passed whole has a hash as well.
    const hash = this.isInOrder ? (this.#hash ?? (isWhole ? this.#host.hash?.() : null)) : null;
    return { bytesUp, bytesDown, sha256: hash?.digest('hex') ?? null, isWhole, error };
  }
}

/** The outcome of an operation without content. */
export const plainOutcome = (error: string | null): FileOutcome => ({
  bytesUp: 0,
  bytesDown: 0,
  sha256: null,
  isWhole: false,
  error,
});

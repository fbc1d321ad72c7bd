/** A running hash (node:crypto's Hash has this shape). */
export interface ContentHash {
  update(bytes: Buffer): unknown;
  /** @returns hex */
  digest(encoding: 'hex'): string;
}

/** What became of a file operation that was let pass. */
export interface FileOutcome {
  /** Bytes of content that went to the target and came from it. */
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** SHA-256 (hex) of the content, if it passed in order from the first byte, one way only; else null. */
  readonly sha256: string | null;
  /** The content passed from its first byte to its last one. */
  readonly isWhole: boolean;
  /** Why it did not happen or not end well: the target's answer, the rest of the content was refused, the channel ended; null = all went well. */
  readonly error: string | null;
}

/** What the host does about files. */
export interface FileHost {
  /** A SHA-256 for the content of one file. Absent = none is taken. */
  hash?(): ContentHash;
  /**
   * Content of a file of which the host wants to see it (wantsContent), before it passes. The pieces come as they pass: `offset` tells where each lies.
   * @returns why this and the rest must not pass, for the person; null = it may
   */
  content(ticket: unknown, direction: 'upload' | 'download', offset: number, bytes: Buffer): string | null;
  /** A file operation has ended: once for each that was let pass, before the client learns of it. */
  fileEnded(ticket: unknown, outcome: FileOutcome): void;
}

import type { ContentType } from '@weir/policy';
import type { DetectableType } from '../detect/span.ts';

/** What a stream mask is made with. */
export interface StreamMaskOptions {
  /** Content types to look for; those without a detector are ignored. */
  readonly detect: readonly ContentType[];
  /**
   * `terminal`: a mask takes as many columns as the value (`[email*******]`), and little is held back. `exec`: a mask is `[email]`, and what
   * can still become a value is held back until it is decided.
   */
  readonly mode: 'terminal' | 'exec';
}

/**
 * Masks what detectors find in a stream of output, across chunks. Escape sequences are never changed. Bytes may come back later than they
 * were pushed, never in another order. What is returned may be the chunk that was pushed: push no buffer that is written to afterwards.
 */
export interface StreamMask {
  /** @returns what can leave now; may be empty. */
  push(bytes: Buffer): Buffer;
  /** The stream has ended: @returns what was held back. */
  flush(): Buffer;
  /** Bytes that are held back, at most {@link maxHeldBytes}. */
  readonly held: number;
  /**
   * Terminal mode: lets go what is held back, because the output has been quiet for {@link quietTimeMs}. It is remembered: the rest of a
   * value that began in it is still masked.
   */
  release(): Buffer;
  /**
   * Terminal mode: a person has just typed, so that the next chunk is taken for the echo and is not held back for a word that it begins.
   * Chunks of a few bytes are taken for that in any case.
   */
  typed(): void;
  /** Terminal mode: the terminal has so many columns now; a value may go on in the next row. */
  resize(columns: number): void;
  /** Values that were masked so far, by type. */
  readonly found: Readonly<Record<DetectableType, number>>;
  /** Bytes that passed without being looked at, because they were no text (exec mode: NUL bytes, invalid UTF-8). */
  readonly binaryBytes: number;
}

/** Most bytes that a stream mask holds back. */
export const maxHeldBytes = 4096;

/** How long output of a terminal may be quiet before the caller releases what is held back. */
export const quietTimeMs = 15;

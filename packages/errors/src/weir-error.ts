import { type CatalogueEntry, catalogue, type ErrorCode } from './catalogue.ts';

/** What else an error may say beside its message. */
export interface WeirErrorOptions {
  /** The cause in the user's words ("why"), one sentence. */
  readonly why?: string;
  /** An exact command or act that helps ("fix"); the catalogue's hint when absent. */
  readonly fix?: string;
  /** The error underneath, kept for the log. */
  readonly cause?: unknown;
}

/** An error that a user may see: what (message), why, and how to fix it, with a code of the catalogue. */
export class WeirError extends Error {
  override readonly name = 'WeirError';
  readonly code: ErrorCode;
  readonly why: string | undefined;
  readonly fix: string;

  constructor(code: ErrorCode, message: string, options: WeirErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.why = options.why;
    this.fix = options.fix ?? catalogue[code].hint;
  }

  /** The row of the catalogue for this error's code. */
  get entry(): CatalogueEntry {
    return catalogue[this.code];
  }
}

/** Is `value` a WeirError (of this or another copy of this package)? */
export function isWeirError(value: unknown): value is WeirError {
  return value instanceof Error && value.name === 'WeirError' && 'code' in value;
}

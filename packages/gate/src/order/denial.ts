import { catalogue, type ErrorCode, isWeirError } from '@weir/errors';
import type { DenyVerdict } from '@weir/policy';

/** A refusal in words that every protocol can carry. */
export interface Denial {
  readonly code: ErrorCode;
  /** SQLSTATE when it differs from the catalogue's row. */
  readonly sqlstate: string;
  readonly message: string;
  readonly detail: string | null;
  /** Null where the server itself would give none. */
  readonly hint: string | null;
  /** 1-based character position in the statement, or null. */
  readonly position: number | null;
}

/** What a denial can add to its code and message. */
export interface DenialOptions {
  readonly sqlstate?: string;
  readonly detail?: string | null;
  readonly hint?: string | null;
  readonly position?: number | null;
}

/** Makes a denial with the catalogue's SQLSTATE and hint where nothing better is known. */
export function createDenial(code: ErrorCode, message: string, options: DenialOptions = {}): Denial {
  return {
    code,
    sqlstate: options.sqlstate ?? catalogue[code].sqlstate,
    message,
    detail: options.detail ?? null,
    hint: options.hint === undefined ? catalogue[code].hint : options.hint,
    position: options.position ?? null,
  };
}

/** The denial that a verdict means. */
export function denialOfVerdict(verdict: DenyVerdict, sessionId: string): Denial {
  return createDenial('statement_denied', verdict.reason, {
    detail: `Denied by rule "${verdict.rule}" of the access policy, session ${sessionId}.`,
    hint: verdict.hint,
  });
}

/** The denial of what could not be judged because of an error. */
export function denialOfError(error: unknown, noun = 'statement'): Denial {
  if (isWeirError(error))
    return createDenial(error.code, error.message, { detail: error.why ?? null, hint: error.fix });
  return createDenial(
    'internal',
    `the ${noun} could not be judged: ${error instanceof Error ? error.message : String(error)}`,
  );
}

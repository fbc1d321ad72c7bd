import { catalogue, isWeirError, type WeirError } from '@weir/errors';
import type { ErrorFields } from './engine-host.ts';
import { MessageReader } from './message-reader.ts';

/** Reads the fields of an ErrorResponse or NoticeResponse body ("Error and Notice Message Fields"). @returns undefined when it is malformed. */
export function tryErrorFields(buffer: Buffer, start: number, end: number): ErrorFields | undefined {
  const fields: Record<string, string> = {};
  let at = start;
  while (at < end) {
    const code = buffer[at]!;
    if (code === 0) return at + 1 === end && fields['M'] !== undefined ? fields : undefined;
    const zero = buffer.indexOf(0, at + 1);
    if (zero < 0 || zero >= end) return undefined;
    fields[String.fromCharCode(code)] = buffer.toString('utf8', at + 1, zero);
    at = zero + 1;
  }
  return undefined;
}

/** Fields of an error of our own. `hint` null leaves the hint out. */
export function errorFields(
  sqlstate: string,
  message: string,
  hint: string | null = null,
  severity = 'ERROR',
): ErrorFields {
  return { S: severity, V: severity, C: sqlstate, M: message, ...(hint === null ? {} : { H: hint }) };
}

/** Fields for a WeirError: message, reason as DETAIL, fix as HINT. */
export function fieldsOfWeirError(error: WeirError, severity: 'ERROR' | 'FATAL' = 'ERROR'): ErrorFields {
  const base = errorFields(catalogue[error.code].sqlstate, error.message, error.fix, severity);
  return error.why === undefined ? base : { ...base, D: error.why };
}

/** The same fields with severity FATAL. */
export function asFatal(fields: ErrorFields): ErrorFields {
  return { ...fields, S: 'FATAL', V: 'FATAL' };
}

/** Does the server end the connection with this error? */
export function isFatal(fields: ErrorFields): boolean {
  const severity = fields['V'] ?? fields['S'];
  return severity === 'FATAL' || severity === 'PANIC';
}

/** What is delivered in place of an error or notice that cannot be read. */
export const unreadableError: ErrorFields = errorFields('XX000', 'the target sent an error that cannot be read');

/** Reads `name\0value\0` (ParameterStatus). @throws WeirError protocol_violation */
export function parseParameterStatus(buffer: Buffer, start: number, end: number): { name: string; value: string } {
  const reader = new MessageReader(buffer, start, end);
  const parsed = { name: reader.cstring('utf8'), value: reader.cstring('utf8') };
  reader.finish();
  return parsed;
}

/** Fields for anything thrown: a WeirError speaks for itself, the rest is a failure of the gate, named by `message`. */
export function fieldsOfThrown(error: unknown, message: string): ErrorFields {
  if (isWeirError(error)) return fieldsOfWeirError(error);
  const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { ...errorFields('XX000', message), D: why };
}

import { WeirError } from '@weir/errors';
import type { WorkloadClaims } from '@weir/policy';

/** The claims of a token (RFC 7519), unverified. @throws WeirError invalid_request when it is none. */
export function claimsOf(token: string, path: string): WorkloadClaims {
  const [, payload, , ...more] = token.trim().split('.');
  if (payload === undefined || more.length > 0) throw notReadable(path, 'a token');
  return readClaims(Buffer.from(payload, 'base64url').toString(), path, 'a token');
}

/** Claims as JSON. @throws WeirError invalid_request. */
export function readClaims(text: string, path: string, what = 'a JSON object of claims'): WorkloadClaims {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // Its message quotes the text, which may be a token.
    if (error instanceof SyntaxError) throw notReadable(path, what);
    throw error;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw notReadable(path, what);
  return value as WorkloadClaims;
}

function notReadable(path: string, what: string): WeirError {
  return new WeirError('invalid_request', `The file ${path} is not ${what}.`);
}

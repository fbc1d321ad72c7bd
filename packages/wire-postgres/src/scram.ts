import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { WeirError } from '@weir/errors';

/** Name of the mechanism without channel binding (RFC 7677). */
export const scramSha256 = 'SCRAM-SHA-256';
/** Name of the mechanism with channel binding. */
export const scramSha256Plus = 'SCRAM-SHA-256-PLUS';

/** HMAC-SHA-256. */
export function hmac(key: Uint8Array, data: string | Uint8Array): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

/** SHA-256. */
export function hash(data: Uint8Array): Buffer {
  return createHash('sha256').update(data).digest();
}

/** SaltedPassword of RFC 5802. @throws WeirError invalid_request for passwords that would need SASLprep (RFC 4013) */
export function saltPassword(password: string, salt: Uint8Array, iterations: number): Buffer {
  if (!/^[\x20-\x7e]+$/.test(password)) {
    throw new WeirError('invalid_request', 'passwords for SCRAM must be printable ASCII and not empty', {
      fix: 'Choose a password of ASCII characters.',
    });
  }
  return pbkdf2Sync(password, salt, iterations, 32, 'sha256');
}

/** Both byte strings, of equal length, bit by bit. */
export function xor(a: Uint8Array, b: Uint8Array): Buffer {
  const out = Buffer.alloc(a.length);
  for (let i = 0; i < a.length; i++) out[i] = a[i]! ^ b[i]!;
  return out;
}

/** Splits `a=…,b=…` in order. @returns undefined when an attribute is malformed */
export function tryAttributes(text: string): [string, string][] | undefined {
  const attributes: [string, string][] = [];
  for (const part of text.split(',')) {
    if (!/^[A-Za-z]=/.test(part)) return undefined;
    attributes.push([part[0]!, part.slice(2)]);
  }
  return attributes;
}

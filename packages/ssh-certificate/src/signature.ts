import { constants, createHash, type KeyObject, sign, verify } from 'node:crypto';
import { BlobReader } from './blob-reader.ts';
import { lengthAnd, positive } from './blob-writer.ts';
import type { SshPublicKey } from './public-key.ts';
import { unreadable } from './refusal.ts';

/** What a valid signature says beside that it is valid. */
export interface SignatureFacts {
  /** Name of the signature's algorithm, e.g. `rsa-sha2-512`. */
  readonly algorithm: string;
  /** Of a security key: somebody touched it, somebody gave its PIN or finger, and how often it has signed. */
  readonly securityKey:
    | { readonly isTouched: boolean; readonly isVerified: boolean; readonly counter: number }
    | undefined;
}

/** Largest signature that is looked at: RSA of 16384 bits has 2 KiB. */
const maxSignatureBytes = 4096;
const widths: Readonly<Record<string, number>> = {
  'ecdsa-sha2-nistp256': 32,
  'sk-ecdsa-sha2-nistp256@openssh.com': 32,
  'ecdsa-sha2-nistp384': 48,
  'ecdsa-sha2-nistp521': 66,
};
const digests: Readonly<Record<string, string>> = {
  'rsa-sha2-256': 'sha256',
  'rsa-sha2-512': 'sha512',
  'ecdsa-sha2-nistp256': 'sha256',
  'sk-ecdsa-sha2-nistp256@openssh.com': 'sha256',
  'ecdsa-sha2-nistp384': 'sha384',
  'ecdsa-sha2-nistp521': 'sha512',
};

/**
 * Checks a signature (RFC 4253 section 6.6, RFC 8332, RFC 5656, RFC 8709, OpenSSH PROTOCOL.u2f) over `signed`.
 * @param signature with the algorithm's name in front, as it is sent
 * @returns what it says; undefined when it is not of this key, not over this text, malformed, or of an algorithm that is not taken (SHA-1)
 */
export function verifySignature(
  key: SshPublicKey,
  signed: Uint8Array,
  signature: Uint8Array,
): SignatureFacts | undefined {
  try {
    return readAndVerify(key, signed, signature);
  } catch (error) {
    if ((error as Error).name === 'WeirError') return undefined;
    throw error;
  }
}

/** Signs as `algorithm` says; the name is in front. Not for security keys. @throws WeirError invalid_request for an algorithm that is not known */
export function signWith(key: KeyObject, algorithm: string, data: Uint8Array): Buffer {
  const width = widths[algorithm];
  if (algorithm === 'ssh-ed25519') return Buffer.concat([lengthAnd(algorithm), lengthAnd(sign(null, data, key))]);
  const digest = digests[algorithm];
  if (digest === undefined || algorithm.startsWith('sk-')) throw unreadable(`${algorithm} is no known signature`);
  if (width === undefined) {
    const value = sign(digest, data, { key, padding: constants.RSA_PKCS1_PADDING });
    return Buffer.concat([lengthAnd(algorithm), lengthAnd(value)]);
  }
  const value = sign(digest, data, { key, dsaEncoding: 'ieee-p1363' });
  const numbers = Buffer.concat([positive(value.subarray(0, width)), positive(value.subarray(width))]);
  return Buffer.concat([lengthAnd(algorithm), lengthAnd(numbers)]);
}

function readAndVerify(key: SshPublicKey, signed: Uint8Array, signature: Uint8Array): SignatureFacts | undefined {
  if (signature.length > maxSignatureBytes) return undefined;
  const reader = new BlobReader(signature);
  const algorithm = reader.text();
  if (!key.algorithms.includes(algorithm)) return undefined;
  const value = reader.bytes();
  if (key.application === undefined) {
    reader.finish();
    return isGenuine(key, algorithm, signed, value) ? { algorithm, securityKey: undefined } : undefined;
  }
  const flagsAndCounter = reader.take(5);
  reader.finish();
  const hash = (data: Uint8Array | string) => createHash('sha256').update(data).digest();
  const shown = Buffer.concat([hash(key.application), flagsAndCounter, hash(signed)]);
  if (!isGenuine(key, algorithm, shown, value)) return undefined;
  const [flags = 0] = flagsAndCounter;
  const counter = flagsAndCounter.readUInt32BE(1);
  return { algorithm, securityKey: { isTouched: (flags & 1) !== 0, isVerified: (flags & 4) !== 0, counter } };
}

function isGenuine(key: SshPublicKey, algorithm: string, signed: Uint8Array, value: Buffer): boolean {
  const width = widths[algorithm];
  if (width !== undefined) {
    const numbers = fixedWidth(value, width);
    const options = { key: key.key, dsaEncoding: 'ieee-p1363' } as const;
    return numbers !== undefined && verify(digests[algorithm], signed, options, numbers);
  }
  if (key.type === 'ssh-rsa') {
    const options = { key: key.key, padding: constants.RSA_PKCS1_PADDING };
    return verify(digests[algorithm], signed, options, value);
  }
  return value.length === 64 && verify(null, signed, key.key, value);
}

/** r and s of ECDSA, each in `width` bytes. */
function fixedWidth(value: Buffer, width: number): Buffer | undefined {
  const reader = new BlobReader(value);
  const numbers = [reader.positive(), reader.positive()];
  reader.finish();
  if (numbers.some((number) => number.length > width)) return undefined;
  return Buffer.concat(numbers.map((number) => Buffer.concat([Buffer.alloc(width - number.length), number])));
}

import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';

/** HMAC-SHA256 under a key of one purpose: 32 bytes for the bytes `source[start, end)`. Equal bytes give equal digests. */
export type KeyedDigest = (source: Buffer, start: number, end: number) => Buffer;

/**
 * A digest for one purpose (`hash`, `fake email` …). The purpose's own key is derived from `key`, so that tokens of different
 * purposes cannot be compared with each other.
 * @throws RangeError when the key is shorter than 16 bytes: tokens would be open to guessing.
 */
export function createKeyedDigest(key: Buffer, purpose: string): KeyedDigest {
  if (key.length < 16) throw new RangeError(`A masking key needs at least 16 bytes, not ${key.length}.`);
  const own: KeyObject = createSecretKey(createHmac('sha256', key).update(`weir masking ${purpose}`).digest());
  return (source, start, end) => createHmac('sha256', own).update(source.subarray(start, end)).digest();
}

import { createHash, randomBytes } from 'node:crypto';

/** What keys begin with, so that scanners for secrets find them. */
export const keyPrefix = 'weir_key_';

/** A new key: 256 bits by chance. */
export function newKeyText(): string {
  return `${keyPrefix}${randomBytes(32).toString('base64url')}`;
}

/** What is stored of a key. */
export function hashOfKey(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { WeirError } from '@weir/errors';
import type { WrappedKey } from './format.ts';

const cipherName = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

/** Bytes that encryption adds to a chunk: nonce and tag. */
export const cipherOverhead = nonceBytes + tagBytes;

function derived(masterKey: Uint8Array, purpose: string): Buffer {
  if (masterKey.length !== 32) throw new RangeError('the recording master key has 32 bytes');
  return Buffer.from(hkdfSync('sha256', masterKey, Buffer.alloc(0), purpose, 32));
}

/** Name of a master key that tells nothing about it: eight bytes, base64. */
export function masterKeyName(masterKey: Uint8Array): string {
  const name = createHash('sha256').update(derived(masterKey, 'weir recording master name 1')).digest();
  return name.subarray(0, 8).toString('base64');
}

function encrypt(
  key: Uint8Array,
  nonce: Uint8Array,
  bound: Uint8Array,
  clear: Uint8Array,
): { body: Buffer; tag: Buffer } {
  const cipher = createCipheriv(cipherName, key, nonce, { authTagLength: tagBytes });
  cipher.setAAD(bound);
  const body = cipher.update(clear);
  cipher.final();
  return { body, tag: cipher.getAuthTag() };
}

function decrypt(key: Uint8Array, nonce: Uint8Array, bound: Uint8Array, body: Uint8Array, tag: Uint8Array): Buffer {
  const decipher = createDecipheriv(cipherName, key, nonce, { authTagLength: tagBytes });
  decipher.setAAD(bound);
  decipher.setAuthTag(tag);
  const clear = decipher.update(body);
  decipher.final();
  return clear;
}

function wrapBinding(session: string, chain: string): Buffer {
  return Buffer.from(`weir recording data key 1\n${JSON.stringify([session, chain])}`, 'utf8');
}

/** Wraps a recording's data key; bound to session and chain, so that it opens no other recording. */
export function wrapDataKey(masterKey: Uint8Array, dataKey: Uint8Array, session: string, chain: string): WrappedKey {
  const nonce = randomBytes(nonceBytes);
  const { body, tag } = encrypt(
    derived(masterKey, 'weir recording wrap 1'),
    nonce,
    wrapBinding(session, chain),
    dataKey,
  );
  return {
    master: masterKeyName(masterKey),
    nonce: nonce.toString('base64'),
    key: body.toString('base64'),
    tag: tag.toString('base64'),
  };
}

/**
 * Unwraps a recording's data key.
 * @throws WeirError evidence_broken when the master key is another one or the wrapped key was changed.
 */
export function unwrapDataKey(masterKey: Uint8Array, wrapped: WrappedKey, session: string, chain: string): Buffer {
  if (wrapped.master !== masterKeyName(masterKey)) {
    throw new WeirError('evidence_broken', `The recording of session ${session} was made under another master key.`, {
      why: `It names key ${wrapped.master}; this gateway holds ${masterKeyName(masterKey)}.`,
      fix: 'Restore the recording master key that was in use when the session was recorded.',
    });
  }
  try {
    const [nonce, body, tag] = [wrapped.nonce, wrapped.key, wrapped.tag].map((part) => Buffer.from(part, 'base64'));
    if (nonce?.length !== nonceBytes || body?.length !== 32 || tag?.length !== tagBytes)
      throw new Error('wrong length');
    return decrypt(derived(masterKey, 'weir recording wrap 1'), nonce, wrapBinding(session, chain), body, tag);
  } catch (cause) {
    throw new WeirError('evidence_broken', `The data key of session ${session}'s recording was changed.`, { cause });
  }
}

/** Encrypts a chunk's compressed entries: nonce, ciphertext, tag. `bound` (the chunk's head and the hash before it) is authenticated too. */
export function sealPayload(dataKey: Uint8Array, bound: Uint8Array, clear: Uint8Array): Buffer {
  // Random, not counted: a chunk that was torn by a crash is written again under the same index.
  const nonce = randomBytes(nonceBytes);
  const { body, tag } = encrypt(dataKey, nonce, bound, clear);
  return Buffer.concat([nonce, body, tag]);
}

/** Reverses {@link sealPayload}. @throws Error when key, binding or bytes differ. */
export function openPayload(dataKey: Uint8Array, bound: Uint8Array, payload: Buffer): Buffer {
  if (payload.length < cipherOverhead) throw new Error('the payload is too short');
  const end = payload.length - tagBytes;
  return decrypt(
    dataKey,
    payload.subarray(0, nonceBytes),
    bound,
    payload.subarray(nonceBytes, end),
    payload.subarray(end),
  );
}

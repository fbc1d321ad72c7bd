import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { WeirError } from '@weir/errors';

/** Holds the key-encryption key: keys of data are wrapped with it and never stored in clear. A KMS is another implementation of this interface. */
export interface KeyProvider {
  /** Names the key that `wrap` uses now; stored beside what it wrapped. */
  readonly keyId: string;
  /** Wraps a data key (32 bytes). `context` must be given again to unwrap it. */
  wrap(dataKey: Buffer, context: string): Promise<Buffer>;
  /** @throws WeirError evidence_broken when the key is not there, or key and context do not fit. */
  unwrap(keyId: string, wrapped: Buffer, context: string): Promise<Buffer>;
}

/**
 * A provider over keys of 32 bytes that the gateway has in memory: AES-256-GCM, nonce (12) + tag (16) + ciphertext. `previous` keys open what they wrapped,
 * and wrap nothing more.
 */
export function createLocalKeyProvider(current: Buffer, previous: readonly Buffer[] = []): KeyProvider {
  const keys = new Map([current, ...previous].map((key) => [idOf(key), key]));
  return {
    keyId: idOf(current),
    wrap: async (dataKey, context) => encrypt(current, dataKey, context),
    unwrap: async (keyId, wrapped, context) => {
      const key = keys.get(keyId);
      if (key !== undefined) return decrypt(key, wrapped, context);
      throw new WeirError('evidence_broken', `The key-encryption key ${keyId} is not configured.`, {
        why: 'Something was stored under it.',
        fix: 'Name it in keys.previous of the configuration.',
      });
    },
  };
}

function idOf(key: Buffer): string {
  return createHash('sha256').update('weir key id\0').update(key).digest('hex').slice(0, 16);
}

/** AES-256-GCM with a random nonce: nonce (12) + tag (16) + ciphertext. */
export function encrypt(key: Buffer, content: Buffer, context: string): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context));
  const body = Buffer.concat([cipher.update(content), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), body]);
}

/** The reverse of encrypt. @throws WeirError evidence_broken when key, content or context were changed. */
export function decrypt(key: Buffer, sealed: Buffer, context: string): Buffer {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12), { authTagLength: 16 })
      .setAAD(Buffer.from(context))
      .setAuthTag(sealed.subarray(12, 28));
    return Buffer.concat([decipher.update(sealed.subarray(28)), decipher.final()]);
  } catch (cause) {
    throw new WeirError('evidence_broken', 'Something stored under the key-encryption key cannot be opened.', {
      why: 'It was changed, or belongs to something else.',
      cause,
    });
  }
}

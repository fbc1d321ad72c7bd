import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { WeirError } from '@weir/errors';

/** Seals what people sent (statements, parameters) before it is stored: AES-256-GCM, nonce (12) + tag (16) + ciphertext. */
export interface ContentSeal {
  /** `context` binds the content to its row: it opens only with the same one. */
  seal(value: unknown, context: string): Buffer;
  /** @throws WeirError evidence_broken when content or context were changed. */
  open(sealed: Buffer, context: string): unknown;
}

/** Makes the seal of a 32-byte key. */
export function createContentSeal(key: Buffer): ContentSeal {
  return {
    seal: (value, context) => {
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context));
      const body = Buffer.concat([cipher.update(JSON.stringify(value), 'utf8'), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), body]);
    },
    open: (sealed, context) => {
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12), { authTagLength: 16 })
          .setAAD(Buffer.from(context))
          .setAuthTag(sealed.subarray(12, 28));
        const text = Buffer.concat([decipher.update(sealed.subarray(28)), decipher.final()]).toString('utf8');
        return JSON.parse(text) as unknown;
      } catch (cause) {
        throw new WeirError('evidence_broken', `The stored content of ${context} cannot be opened.`, {
          why: 'It was changed, or it was sealed with another key.',
          cause,
        });
      }
    },
  };
}

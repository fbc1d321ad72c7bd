import { randomBytes } from 'node:crypto';
import { decrypt, encrypt, type KeyProvider } from './key-provider.ts';

/** A secret under envelope encryption: encrypted with a key of its own, and that wrapped with the key-encryption key. */
export interface Envelope {
  /** Key-encryption key that wrapped `wrappedKey`. */
  readonly keyId: string;
  readonly wrappedKey: Buffer;
  readonly content: Buffer;
}

/** Seals a secret under the key-encryption key of now. `context` says what it belongs to; it must be given again to open it. */
export async function sealEnvelope(keys: KeyProvider, secret: Buffer, context: string): Promise<Envelope> {
  const dataKey = randomBytes(32);
  const content = encrypt(dataKey, secret, context);
  return { keyId: keys.keyId, wrappedKey: await keys.wrap(dataKey, context), content };
}

/** The reverse of sealEnvelope. @throws WeirError evidence_broken when a key is not there, or anything was changed. */
export async function openEnvelope(keys: KeyProvider, envelope: Envelope, context: string): Promise<Buffer> {
  return decrypt(await keys.unwrap(envelope.keyId, envelope.wrappedKey, context), envelope.content, context);
}

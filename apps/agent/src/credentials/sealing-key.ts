import { generateKeyPairSync } from 'node:crypto';
import type { CredentialUse } from '@weir/session';
import { compactDecrypt } from 'jose';
import { credentialMissing } from './missing.ts';

/** The key to which the gateway seals stored credentials. It lives as long as the process and is nowhere else. */
export interface SealingKey {
  /** SPKI, DER (X25519, RFC 8410): the agent says it in its hello, over its authenticated link. */
  readonly publicKeyDer: Buffer;
  /** Opens a credential (JWE, RFC 7516) that was sealed for this use. @throws WeirError target_unavailable. */
  open(jwe: string, use: CredentialUse): Promise<string>;
}

/** Makes a new key. */
export function createSealingKey(): SealingKey {
  const { publicKey, privateKey } = generateKeyPairSync('x25519');
  return {
    publicKeyDer: publicKey.export({ type: 'spki', format: 'der' }),
    open: async (jwe, use) => {
      let opened: Awaited<ReturnType<typeof compactDecrypt>>;
      try {
        opened = await compactDecrypt(jwe, privateKey, {
          keyManagementAlgorithms: ['ECDH-ES'],
          contentEncryptionAlgorithms: ['A256GCM'],
        });
      } catch (cause) {
        throw credentialMissing('the stored credential was sealed for another agent', cause, 'Connect again.');
      }
      if (opened.protectedHeader['weir-use'] !== use) {
        throw credentialMissing('the stored credential was sealed for another session', undefined, 'Connect again.');
      }
      return Buffer.from(opened.plaintext).toString('utf8');
    },
  };
}

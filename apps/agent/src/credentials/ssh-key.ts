import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { publicKeyOf } from '@weir/ssh-certificate';

/** The key for which the gateway signs user certificates of SSH targets. It lives as long as the process and is nowhere else. */
export interface SshKey {
  readonly privateKey: KeyObject;
  /** ssh-ed25519, wire form (RFC 8709): the agent says it in its hello, over its authenticated link. */
  readonly publicKey: Buffer;
}

/** Makes a new key. */
export function createSshKey(): SshKey {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return { privateKey, publicKey: publicKeyOf(publicKey).blob };
}

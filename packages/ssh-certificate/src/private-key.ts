import { createHash, type KeyObject } from 'node:crypto';
import { lengthAnd, uint32 } from './blob-writer.ts';
import { publicKeyOf } from './public-key.ts';
import { unreadable } from './refusal.ts';

/** The private half of an ed25519 key as OpenSSH and its agent take it: the seed, then the public key. 64 bytes. @throws WeirError invalid_request for other keys */
export function ed25519Secret(key: KeyObject): Buffer {
  const { crv, d = '', x = '' } = key.export({ format: 'jwk' });
  if (crv !== 'Ed25519' || d === '') throw unreadable('only private keys of ed25519 are written');
  return Buffer.concat([Buffer.from(d, 'base64url'), Buffer.from(x, 'base64url')]);
}

/** A private key of ed25519 without passphrase as text of a key file (OpenSSH PROTOCOL.key). @throws WeirError invalid_request for other keys */
export function formatPrivateKey(key: KeyObject, comment = ''): string {
  const secret = ed25519Secret(key);
  const { type, blob } = publicKeyOf(key);
  // It shows a wrong passphrase; without one any number will do.
  const check = createHash('sha256').update(blob).digest().subarray(0, 4);
  const fields = [lengthAnd(type), lengthAnd(secret.subarray(32)), lengthAnd(secret), lengthAnd(comment)];
  const section = Buffer.concat([check, check, ...fields]);
  const padding = Buffer.from(Array.from({ length: (8 - (section.length % 8)) % 8 }, (_, index) => index + 1));
  const whole = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    ...[lengthAnd('none'), lengthAnd('none'), lengthAnd(''), uint32(1), lengthAnd(blob)],
    lengthAnd(Buffer.concat([section, padding])),
  ]);
  const lines = whole.toString('base64').match(/.{1,70}/g) ?? [];
  return ['-----BEGIN OPENSSH PRIVATE KEY-----', ...lines, '-----END OPENSSH PRIVATE KEY-----', ''].join('\n');
}

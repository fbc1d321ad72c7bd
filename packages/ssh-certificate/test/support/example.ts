import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import {
  type CertificateClaims,
  issueCertificate,
  parseCertificate,
  publicKeyOf,
  type SshCertificate,
  type SshPublicKey,
  signWith,
} from '../../src/index.ts';

/** A key pair of a test. */
export interface Pair {
  readonly secret: KeyObject;
  readonly key: SshPublicKey;
}

export function pair(kind: 'ed25519' | 'P-256' | 'P-384' | 'P-521' | 'rsa' = 'ed25519'): Pair {
  const made =
    kind === 'ed25519'
      ? generateKeyPairSync('ed25519')
      : kind === 'rsa'
        ? generateKeyPairSync('rsa', { modulusLength: 2048 })
        : generateKeyPairSync('ec', { namedCurve: kind });
  return { secret: made.privateKey, key: publicKeyOf(made.publicKey) };
}

/** 1 January 2026. */
export const nowMs = Date.UTC(2026, 0, 1);
export const authority = pair();
export const subject = pair();

/** A certificate that is good for alice now, changed as the test wants. */
export function certificate(changes: Partial<CertificateClaims> = {}, signer: Pair = authority): SshCertificate {
  const now = BigInt(nowMs / 1000);
  const claims: CertificateClaims = {
    kind: 'user',
    key: subject.key,
    serial: 7n,
    keyId: 'weir:alice',
    principals: ['alice'],
    validAfter: now - 60n,
    validBefore: now + 300n,
    criticalOptions: new Map(),
    extensions: ['permit-pty'],
    ...changes,
  };
  const [algorithm = ''] = signer.key.algorithms;
  const blob = issueCertificate(claims, signer.key, Buffer.alloc(32, 5), (data) =>
    signWith(signer.secret, algorithm, data),
  );
  return parseCertificate(blob);
}

/** The same key without what Node knows of it beside its numbers. */
export function reopened({ secret }: Pair): KeyObject {
  return createPrivateKey({ key: secret.export({ type: 'pkcs8', format: 'der' }), type: 'pkcs8', format: 'der' });
}

import { isWeirError } from '@weir/errors';
import {
  isCertificateType,
  parseCertificate,
  parsePublicKey,
  plainTypeOf,
  type SignatureFacts,
  type SshCertificate,
  type SshPublicKey,
  verifySignature,
} from '@weir/ssh-certificate';
import type { SshAttempt } from '../../dataplane/ports.ts';

type KeyAttempt = Extract<SshAttempt, { method: 'publickey' }>;

/** A key that a client offers. */
export interface OfferedKey {
  readonly key: SshPublicKey;
  readonly certificate: SshCertificate | undefined;
}

/** Reads what a client offers. @returns why it is not looked at any further, when it is malformed, weak, or of an algorithm that does not fit */
export function readOfferedKey({ algorithm, key: blob }: KeyAttempt): OfferedKey | { readonly why: string } {
  try {
    const certificate = isCertificateType(algorithm) ? parseCertificate(blob) : undefined;
    const key = certificate?.key ?? parsePublicKey(blob);
    if (key.algorithms.includes(plainTypeOf(algorithm))) return { key, certificate };
    return { why: `${algorithm.slice(0, 60)} does not fit the key` };
  } catch (error) {
    if (!isWeirError(error)) throw error;
    return { why: error.why ?? error.message };
  }
}

/** Checks that the client holds the key. A security key must have been touched. @returns why not, when it does not */
export function checkProof(
  { key }: OfferedKey,
  { algorithm, proof }: KeyAttempt,
): SignatureFacts | { readonly why: string } {
  if (proof === undefined) return { why: 'it was not signed' };
  const facts = verifySignature(key, proof.data, proof.signature);
  if (facts === undefined || facts.algorithm !== plainTypeOf(algorithm)) return { why: 'its signature is wrong' };
  if (facts.securityKey?.isTouched === false) return { why: 'nobody touched the security key' };
  return facts;
}

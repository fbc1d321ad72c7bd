import { includesAddress } from './address-list.ts';
import type { SshCertificate } from './certificate.ts';
import type { SshPublicKey } from './public-key.ts';
import { verifySignature } from './signature.ts';

/** What a certificate must be. */
export interface CertificateExpectation {
  readonly kind: 'user' | 'host';
  /** Keys of the authorities that are trusted. */
  readonly authorities: readonly Pick<SshPublicKey, 'blob'>[];
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  /** Must be among its principals, letter by letter. */
  readonly principal: string;
  /** Address of the peer, for `source-address`; undefined = not known, and a certificate that asks for one is refused. */
  readonly address: string | undefined;
}

/** What the check found. */
export type CertificateVerdict =
  | {
      readonly isValid: true;
      /** Only this command may run. */
      readonly forceCommand: string | undefined;
      /** Signatures of its security key must say that a PIN or a finger was given. */
      readonly isVerifyRequired: boolean;
    }
  | {
      readonly isValid: false;
      /** Half a sentence: `it has expired`. */
      readonly why: string;
    };

const knownOptions = ['force-command', 'source-address', 'verify-required'];

/** Is the certificate of a trusted authority and good for this use now? That its owner holds the key shows a signature of his, which is not looked at here. */
export function checkCertificate(certificate: SshCertificate, expected: CertificateExpectation): CertificateVerdict {
  const no = (why: string): CertificateVerdict => ({ isValid: false, why });
  const { authority, signed, signature, criticalOptions } = certificate;
  if (!expected.authorities.some(({ blob }) => blob.equals(authority.blob))) return no('its authority is not trusted');
  if (verifySignature(authority, signed, signature) === undefined) return no('its signature is wrong');
  if (authority.application !== undefined) return no('its authority is a security key');
  if (certificate.kind !== expected.kind) return no(`it is for a ${certificate.kind}, not for a ${expected.kind}`);
  const now = BigInt(Math.floor(expected.nowMs / 1000));
  if (now < certificate.validAfter) return no('it is not valid yet');
  if (now >= certificate.validBefore) return no('it has expired');
  if (!certificate.principals.includes(expected.principal)) return no('it is for somebody else');
  const unknown = [...criticalOptions.keys()].find((name) => !knownOptions.includes(name));
  if (unknown !== undefined) return no(`its critical option ${JSON.stringify(unknown)} is not known`);
  if (expected.kind === 'host' && criticalOptions.size > 0) return no('a host has no critical options');
  const addresses = criticalOptions.get('source-address');
  if (addresses !== undefined && !includesAddress(addresses, expected.address)) {
    return no('it is for other client addresses');
  }
  const isVerifyRequired = criticalOptions.has('verify-required');
  return { isValid: true, forceCommand: criticalOptions.get('force-command'), isVerifyRequired };
}

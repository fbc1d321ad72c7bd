import { WeirError } from '@weir/errors';
import {
  checkCertificate,
  fingerprintOf,
  isCertificateType,
  parseCertificate,
  parseKeyLine,
  parsePublicKey,
  type SshPublicKey,
} from '@weir/ssh-certificate';

/** Where a host is, for sentences, and what its key must be. */
export interface HostPins {
  readonly host: string;
  readonly port: number;
  /** `SHA256:…`, or `@cert-authority TYPE KEY`. */
  readonly hostKeys: readonly string[];
}

/** What became of a host's key. */
export type HostKeyVerdict =
  | { readonly isTrusted: true; readonly type: string; readonly fingerprint: string; readonly key: SshPublicKey }
  | { readonly isTrusted: false; readonly type: string; readonly fingerprint: string; readonly error: WeirError };

/** Host keys are shown by plain types first: who pins a fingerprint has read it there. */
const plainAlgorithms = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
] as const;
const authorityPrefix = '@cert-authority ';

/** The algorithms to ask a host for: with an authority among the pins, its certificate first. */
export function hostKeyAlgorithms({ hostKeys }: Pick<HostPins, 'hostKeys'>): readonly string[] {
  const hasAuthority = hostKeys.some((pin) => pin.startsWith(authorityPrefix));
  return hasAuthority ? [hostCertificateAlgorithm, ...plainAlgorithms] : plainAlgorithms;
}

/** The one kind of host certificate that is asked for. */
export const hostCertificateAlgorithm = 'ssh-ed25519-cert-v01@openssh.com';

/** Is the key that a host shows one that an administrator has decided for? `blob`: the key, or a certificate of it. */
export function judgeHostKey(pins: HostPins, blob: Buffer, nowMs: number): HostKeyVerdict {
  const where = `${pins.host}:${pins.port}`;
  const { key, certificate } = readHostKey(blob);
  const fingerprint = fingerprintOf(key);
  const { type } = key;
  const refused = (message: string, fix: string): HostKeyVerdict => ({
    isTrusted: false,
    type,
    fingerprint,
    error: new WeirError('target_unavailable', message, { why: `Its ${key.type} key is ${fingerprint}.`, fix }),
  });
  if (pins.hostKeys.includes(fingerprint)) return { isTrusted: true, type, fingerprint, key };
  const authorities = authoritiesOf(pins.hostKeys);
  if (certificate !== undefined && authorities.length > 0) {
    const verdict = checkCertificate(certificate, {
      ...{ kind: 'host', authorities, nowMs, address: undefined },
      principal:
        certificate.principals.find((name) => name === pins.host || name === `[${pins.host}]:${pins.port}`) ??
        pins.host,
    });
    if (verdict.isValid) return { isTrusted: true, type, fingerprint, key };
    return refused(
      `the certificate of the host ${where} is refused: ${verdict.why}`,
      'Have the host key signed anew for the name that the connection has, or pin its fingerprint.',
    );
  }
  if (pins.hostKeys.length === 0) {
    return refused(
      `the host key of ${where} is not known yet: ${fingerprint}`,
      `An administrator compares it with the host's own (ssh-keygen -lf /etc/ssh/ssh_host_*.pub there), then: weir connections pin NAME --fingerprint ${fingerprint}`,
    );
  }
  return refused(
    `THE HOST KEY OF ${where} HAS CHANGED: it shows ${fingerprint}, which is not among the pinned ones. Somebody may be in the middle`,
    `If the host has a new key, an administrator pins it: weir connections pin NAME --fingerprint ${fingerprint}`,
  );
}

function readHostKey(blob: Buffer) {
  const type = blob.subarray(4, 4 + blob.readUInt32BE(0)).toString('latin1');
  if (!isCertificateType(type)) return { key: parsePublicKey(blob), certificate: undefined };
  const certificate = parseCertificate(blob);
  return { key: certificate.key, certificate };
}

const authoritiesOf = (hostKeys: readonly string[]) =>
  hostKeys
    .filter((pin) => pin.startsWith(authorityPrefix))
    .map((pin) => parseKeyLine(pin.slice(authorityPrefix.length)).key);

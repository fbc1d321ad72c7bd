import { X509Certificate } from 'node:crypto';
import { writeFileAtomically } from '../config/write-file.ts';
import type { AuthorityRow } from '../store/authorities.ts';
import { type AuthorityVault, caFileOf } from './authority-vault.ts';
import type { CertificateAuthority, IssuedCertificate } from './certificate-authority.ts';

/** The gateway's CAs: one, or two while one replaces the other. */
export interface Authorities {
  /** All that are trusted, PEM, newest first. */
  readonly bundle: string;
  /** SHA-256 of them, newest first. */
  readonly pins: readonly string[];
  /** Is one replacing another? */
  readonly isRotating: boolean;
  /** By the newest CA. */
  signAgent(...request: Parameters<CertificateAuthority['signAgent']>): Promise<IssuedCertificate>;
  /** By the oldest CA that is trusted: clients that know only that one must find the gateway until it is dropped. */
  issueServer: CertificateAuthority['issueServer'];
  /** Did one that is trusted sign the certificate (at whatever time)? */
  hasSigned(certificate: X509Certificate): boolean;
  /** When the CA was dropped that signed the certificate; undefined when none of those did. */
  droppedAt(certificate: X509Certificate): Promise<Date | undefined>;
  /** Is this CA (null: the first) trusted? */
  isTrusted(issuer: string | null): boolean;
  /** Is a certificate of this CA (null: the first) of the newest? */
  isNewest(issuer: string | null): boolean;
  rows(): Promise<AuthorityRow[]>;
  /** Adds a CA, which signs agents once all listeners know it. */
  add(by: string, othersRetireAt: Date, before: (id: string) => Promise<void>): Promise<void>;
  /** Drops all but the newest. */
  drop(): Promise<void>;
  /** Told of each change, and waited for. */
  onChange(listener: () => Promise<void>): void;
}

/** Loads the CAs and writes their certificates to where clients find them. */
export async function loadAuthorities(vault: AuthorityVault, stateDir: string): Promise<Authorities> {
  let trusted = (await vault.load()).reverse();
  const [first] = trusted;
  if (first === undefined) throw new Error('the vault has no CA');
  let newest = first;
  const firstId = (await vault.rows())[0]?.id;
  const listeners: (() => Promise<void>)[] = [];
  const bundleOf = () => trusted.map(({ certificate }) => certificate).join('');
  const changed = async (): Promise<void> => {
    await writeFileAtomically(caFileOf(stateDir), bundleOf(), 0o644);
    for (const listener of listeners) await listener();
  };
  await changed();
  return {
    get bundle() {
      return bundleOf();
    },
    get pins() {
      return trusted.map(({ pin }) => pin);
    },
    get isRotating() {
      return trusted.length > 1;
    },
    signAgent: (...request) => newest.signAgent(...request),
    issueServer: (hosts, nowMs) => (trusted.at(-1) ?? newest).issueServer(hosts, nowMs),
    hasSigned: (certificate) => trusted.some((authority) => authority.hasSigned(certificate)),
    droppedAt: async (certificate) => {
      const retired = (await vault.rows()).filter((row) => row.retired_at !== null);
      const signer = retired.find((row) => hasSigned(new X509Certificate(row.certificate), certificate));
      return signer?.retired_at ?? undefined;
    },
    isTrusted: (issuer) => trusted.some(({ pin }) => pin === (issuer ?? firstId)),
    isNewest: (issuer) => (issuer ?? firstId) === newest.pin,
    rows: () => vault.rows(),
    add: async (by, othersRetireAt, before) => {
      const added = await vault.create({ by, othersRetireAt, before });
      trusted = [added, ...trusted];
      await changed();
      newest = added;
    },
    drop: async () => {
      for (const { pin } of trusted.slice(1)) await vault.retire(pin);
      trusted = [newest];
      await changed();
    },
    onChange: (listener) => {
      listeners.push(listener);
    },
  };
}

function hasSigned(authority: X509Certificate, leaf: X509Certificate): boolean {
  return leaf.checkIssued(authority) && leaf.verify(authority.publicKey);
}

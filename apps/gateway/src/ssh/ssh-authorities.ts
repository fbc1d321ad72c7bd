import { randomBytes } from 'node:crypto';
import {
  type CertificateClaims,
  issueCertificate,
  parseCertificate,
  type SshCertificate,
  type SshPublicKey,
  signWith,
} from '@weir/ssh-certificate';
import type { SshAuthorityRow } from '../store/ssh-authorities.ts';
import type { SshSigningKey, SshVault } from './ssh-vault.ts';

/**
 * The CAs of SSH, one for each purpose, or two while one replaces the other. `users` signs people and machines for the gateway's listener; `targets` signs for hosts,
 * which trust it by TrustedUserCAKeys; `hosts` signs the listener's host keys.
 */
export type SshAuthorityPurpose = 'users' | 'targets' | 'hosts';

/** All purposes. */
export const sshAuthorityPurposes: readonly SshAuthorityPurpose[] = ['users', 'targets', 'hosts'];

/** The CAs and host keys of SSH. */
export interface SshAuthorities {
  /** Those that are trusted, newest first. */
  trusted(purpose: SshAuthorityPurpose): readonly SshPublicKey[];
  /**
   * Issues a certificate. The newest CA signs users, because the gateway alone has to know it. The oldest that is trusted signs for targets and hosts:
   * what others have to know of the new one gets time to be told.
   */
  issue(purpose: SshAuthorityPurpose, claims: CertificateClaims): SshCertificate;
  /** The listener's own host keys, in order of preference. */
  hostKeys(): readonly SshSigningKey[];
  isRotating(purpose: SshAuthorityPurpose): boolean;
  rows(): Promise<SshAuthorityRow[]>;
  /** Adds a CA; the others of its purpose retire then. */
  add(
    purpose: SshAuthorityPurpose,
    by: string,
    othersRetireAt: Date,
    before: (id: string) => Promise<void>,
  ): Promise<void>;
  /** Drops all but the newest. */
  drop(purpose: SshAuthorityPurpose): Promise<void>;
}

/** Loads them. */
export async function loadSshAuthorities(vault: SshVault): Promise<SshAuthorities> {
  let keys = await vault.load();
  const of = (purpose: SshSigningKey['purpose']) => keys.filter((key) => key.purpose === purpose);
  return {
    trusted: (purpose) =>
      of(purpose)
        .map(({ publicKey }) => publicKey)
        .reverse(),
    issue: (purpose, claims) => {
      const signer = of(purpose).at(purpose === 'users' ? -1 : 0);
      if (signer === undefined) throw new Error(`the vault has no SSH CA for ${purpose}`);
      const { publicKey, privateKey } = signer;
      const blob = issueCertificate(claims, publicKey, randomBytes(32), (data) =>
        signWith(privateKey, publicKey.algorithms[0] ?? '', data),
      );
      return parseCertificate(blob);
    },
    hostKeys: () => of('listener'),
    isRotating: (purpose) => of(purpose).length > 1,
    rows: () => vault.rows(),
    add: async (purpose, by, othersRetireAt, before) => {
      keys = [...keys, await vault.create({ purpose, by, othersRetireAt, before })];
    },
    drop: async (purpose) => {
      const left = of(purpose).slice(0, -1);
      for (const { id } of left) await vault.retire(id);
      keys = keys.filter((key) => !left.includes(key));
    },
  };
}

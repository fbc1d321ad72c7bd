import { z } from 'zod';
import { nameSchema } from './name-schema.ts';

/** A public key or certificate as a line of text: `ssh-ed25519 AAAA… comment`. */
const lineSchema = z.string().min(1).max(20_000);

/** What SSH clients and hosts have to know of the gateway. It holds no secret. */
export const sshTrustSchema = z.object({
  /** Where the listener is reached; null = there is none. */
  listener: z.object({ host: z.string(), port: z.int() }).nullable(),
  /** The listener's own keys, best first. */
  hostKeys: z.array(z.string()),
  /** CAs that sign the listener's keys, newest first. */
  hostAuthorities: z.array(z.string()),
  /** CAs that sign for hosts, newest first: for TrustedUserCAKeys of sshd_config. */
  targetAuthorities: z.array(z.string()),
  /** CAs whose user certificates the listener takes, newest first. */
  userAuthorities: z.array(z.string()),
  /** Lines for a client's known_hosts. */
  knownHosts: z.array(z.string()),
});

/** What a CA signs. `users`: people and machines, for the gateway's listener. `targets`: agents, for hosts. `hosts`: the listener's keys. */
export const sshAuthorityPurposeSchema = z.enum(['users', 'targets', 'hosts']);
/** A CA. `current` signs, or will when the leaving one is dropped; `leaving` is trusted until `retiresAt`. */
export const sshAuthoritySchema = z.object({
  /** `SHA256:…` of its key. */
  id: z.string(),
  purpose: sshAuthorityPurposeSchema,
  publicKey: z.string(),
  state: z.enum(['current', 'leaving', 'dropped']),
  createdBy: z.string(),
  createdAt: z.iso.datetime(),
  retiresAt: z.iso.datetime().nullable(),
});
/** How long both CAs are trusted, seconds. */
export const rotateSshAuthorityRequestSchema = z.strictObject({
  overlapSeconds: z.int().min(10).max(31_536_000).default(604_800),
});

/** A key that signs its owner in at the SSH listener. */
export const sshKeySchema = z.object({
  id: z.string(),
  label: z.string(),
  fingerprint: z.string(),
  /** E.g. `ssh-ed25519`, `sk-ssh-ed25519@openssh.com`. */
  type: z.string(),
  publicKey: z.string(),
  createdBy: z.string(),
  createdAt: z.iso.datetime(),
  lastUsedAt: z.iso.datetime().nullable(),
  /** Address that it was last used from. */
  lastUsedFrom: z.string().nullable(),
});
/** POST /ssh/keys. The label is the key's comment when none is given. */
export const addSshKeyRequestSchema = z.strictObject({
  publicKey: lineSchema,
  label: z.string().trim().min(1).max(100).optional(),
});

/** POST /ssh/certificates: a certificate for this key, which signs in as the caller as long as his sign-in lasts. */
export const issueSshCertificateRequestSchema = z.strictObject({
  publicKey: lineSchema,
  /** Life, seconds; at most 8 hours, and no longer than the sign-in. */
  seconds: z.int().min(60).max(28_800).default(3_600),
});
/** A certificate. */
export const sshCertificateSchema = z.object({
  /** A line as in a `-cert.pub` file. */
  certificate: z.string(),
  /** Decimal. */
  serial: z.string(),
  principals: z.array(nameSchema),
  expiresAt: z.iso.datetime(),
});

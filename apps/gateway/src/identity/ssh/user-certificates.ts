import { randomBytes } from 'node:crypto';
import type { SshCertificate as IssuedCertificate, IssueSshCertificateRequest } from '@weir/api';
import { isWeirError, WeirError } from '@weir/errors';
import { fingerprintOf, formatKeyLine, parseKeyLine, type SshCertificate } from '@weir/ssh-certificate';
import type { AuditLog } from '../../audit/audit-log.ts';
import type { SshAuthorities } from '../../ssh/ssh-authorities.ts';
import type { SshKeyRepository } from '../../store/ssh-keys.ts';
import type { Caller } from '../caller.ts';
import type { Identity } from '../identity.ts';

/** Certificates of people and machines for the SSH listener. */
export interface UserCertificates {
  /** For a key of the caller; it ends with his sign-in, also before its own time. @throws WeirError invalid_request. */
  issue(caller: Caller, request: IssueSshCertificateRequest): Promise<IssuedCertificate>;
  /** Who holds a certificate that was checked, as he is now. @returns why not, when its sign-in has ended */
  callerOf(certificate: SshCertificate, address: string): Promise<Caller | { readonly why: string }>;
}

/** What they stand on. */
export interface UserCertificateParts {
  readonly authorities: Pick<SshAuthorities, 'issue'>;
  readonly keys: Pick<SshKeyRepository, 'insertCertificate' | 'findCertificate'>;
  readonly identity: Pick<Identity, 'ofSignIn'>;
  readonly audit: AuditLog;
  readonly now: () => number;
}

/** Clients whose clocks are that much behind show it in time, too. */
const skewSeconds = 60n;
const defaultSeconds = 3_600;
const extensions = ['permit-agent-forwarding', 'permit-port-forwarding', 'permit-pty'];

/** Makes the use-cases. */
export function createUserCertificates(parts: UserCertificateParts): UserCertificates {
  const { authorities, keys, identity, audit, now } = parts;
  return {
    issue: async (caller, { publicKey, seconds = defaultSeconds }) => {
      const { key, certificate } = parseKeyLine(publicKey);
      if (certificate !== undefined) throw new WeirError('invalid_request', 'This is a certificate already.');
      const ends = [now() + seconds * 1000, caller.expiresAt.getTime(), caller.machine?.endsAt.getTime()];
      const expiresAtMs = Math.floor(Math.min(...ends.filter((end) => end !== undefined)) / 1000) * 1000;
      const serial = randomBytes(8).readBigUInt64BE();
      const fingerprint = fingerprintOf(key);
      const after = { serial: String(serial), fingerprint, until: new Date(expiresAtMs).toISOString() };
      const detail = { before: null, after, address: caller.clientAddress };
      await audit.append({ actor: caller.name, action: 'ssh-certificate-issued', subject: caller.name, detail });
      await keys.insertCertificate({
        ...{ serial: String(serial), user_id: caller.id, fingerprint },
        sign_in: Buffer.from(caller.tokenId, 'hex'),
        ...{ issued_at: new Date(now()), expires_at: new Date(expiresAtMs) },
      });
      const { type, blob } = authorities.issue('users', {
        kind: 'user',
        ...{ key, serial, keyId: `weir:${caller.name}`, principals: [caller.name], extensions },
        validAfter: BigInt(Math.floor(now() / 1000)) - skewSeconds,
        validBefore: BigInt(expiresAtMs / 1000),
        criticalOptions: new Map(),
      });
      return {
        certificate: formatKeyLine(type, blob, `weir:${caller.name}`),
        ...{ serial: String(serial), principals: [caller.name] },
        expiresAt: new Date(expiresAtMs).toISOString(),
      };
    },
    callerOf: async ({ serial, key, principals }, address) => {
      const row = await keys.findCertificate(String(serial), new Date(now()));
      if (row === undefined || row.fingerprint !== fingerprintOf(key)) return { why: 'no sign-in belongs to it' };
      try {
        const caller = await identity.ofSignIn(row.sign_in.toString('hex'), address);
        if (caller.id === row.user_id && principals.includes(caller.name)) return caller;
        return { why: 'it is of another account' };
      } catch (error) {
        if (!isWeirError(error) || error.code !== 'sign_in_required') throw error;
        return { why: error.why ?? error.message };
      }
    },
  };
}

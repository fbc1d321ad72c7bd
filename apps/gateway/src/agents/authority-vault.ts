import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { WeirError } from '@weir/errors';
import type { AuditLog } from '../audit/audit-log.ts';
import { openEnvelope, sealEnvelope } from '../credentials/envelope.ts';
import type { KeyProvider } from '../credentials/key-provider.ts';
import type { AuthorityRepository, AuthorityRow } from '../store/authorities.ts';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  openCertificateAuthority,
  pinOf,
} from './certificate-authority.ts';

/** Keeps the CAs in the store: their keys are encrypted under keys of their own, and those under the key-encryption key. */
export interface AuthorityVault {
  /** The CAs that are not retired, oldest first; the first one is made (or taken over from the state folder) when there is none. */
  load(): Promise<CertificateAuthority[]>;
  /** All CAs that there ever were, oldest first. */
  rows(): Promise<AuthorityRow[]>;
  /** Makes a CA and stores it; those that are there retire at `othersRetireAt`. Nothing is changed when `before` rejects. */
  create(options: {
    readonly by: string;
    readonly othersRetireAt: Date | null;
    before(id: string): Promise<void>;
  }): Promise<CertificateAuthority>;
  retire(id: string): Promise<void>;
}

/** What the vault stands on. */
export interface VaultParts {
  readonly stateDir: string;
  readonly authorities: AuthorityRepository;
  readonly keys: KeyProvider;
  readonly audit: AuditLog;
  readonly now: () => number;
}

/** Makes the vault. */
export function createAuthorityVault(parts: VaultParts): AuthorityVault {
  const { authorities, audit, now } = parts;
  const create: AuthorityVault['create'] = async ({ by, othersRetireAt, before }) => {
    const { authority, key } = await createCertificateAuthority(now());
    await before(authority.pin);
    const { certificate, pin } = authority;
    const sealed = await sealEnvelope(parts.keys, key, contextOf(pin));
    await authorities.insert({ id: pin, certificate, by, at: new Date(now()), ...sealed }, othersRetireAt);
    return authority;
  };
  const makeFirst = async (): Promise<void> => {
    const found = await readOldFiles(parts.stateDir);
    const note = (id: string) =>
      audit.append({
        actor: 'gateway',
        action: 'ca-created',
        subject: id,
        detail: { from: found === undefined ? 'a new key' : 'the state folder' },
      });
    if (found === undefined) {
      await create({ by: 'gateway', othersRetireAt: null, before: note });
      return;
    }
    const id = pinOf(new X509Certificate(found.certificate));
    await note(id);
    const sealed = await sealEnvelope(parts.keys, found.key, contextOf(id));
    const { certificate } = found;
    await authorities.insert({ id, certificate, by: 'gateway', at: new Date(now()), ...sealed }, null);
  };
  return {
    create,
    rows: () => authorities.list(),
    retire: (id) => authorities.retire(id, new Date(now())),
    load: async () => {
      if ((await authorities.list()).length === 0) await makeFirst();
      const rows = (await authorities.list()).filter((row) => row.retired_at === null);
      const loaded: CertificateAuthority[] = [];
      for (const row of rows) loaded.push(await openCertificateAuthority(row.certificate, await unseal(parts, row)));
      // Only now: until the store has shown that it can be opened, the file is the only copy.
      await rm(keyFileOf(parts.stateDir), { force: true });
      return loaded;
    },
  };
}

/** Where clients find the certificates of the CAs. */
export function caFileOf(stateDir: string): string {
  return join(stateDir, 'ca', 'ca.crt');
}

const keyFileOf = (stateDir: string) => join(stateDir, 'ca', 'ca.key');
const contextOf = (id: string) => JSON.stringify(['weir ca', id]);

/** What is bound to the certificate cannot be opened for another one, so nobody who writes to the store can put a CA of his own there. */
async function unseal(parts: VaultParts, row: AuthorityRow): Promise<Buffer> {
  const { authorities, keys } = parts;
  const id = pinOf(new X509Certificate(row.certificate));
  const { key_id: keyId, wrapped_key: wrappedKey, content } = row;
  if (id !== row.id || keyId === null || wrappedKey === null || content === null) {
    throw new WeirError('evidence_broken', `The CA ${row.id} in the store was changed.`, {
      fix: 'Restore the store from a backup.',
    });
  }
  const key = await openEnvelope(keys, { keyId, wrappedKey, content }, contextOf(id));
  if (keyId !== keys.keyId) await authorities.reseal(id, await sealEnvelope(keys, key, contextOf(id)));
  return key;
}

/** The CA of versions that kept its key in a file. */
async function readOldFiles(stateDir: string): Promise<{ certificate: string; key: Buffer } | undefined> {
  const [key, certificate] = await Promise.all([tryRead(keyFileOf(stateDir)), tryRead(caFileOf(stateDir))]);
  if (key === undefined) return undefined;
  if (certificate === undefined) {
    throw new WeirError('internal', `The CA in ${join(stateDir, 'ca')} is incomplete.`, {
      why: 'ca.crt is missing, and a new CA would lock all agents out.',
      fix: 'Restore it from a backup, or remove ca.key and enrol all agents again.',
    });
  }
  return { certificate, key: createPrivateKey(key).export({ type: 'pkcs8', format: 'der' }) };
}

async function tryRead(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

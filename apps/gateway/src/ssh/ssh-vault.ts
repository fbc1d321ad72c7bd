import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { WeirError } from '@weir/errors';
import { fingerprintOf, formatKeyLine, publicKeyOf, type SshPublicKey } from '@weir/ssh-certificate';
import type { AuditLog } from '../audit/audit-log.ts';
import { type Envelope, openEnvelope, sealEnvelope } from '../credentials/envelope.ts';
import type { KeyProvider } from '../credentials/key-provider.ts';
import type { SshAuthorityRepository, SshAuthorityRow, SshKeyPurpose } from '../store/ssh-authorities.ts';

/** A key of the gateway, opened. */
export interface SshSigningKey {
  /** `SHA256:…` */
  readonly id: string;
  readonly purpose: SshKeyPurpose;
  readonly publicKey: SshPublicKey;
  readonly privateKey: KeyObject;
}

/** Keeps the gateway's SSH keys in the store: each is encrypted under a key of its own, and that under the key-encryption key. */
export interface SshVault {
  /** Those that are not retired, oldest first. What is missing is made: a CA for each purpose, and the listener's host keys. */
  load(): Promise<SshSigningKey[]>;
  /** All that there ever were, oldest first. */
  rows(): Promise<SshAuthorityRow[]>;
  /** Makes a CA and stores it; those of its purpose retire at `othersRetireAt`. Nothing is changed when `before` rejects. */
  create(options: {
    readonly purpose: SshKeyPurpose;
    readonly by: string;
    readonly othersRetireAt: Date | null;
    before(id: string): Promise<void>;
  }): Promise<SshSigningKey>;
  retire(id: string): Promise<void>;
}

/** What the vault stands on. */
export interface SshVaultParts {
  readonly authorities: SshAuthorityRepository;
  readonly keys: KeyProvider;
  readonly audit: AuditLog;
  readonly now: () => number;
}

type Algorithm = 'ed25519' | 'P-256';
/** What is there after the first start. Clients that know no ed25519 take the listener's other key. */
const wanted: readonly (readonly [SshKeyPurpose, readonly Algorithm[]])[] = [
  ['users', ['ed25519']],
  ['targets', ['ed25519']],
  ['hosts', ['ed25519']],
  ['listener', ['ed25519', 'P-256']],
];

/** Makes the vault. */
export function createSshVault(parts: SshVaultParts): SshVault {
  const { authorities, audit, now } = parts;
  const store = async (
    purpose: SshKeyPurpose,
    algorithm: Algorithm,
    { by, othersRetireAt, before }: Pick<Parameters<SshVault['create']>[0], 'by' | 'othersRetireAt' | 'before'>,
  ): Promise<SshSigningKey> => {
    const key = keyOf(purpose, newKey(algorithm));
    await before(key.id);
    const { type, blob } = key.publicKey;
    const sealed = await seal(parts, key);
    const row = { id: key.id, purpose, publicKey: formatKeyLine(type, blob), by, at: new Date(now()), ...sealed };
    await authorities.insert(row, othersRetireAt);
    return key;
  };
  const makeMissing = async (): Promise<void> => {
    const rows = await authorities.list();
    for (const [purpose, algorithms] of wanted) {
      if (rows.some((row) => row.purpose === purpose)) continue;
      for (const algorithm of algorithms) {
        const before = (id: string) =>
          audit.append({ actor: 'gateway', action: 'ssh-key-created', subject: id, detail: { purpose, algorithm } });
        await store(purpose, algorithm, { by: 'gateway', othersRetireAt: null, before });
      }
    }
  };
  return {
    create: (options) => store(options.purpose, 'ed25519', options),
    rows: () => authorities.list(),
    retire: (id) => authorities.retire(id, new Date(now())),
    load: async () => {
      await makeMissing();
      const rows = (await authorities.list()).filter((row) => row.retired_at === null);
      const loaded: SshSigningKey[] = [];
      for (const row of rows) loaded.push(await unseal(parts, row));
      return loaded;
    },
  };
}

function newKey(algorithm: Algorithm): KeyObject {
  if (algorithm === 'ed25519') return generateKeyPairSync('ed25519').privateKey;
  return generateKeyPairSync('ec', { namedCurve: algorithm }).privateKey;
}

function keyOf(purpose: SshKeyPurpose, privateKey: KeyObject): SshSigningKey {
  const publicKey = publicKeyOf(privateKey);
  return { id: fingerprintOf(publicKey), purpose, publicKey, privateKey };
}

const contextOf = (purpose: SshKeyPurpose, id: string) => JSON.stringify(['weir ssh key', purpose, id]);

function seal({ keys }: SshVaultParts, { id, purpose, privateKey }: SshSigningKey): Promise<Envelope> {
  return sealEnvelope(keys, privateKey.export({ type: 'pkcs8', format: 'der' }), contextOf(purpose, id));
}

/** Purpose and fingerprint are bound to the content: nobody who writes to the store makes a CA of a host key, or a CA of his own. */
async function unseal(parts: SshVaultParts, row: SshAuthorityRow): Promise<SshSigningKey> {
  const { id, purpose, key_id: keyId, wrapped_key: wrappedKey, content } = row;
  const changed = () =>
    new WeirError('evidence_broken', `The SSH key ${id} in the store was changed.`, {
      fix: 'Restore the store from a backup.',
    });
  if (keyId === null || wrappedKey === null || content === null) throw changed();
  const der = await openEnvelope(parts.keys, { keyId, wrappedKey, content }, contextOf(purpose, id));
  const key = keyOf(purpose, createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
  const { type, blob } = key.publicKey;
  if (key.id !== id || row.public_key !== formatKeyLine(type, blob)) throw changed();
  if (keyId !== parts.keys.keyId) await parts.authorities.reseal(id, await seal(parts, key));
  return key;
}

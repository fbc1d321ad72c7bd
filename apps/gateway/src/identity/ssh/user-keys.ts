import type { AddSshKeyRequest, SshKey } from '@weir/api';
import { WeirError } from '@weir/errors';
import { fingerprintOf, formatKeyLine, parseKeyLine } from '@weir/ssh-certificate';
import type { AuditLog } from '../../audit/audit-log.ts';
import type { SshKeyRepository, SshKeyRow } from '../../store/ssh-keys.ts';
import type { UserRepository, UserRow } from '../../store/users.ts';
import { accountOf, refuseSelf } from '../accounts/whose-account.ts';
import type { Caller } from '../caller.ts';
import type { LocalAccounts } from '../local-accounts.ts';
import { requireOwnAccount } from '../passkeys/sign-in-rules.ts';
import { shortId } from '../short-id.ts';
import { keySignIn } from './ssh-sign-ins.ts';

/** Keys that sign people in at the SSH listener. */
export interface UserKeys {
  /** Own ones, oldest first. */
  list(caller: Caller): Promise<SshKey[]>;
  /** @throws WeirError not_permitted (the sign-in is not fresh), conflict (a service; a key that is taken; too many), invalid_request. */
  add(caller: Caller, request: AddSshKeyRequest): Promise<SshKey>;
  /** Ends what the key has opened. @throws WeirError not_found. */
  remove(caller: Caller, id: string): Promise<void>;
  /** Of an account. @throws WeirError not_found. */
  listOf(name: string): Promise<SshKey[]>;
  /** @throws WeirError not_found, not_permitted (the own account), conflict, invalid_request. */
  addOf(name: string, request: AddSshKeyRequest, by: Caller): Promise<SshKey>;
  /** @throws WeirError not_found. */
  removeOf(name: string, id: string, by: Caller): Promise<void>;
}

/** What they stand on. */
export interface UserKeyParts {
  readonly keys: SshKeyRepository;
  readonly users: Pick<UserRepository, 'findByName' | 'findById'>;
  readonly local: LocalAccounts;
  /** Ends the sessions that a key opened. */
  readonly endSignIn: (tokenId: string) => Promise<void>;
  readonly audit: AuditLog;
  readonly now: () => number;
}

/** How fresh a proof must be to add a key: it lasts longer than the sign-in. */
const freshMs = 600_000;
const maxKeys = 50;

/** Makes the use-cases. */
export function createUserKeys(parts: UserKeyParts): UserKeys {
  const { keys, users, audit, now } = parts;
  const listOf = async (userId: string) => (await keys.listOf(userId)).map(viewOf);
  const add = async (user: UserRow, request: AddSshKeyRequest, by: string): Promise<SshKey> => {
    requireKeyAccount(user, parts.local);
    const { key, certificate, comment } = parseKeyLine(request.publicKey);
    if (certificate !== undefined) {
      throw new WeirError('invalid_request', 'This is a certificate.', {
        fix: 'Register the key itself, or use it as it is.',
      });
    }
    if ((await keys.listOf(user.id)).length >= maxKeys) {
      throw new WeirError('conflict', `${user.name} has ${maxKeys} keys already.`, {
        fix: 'Remove one that is not used.',
      });
    }
    const fingerprint = fingerprintOf(key);
    const taken = new WeirError('conflict', 'This key is registered already.', {
      why: `Its fingerprint is ${fingerprint}.`,
    });
    if ((await keys.findByFingerprint(fingerprint)) !== undefined) throw taken;
    const row = {
      ...{ id: `sshkey_${shortId(10)}`, user_id: user.id, fingerprint },
      public_key: formatKeyLine(key.type, key.blob),
      label: (request.label ?? comment).slice(0, 100) || key.type,
      ...{ created_by: by, created_at: new Date(now()) },
    };
    const after = { id: row.id, fingerprint, type: key.type, label: row.label };
    await audit.append({ actor: by, action: 'ssh-key-added', subject: user.name, detail: { before: null, after } });
    if (!(await keys.insert(row))) throw taken;
    return viewOf({ ...row, counter: '0', last_used_at: null, last_used_from: null });
  };
  const remove = async (user: Pick<UserRow, 'id' | 'name'>, id: string, by: string): Promise<void> => {
    const key = await keys.findById(id);
    if (key?.user_id !== user.id) {
      throw new WeirError('not_found', `There is no SSH key ${id} of ${user.name}.`, { fix: 'Run: weir ssh-keys ls' });
    }
    const { fingerprint, label } = key;
    const detail = { before: { id, fingerprint, label }, after: null };
    await audit.append({ actor: by, action: 'ssh-key-removed', subject: user.name, detail });
    await keys.delete(id);
    await parts.endSignIn(keySignIn(id));
  };
  return {
    list: (caller) => listOf(caller.id),
    add: async (caller, request) => {
      const user = await accountOf(users, caller.name);
      if (now() - Math.max(caller.authTimeMs, caller.mfaAtMs ?? 0) > freshMs) {
        throw new WeirError('not_permitted', 'SSH keys are added right after proving that it is you.', {
          why: 'Your sign-in, and your second factor, are older than ten minutes.',
          fix: 'Run: weir login --step-up, or: weir login',
        });
      }
      return add(user, request, caller.name);
    },
    remove: (caller, id) => remove(caller, id, caller.name),
    listOf: async (name) => listOf((await accountOf(users, name)).id),
    addOf: async (name, request, by) => {
      const user = await accountOf(users, name);
      refuseSelf(user, by, 'adds an own key this way');
      return add(user, request, by.name);
    },
    removeOf: async (name, id, by) => remove(await accountOf(users, name), id, by.name),
  };
}

/**
 * A key alone signs in to local accounts of people, as a passkey alone does. Others have certificates, which come from a sign-in that their identity provider
 * or their job has made. @throws WeirError conflict.
 */
export function requireKeyAccount(user: UserRow, local: LocalAccounts): void {
  const fix = 'Use certificates: weir login puts one into the ssh-agent.';
  if (user.kind !== 'person') throw new WeirError('conflict', 'Only people have SSH keys.', { fix });
  try {
    requireOwnAccount(user, local);
  } catch (cause) {
    throw new WeirError('conflict', `${user.name} does not sign in by an SSH key.`, {
      why: 'The account signs in through an identity provider or a directory, which a key would pass by.',
      ...{ fix, cause },
    });
  }
}

function viewOf(row: SshKeyRow): SshKey {
  return {
    ...{ id: row.id, label: row.label, fingerprint: row.fingerprint, publicKey: row.public_key },
    type: row.public_key.split(' ', 1)[0] ?? '',
    ...{ createdBy: row.created_by, createdAt: row.created_at.toISOString() },
    ...{ lastUsedAt: row.last_used_at?.toISOString() ?? null, lastUsedFrom: row.last_used_from },
  };
}

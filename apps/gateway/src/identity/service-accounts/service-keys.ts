import type { CreateServiceKeyRequest, NewServiceKey, RotateServiceKeyRequest, ServiceKey } from '@weir/api';
import { WeirError } from '@weir/errors';
import type { ServiceKeyRow } from '../../store/machines.ts';
import type { UserRow } from '../../store/users.ts';
import type { Caller } from '../caller.ts';
import { shortId } from '../short-id.ts';
import { hashOfKey, newKeyText } from '../workload/key-text.ts';
import { ruleOfAccount } from '../workload/rule-account.ts';
import { type ServiceAccountParts, serviceOf } from './parts.ts';
import { keyView } from './service-account-view.ts';

/** Keys of service accounts. A key opens nothing itself: it is exchanged for a short access token. */
export interface ServiceKeys {
  list(name: string): Promise<ServiceKey[]>;
  /** The answer has the key; afterwards nobody can see it. @throws WeirError not_found, conflict (of a trust rule; too many keys), invalid_request. */
  create(name: string, request: CreateServiceKeyRequest, by: Caller): Promise<NewServiceKey>;
  /** A new key like this one, which ends soon. @throws WeirError not_found, conflict when it has ended. */
  rotate(name: string, id: string, request: RotateServiceKeyRequest, by: Caller): Promise<NewServiceKey>;
  /** Ends the key, sign-ins by it and their sessions. @throws WeirError not_found, conflict. */
  revoke(name: string, id: string, by: Caller): Promise<void>;
}

/** Keys of one account that can work at the same time. */
const maxActive = 20;

/** Makes the use-cases. */
export function createServiceKeys(parts: ServiceAccountParts): ServiceKeys {
  const { machines, audit, now } = parts;
  const find = async (name: string, id: string): Promise<ServiceKeyRow> => {
    const user = await serviceOf(parts, name);
    const key = await machines.findKey(id);
    if (key?.user_id === user.id) return key;
    throw new WeirError('not_found', `There is no key ${id} of ${name}.`, {
      fix: `Run: weir service-accounts keys ls ${name}`,
    });
  };
  const isActive = (key: ServiceKeyRow): boolean => keyView(key, now()).state === 'active';
  const add = async (
    user: UserRow,
    wanted: Omit<CreateServiceKeyRequest, 'seconds'> & { seconds: number },
    by: Caller,
  ) => {
    if ((await machines.keysOf(user.id)).filter(isActive).length >= maxActive) {
      throw new WeirError('conflict', `${user.name} has ${maxActive} keys already.`, {
        fix: 'Revoke one that is not used.',
      });
    }
    const text = newKeyText();
    const row = {
      ...{ id: `key_${shortId(8)}`, user_id: user.id, label: wanted.label, created_by: by.name },
      ...{ groups: wanted.groups ?? null, connections: wanted.connections ?? null },
      ...{ created_at: new Date(now()), expires_at: new Date(now() + wanted.seconds * 1000) },
    };
    const { id, label, groups, connections } = row;
    const after = { id, label, groups, connections, until: row.expires_at.toISOString() };
    await audit.append({
      actor: by.name,
      action: 'service-key-added',
      subject: user.name,
      detail: { before: null, after },
    });
    await machines.insertKey({ ...row, hash: hashOfKey(text) });
    return { ...keyView({ ...row, last_used_at: null, last_used_from: null, revoked_at: null }, now()), key: text };
  };
  return {
    list: async (name) => (await machines.keysOf((await serviceOf(parts, name)).id)).map((key) => keyView(key, now())),
    create: async (name, request, by) => {
      const user = await serviceOf(parts, name);
      const rule = ruleOfAccount(user);
      if (rule !== null) {
        throw new WeirError('conflict', `${name} signs in by the trust rule ${rule}.`, {
          why: 'Such an account has no keys.',
        });
      }
      const foreign = request.groups?.find((group) => !user.own_groups.includes(group));
      if (foreign !== undefined) {
        throw new WeirError('invalid_request', `${name} is not in the group ${foreign}.`, {
          why: 'A key has some of the groups of its account.',
        });
      }
      return add(user, { ...request, seconds: request.seconds ?? 2_592_000 }, by);
    },
    rotate: async (name, id, { seconds, overlapSeconds = 3600 }, by) => {
      const old = await find(name, id);
      if (!isActive(old)) throw new WeirError('conflict', `The key ${id} has ended.`, { fix: 'Make a new one.' });
      const life = Math.round((old.expires_at.getTime() - old.created_at.getTime()) / 1000);
      const { label, groups, connections } = old;
      const same = { ...(groups && { groups }), ...(connections && { connections }) };
      const made = await add(await serviceOf(parts, name), { label, ...same, seconds: seconds ?? life }, by);
      const end = new Date(Math.min(now() + overlapSeconds * 1000, old.expires_at.getTime()));
      const detail = {
        before: { id, until: old.expires_at.toISOString() },
        after: { id, until: end.toISOString() },
        by: made.id,
      };
      await audit.append({ actor: by.name, action: 'service-key-rotated', subject: name, detail });
      await machines.shortenKey(id, end);
      await parts.refreshSessions(({ keyId }) => keyId === id, 'the key was rotated');
      return made;
    },
    revoke: async (name, id, by) => {
      const key = await find(name, id);
      const before = keyView(key, now()).state;
      const detail = { before: { id, state: before }, after: { id, state: 'revoked' } };
      if (before === 'revoked') throw new WeirError('conflict', `The key ${id} was revoked already.`);
      await audit.append({ actor: by.name, action: 'service-key-revoked', subject: name, detail });
      await machines.revokeKey(id, new Date(now()));
      await parts.refreshSessions(({ keyId }) => keyId === id, 'the key was revoked');
    },
  };
}

import { randomUUID } from 'node:crypto';
import type { PutServiceAccountRequest, ServiceAccount } from '@weir/api';
import { WeirError } from '@weir/errors';
import type { UserRow } from '../../store/users.ts';
import { differenceOf } from '../accounts/account-view.ts';
import type { Caller } from '../caller.ts';
import { ruleOfAccount } from '../workload/rule-account.ts';
import { type ServiceAccountParts, serviceOf } from './parts.ts';
import { accountView } from './service-account-view.ts';

/** Accounts of services and AI agents. */
export interface ServiceAccounts {
  list(): Promise<ServiceAccount[]>;
  /** @throws WeirError not_found. */
  show(name: string): Promise<ServiceAccount>;
  /** @throws WeirError invalid_request, conflict (the name is taken, or the account is a trust rule's), not_found (`only: change`). */
  put(name: string, request: PutServiceAccountRequest, by: Caller): Promise<ServiceAccount>;
  /** Deletes it with its keys; its sessions end. */
  delete(name: string, by: Caller): Promise<void>;
}

/** Makes the use-cases. */
export function createServiceAccounts(parts: ServiceAccountParts): ServiceAccounts {
  const { users, changes } = parts;
  const viewOf = async (user: UserRow): Promise<ServiceAccount> =>
    accountView(user, user.owner_id === null ? undefined : await users.findById(user.owner_id));
  const show = async (name: string): Promise<ServiceAccount> => viewOf(await serviceOf(parts, name));
  return {
    list: async () => {
      const all = await users.list();
      const byId = new Map(all.map((user) => [user.id, user]));
      const machines = all.filter(({ kind }) => kind !== 'person');
      return machines.map((user) => accountView(user, byId.get(user.owner_id ?? '')));
    },
    show,
    put: async (name, request, by) => {
      await changes.perform(() => prepare(parts, name, request, by));
      return show(name);
    },
    delete: (name, by) =>
      changes.perform(async () => {
        const user = await serviceOf(parts, name);
        const { groups, owner, kind } = await viewOf(user);
        return {
          ...{ by: by.name, action: 'service-account-deleted', subject: name },
          detail: { before: { kind, groups, owner }, after: null },
          affected: [user],
          imagine: () => undefined,
          apply: () => users.delete(user.id),
        };
      }),
  };
}

async function prepare(parts: ServiceAccountParts, name: string, request: PutServiceAccountRequest, by: Caller) {
  const { users } = parts;
  const known = await users.findByName(name);
  if (request.only === 'change' || known?.kind === 'person') await refuseOthers(parts, name, known);
  if (request.only === 'add' && known !== undefined) throw taken(name);
  const owner = await ownerOf(parts, request.owner ?? (known === undefined ? by.name : undefined));
  const change = {
    ...(request.kind === undefined ? {} : { kind: request.kind }),
    ...(owner === undefined ? {} : { owner_id: owner.id }),
    ...(request.groups === undefined ? {} : { groups: [...new Set(request.groups)].sort() }),
    ...(request.description === undefined ? {} : { display_name: request.description }),
    ...(request.disabled === undefined ? {} : { disabled: request.disabled }),
  };
  if (known === undefined) {
    const row = { id: randomUUID(), name, password_hash: null, groups: [], roles: [], kind: 'service' as const };
    const after = { ...row, ...change };
    return {
      ...{ by: by.name, action: 'service-account-added', subject: name, affected: [] },
      detail: { before: null, after: { kind: after.kind, groups: after.groups, owner: owner?.name ?? null } },
      imagine: () => undefined,
      apply: async () => {
        if (!(await users.insert({ ...row, ...change, source: 'service' }))) throw taken(name);
      },
    };
  }
  if (ruleOfAccount(known) !== null && Object.keys(change).some((key) => key !== 'disabled')) {
    throw new WeirError('conflict', `What ${name} may do is said by the trust rule ${ruleOfAccount(known)}.`, {
      fix: 'Change the rule: weir policy apply',
    });
  }
  if (Object.keys(change).length === 0) return undefined;
  const before = known.owner_id === null ? undefined : await users.findById(known.owner_id);
  const after = { ...known, ...change, own_groups: change.groups ?? known.own_groups };
  return {
    ...{ by: by.name, action: 'service-account-changed', subject: name, affected: [known] },
    detail: differenceOf(accountView(known, before), accountView(after, owner ?? before)),
    imagine: (account: UserRow) => account,
    apply: async () => void (await users.update(name, change)),
  };
}

async function refuseOthers(parts: ServiceAccountParts, name: string, known: UserRow | undefined): Promise<void> {
  if (known?.kind === 'person') throw taken(name);
  await serviceOf(parts, name);
}

async function ownerOf({ users }: ServiceAccountParts, name: string | undefined): Promise<UserRow | undefined> {
  if (name === undefined) return undefined;
  const owner = await users.findByName(name);
  if (owner?.kind === 'person' && !owner.disabled) return owner;
  throw new WeirError('invalid_request', `${name} cannot answer for a service account.`, {
    why:
      owner === undefined
        ? 'There is no such account.'
        : owner.disabled
          ? 'The account is disabled.'
          : 'It is no person.',
    fix: 'Name a person: --owner NAME',
  });
}

function taken(name: string): WeirError {
  return new WeirError('conflict', `The name ${name} is taken.`, { fix: 'Choose another name.' });
}

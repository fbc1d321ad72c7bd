import type { CreateDelegationRequest, Delegation } from '@weir/api';
import { WeirError } from '@weir/errors';
import type { DelegationRow } from '../../store/machines.ts';
import type { Caller } from '../caller.ts';
import { shortId } from '../short-id.ts';
import { type ServiceAccountParts, serviceOf } from './parts.ts';
import { delegationView } from './service-account-view.ts';

/** People who let services and AI agents act for them. */
export interface Delegations {
  /** What holds now: of the caller, or for the caller when it is a service. */
  list(caller: Caller): Promise<Delegation[]>;
  /** @throws WeirError not_permitted for all but people, not_found. */
  create(caller: Caller, request: CreateDelegationRequest): Promise<Delegation>;
  /** Own ones, and all for administrators; sessions by it end. @throws WeirError not_found, conflict. */
  revoke(caller: Caller, id: string): Promise<void>;
}

/** Makes the use-cases. */
export function createDelegations(parts: ServiceAccountParts): Delegations {
  const { users, machines, audit, now } = parts;
  const viewOf = async (row: DelegationRow): Promise<Delegation> => {
    const [person, service] = await Promise.all([users.findById(row.person_id), users.findById(row.service_id)]);
    return delegationView(row, person?.name ?? '', service?.name ?? '');
  };
  return {
    list: async (caller) => Promise.all((await machines.delegationsOf(caller.id, new Date(now()))).map(viewOf)),
    create: async (caller, { to, seconds }) => {
      if (caller.kind !== 'person') throw new WeirError('not_permitted', 'Only people let others act for them.');
      const service = await serviceOf(parts, to);
      const row = {
        ...{ id: `dlg_${shortId(8)}`, person_id: caller.id, service_id: service.id, revoked_at: null },
        ...{ created_at: new Date(now()), expires_at: new Date(now() + seconds * 1000) },
      };
      const after = { to, until: row.expires_at.toISOString() };
      await audit.append({
        actor: caller.name,
        action: 'delegation-given',
        subject: row.id,
        detail: { before: null, after },
      });
      await machines.insertDelegation(row);
      return delegationView(row, caller.name, to);
    },
    revoke: async (caller, id) => {
      const row = await machines.findDelegation(id);
      if (row === undefined || (row.person_id !== caller.id && !caller.roles.includes('admin'))) {
        throw new WeirError('not_found', `There is no delegation ${id}.`, { fix: 'Run: weir delegations ls' });
      }
      if (row.revoked_at !== null) throw new WeirError('conflict', `The delegation ${id} was ended already.`);
      const { person, service, expiresAt: until } = await viewOf(row);
      const detail = { before: { person, to: service, until }, after: null };
      await audit.append({ actor: caller.name, action: 'delegation-revoked', subject: id, detail });
      await machines.revokeDelegation(id, new Date(now()));
      await parts.refreshSessions(({ delegationId }) => delegationId === id, 'the delegation was ended');
    },
  };
}

import type { Delegation, ServiceAccount, ServiceKey } from '@weir/api';
import type { DelegationRow, ServiceKeyRow } from '../../store/machines.ts';
import type { UserRow } from '../../store/users.ts';
import { ruleOfAccount } from '../workload/rule-account.ts';

/** A service account as administrators and auditors see it. */
export function accountView(user: UserRow, owner: Pick<UserRow, 'name'> | undefined): ServiceAccount {
  return {
    ...{ id: user.id, name: user.name, kind: user.kind === 'ai-agent' ? 'ai-agent' : 'service' },
    description: user.display_name,
    owner: owner?.name ?? null,
    rule: ruleOfAccount(user),
    groups: user.own_groups,
    disabled: user.disabled,
    createdAt: user.created_at.toISOString(),
    lastSignInAt: user.last_sign_in_at?.toISOString() ?? null,
  };
}

/** A key without the key itself. */
export function keyView(key: ServiceKeyRow, nowMs: number): ServiceKey {
  const hasExpired = key.expires_at.getTime() <= nowMs;
  return {
    ...{ id: key.id, label: key.label, groups: key.groups, connections: key.connections, createdBy: key.created_by },
    createdAt: key.created_at.toISOString(),
    expiresAt: key.expires_at.toISOString(),
    lastUsedAt: key.last_used_at?.toISOString() ?? null,
    lastUsedFrom: key.last_used_from,
    state: key.revoked_at !== null ? 'revoked' : hasExpired ? 'expired' : 'active',
  };
}

/** Who acts for whom. */
export function delegationView(
  { id, created_at, expires_at }: DelegationRow,
  person: string,
  service: string,
): Delegation {
  return { id, person, service, createdAt: created_at.toISOString(), expiresAt: expires_at.toISOString() };
}

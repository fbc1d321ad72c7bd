import { createHash } from 'node:crypto';
import type { ConnectionSpec } from '@weir/api';
import { type AccessRequestDocument, compilePlan, type GrantFacts, type PolicyDocument } from '@weir/policy';
import type { Principal } from '@weir/proto';
import { factsOf } from '../access/access.ts';
import { targetHashOf } from '../connections/target.ts';

/**
 * What a request is asked under, as hexadecimal SHA-256: the rule, all that its grant would open for this account (rules, masks, groups, labels), and
 * where the connection leads. A request is worth nothing under other circumstances. Null = the grant would open nothing.
 */
export function askedUnder(
  documents: readonly PolicyDocument[],
  principal: Principal,
  connection: ConnectionSpec,
  rule: AccessRequestDocument,
  grant: GrantFacts,
): string | null {
  // A grant belongs to the account: for whom it acts is another matter each time.
  const { actingFor: _person, ...account } = principal;
  const plan = compilePlan(documents, account, factsOf(connection), { policyVersion: '', grants: [grant] });
  if (!plan.allowed) return null;
  const { source: _source, ...document } = rule;
  const parts = [document, plan.version, targetHashOf(connection)];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

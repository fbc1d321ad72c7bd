import { randomUUID } from 'node:crypto';
import type { WorkloadTrustDocument } from '@weir/policy';
import type { UserRepository, UserRow } from '../../store/users.ts';
import type { AccountChanges } from '../accounts/account-changes.ts';
import { TokenProblem } from './verify-token.ts';

/** What `source` of an account begins with that a trust rule has made. No provider's name has a slash. */
const sourcePrefix = 'workload/';

/** Name of the trust rule that made an account; null when none did. */
export function ruleOfAccount({ source }: Pick<UserRow, 'source'>): string | null {
  return source.startsWith(sourcePrefix) ? source.slice(sourcePrefix.length) : null;
}

/** The account of a rule's identity, as the rule says now; it is made when there is none. @throws TokenProblem when the name is somebody else's. */
export async function bringAccount(
  { users, changes }: { readonly users: UserRepository; readonly changes: AccountChanges },
  rule: WorkloadTrustDocument,
): Promise<UserRow> {
  const { identity } = rule.spec;
  const known = await users.findByName(identity);
  if (known !== undefined && !known.source.startsWith(sourcePrefix)) throw taken(rule);
  if (known === undefined || isOther(known, rule)) await changes.perform(() => prepare(users, rule));
  const account = await users.findByName(identity);
  if (account === undefined || isOther(account, rule)) throw taken(rule);
  return account;
}

async function prepare(users: UserRepository, rule: WorkloadTrustDocument) {
  const { identity: name } = rule.spec;
  const known = await users.findByName(name);
  const wanted = contentOf(rule);
  const { source, ...after } = wanted;
  const base = { by: 'policy', subject: name };
  if (known === undefined) {
    return {
      ...{
        ...base,
        action: 'user-added',
        detail: { before: null, after: { ...after, rule: rule.name } },
        affected: [],
      },
      imagine: () => undefined,
      apply: async () => {
        await users.insert({ id: randomUUID(), name, password_hash: null, ...wanted });
      },
    };
  }
  if (!known.source.startsWith(sourcePrefix)) throw taken(rule);
  const before = { groups: known.own_groups, roles: known.roles, kind: known.kind };
  return {
    ...{ ...base, action: 'user-changed', affected: [known] },
    detail: { before, after: { ...after, rule: rule.name } },
    imagine: (account: UserRow) => account,
    apply: async () => void (await users.update(name, wanted)),
  };
}

function contentOf({ name, spec }: WorkloadTrustDocument) {
  const sorted = (words: readonly string[] = []) => [...new Set(words)].sort();
  return { kind: spec.kind, groups: sorted(spec.groups), roles: sorted(spec.roles), source: `${sourcePrefix}${name}` };
}

function isOther(user: UserRow, rule: WorkloadTrustDocument): boolean {
  const { kind, groups, roles, source } = contentOf(rule);
  const own = [user.kind, [...user.own_groups].sort(), [...user.roles].sort(), user.source];
  return JSON.stringify(own) !== JSON.stringify([kind, groups, roles, source]);
}

function taken({ name, spec }: WorkloadTrustDocument): TokenProblem {
  return new TokenProblem(`the account ${spec.identity} is not of the rule ${name}`);
}

import { createGlobs } from './glob.ts';

/** Who must agree: `one-of` the groups or `all-of` them (each by a person of its own), and at least so many different people. */
export interface ApprovalRule {
  readonly groups: readonly string[];
  readonly require: 'one-of' | 'all-of';
  readonly people: number;
  /** Whose decisions never count, not even as members of the groups: globs of groups and of names. */
  readonly never?: Never | undefined;
}

/** People who are left out, by globs of groups and of names. */
export interface Never {
  readonly groups?: readonly string[] | undefined;
  readonly principals?: readonly string[] | undefined;
}

/** A decision with the groups that its person is in now; null groups = he does not count any more (disabled, gone). `personId`: the human behind all linked accounts. */
export interface CountedDecision {
  readonly personId: string;
  /** Of the account that decided; needed where a rule leaves people out by name. */
  readonly name?: string;
  readonly decision: 'approve' | 'deny';
  readonly groups: readonly string[] | null;
}

/** Most groups of an `all-of` rule, and most people of any rule. */
export const maxApprovers = 10;

/** What the decisions come to. The denial of any person who may decide ends it; one person counts once, in one group. */
export function decisionsComeTo(
  rule: ApprovalRule,
  decisions: readonly CountedDecision[],
): 'pending' | 'approved' | 'denied' {
  const able = decisions.filter((one) => isAble(rule, one));
  if (able.some(({ decision }) => decision === 'deny')) return 'denied';
  const groupsOf = new Map(able.map(({ personId, groups }) => [personId, groups ?? []]));
  const wanted = rule.require === 'all-of' ? rule.groups : [];
  if (groupsOf.size < Math.max(rule.people, wanted.length, 1)) return 'pending';
  return isCovered(wanted, groupsOf) ? 'approved' : 'pending';
}

/** Is this person among those that are left out? Exact names and globs; without a name, names cannot be told and count as left out. */
export function isLeftOut(never: Never | undefined, person: Pick<CountedDecision, 'name' | 'groups'>): boolean {
  if (never === undefined) return false;
  const matches = (patterns: readonly string[]) => createGlobs(patterns, { ignoreCase: false });
  if (never.groups !== undefined && (person.groups ?? []).some(matches(never.groups))) return true;
  if (never.principals === undefined) return false;
  return person.name === undefined || matches(never.principals)(person.name);
}

/** May this person decide under the rule? */
export function isAble(
  rule: Pick<ApprovalRule, 'groups' | 'never'>,
  person: Pick<CountedDecision, 'name' | 'groups'>,
): boolean {
  const isMember = person.groups?.some((group) => rule.groups.includes(group)) ?? false;
  return isMember && !isLeftOut(rule.never, person);
}

/** Can each wanted group be given a person of its own? Augmenting paths over a handful of groups and people. */
function isCovered(wanted: readonly string[], groupsOf: ReadonlyMap<string, readonly string[]>): boolean {
  const groupOfPerson = new Map<string, string>();
  const place = (group: string, tried: Set<string>): boolean => {
    for (const [person, groups] of groupsOf) {
      if (!groups.includes(group) || tried.has(person)) continue;
      tried.add(person);
      const other = groupOfPerson.get(person);
      if (other !== undefined && !place(other, tried)) continue;
      groupOfPerson.set(person, group);
      return true;
    }
    return false;
  };
  return wanted.every((group) => place(group, new Set()));
}

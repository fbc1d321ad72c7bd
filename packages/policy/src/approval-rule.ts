/** Who must agree: `one-of` the groups or `all-of` them (each by a person of its own), and at least so many different people. */
export interface ApprovalRule {
  readonly groups: readonly string[];
  readonly require: 'one-of' | 'all-of';
  readonly people: number;
}

/** A decision with the groups that its person is in now; null groups = he does not count any more (disabled, gone). `personId`: the human behind all linked accounts. */
export interface CountedDecision {
  readonly personId: string;
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
  const able = decisions.filter(({ groups }) => groups?.some((group) => rule.groups.includes(group)) ?? false);
  if (able.some(({ decision }) => decision === 'deny')) return 'denied';
  const groupsOf = new Map(able.map(({ personId, groups }) => [personId, groups ?? []]));
  const wanted = rule.require === 'all-of' ? rule.groups : [];
  if (groupsOf.size < Math.max(rule.people, wanted.length, 1)) return 'pending';
  return isCovered(wanted, groupsOf) ? 'approved' : 'pending';
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

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ApprovalRule, type CountedDecision, decisionsComeTo } from '../src/index.ts';

const need = (groups: string[], require: ApprovalRule['require'] = 'one-of', people = 1) => ({
  groups,
  require,
  people,
});
const yes = (personId: string, ...groups: string[]) => ({ personId, decision: 'approve' as const, groups });
const no = (personId: string, ...groups: string[]) => ({ personId, decision: 'deny' as const, groups });
const gone = (personId: string) => ({ personId, decision: 'approve' as const, groups: null });

const named = (name: string, ...groups: string[]) => ({ ...yes(name, ...groups), name });

describe('people who are left out', () => {
  const rule = need(['a', 'b'], 'one-of');
  test.each([
    ['by group', { groups: ['x'] }, [named('p', 'a', 'x')], 'pending'],
    ['by a glob of groups', { groups: ['x-*'] }, [named('p', 'a', 'x-1')], 'pending'],
    ['by name', { principals: ['p'] }, [named('p', 'a')], 'pending'],
    ['by name, but it is another', { principals: ['q'] }, [named('p', 'a')], 'approved'],
    ['by name, and nobody knows the name', { principals: ['q'] }, [yes('p', 'a')], 'pending'],
    ['and their denial does not count either', { groups: ['x'] }, [no('p', 'a', 'x')], 'pending'],
    ['while another one decides', { groups: ['x'] }, [named('p', 'a', 'x'), named('q', 'b')], 'approved'],
  ])('%s', (_name, never, decisions, state) => {
    expect(decisionsComeTo({ ...rule, never }, decisions)).toBe(state);
  });
});

describe('what decisions come to', () => {
  test.each([
    ['nobody yet', need(['a']), [], 'pending'],
    ['one of the group', need(['a']), [yes('p', 'a')], 'approved'],
    ['one of either group', need(['a', 'b']), [yes('p', 'b')], 'approved'],
    ['a stranger', need(['a']), [yes('p', 'x')], 'pending'],
    ['a stranger who denies', need(['a']), [no('p', 'x')], 'pending'],
    ['one who is disabled', need(['a']), [gone('p')], 'pending'],
    ['one who left the group', need(['a']), [yes('p')], 'pending'],
    ['a denial beside an approval', need(['a'], 'one-of', 2), [yes('p', 'a'), no('q', 'a')], 'denied'],
    ['one of two people', need(['a'], 'one-of', 2), [yes('p', 'a')], 'pending'],
    ['two people', need(['a'], 'one-of', 2), [yes('p', 'a'), yes('q', 'a')], 'approved'],
    ['two people, one disabled since', need(['a'], 'one-of', 2), [gone('p'), yes('q', 'a')], 'pending'],
    ['the same person by two accounts', need(['a'], 'one-of', 2), [yes('p', 'a'), yes('p', 'a')], 'pending'],
    ['one person in both groups', need(['a', 'b'], 'all-of'), [yes('p', 'a', 'b')], 'pending'],
    ['two people of one group', need(['a', 'b'], 'all-of'), [yes('p', 'a'), yes('q', 'a')], 'pending'],
    ['one each', need(['a', 'b'], 'all-of'), [yes('p', 'a'), yes('q', 'b')], 'approved'],
    ['one in both and one in one', need(['a', 'b'], 'all-of'), [yes('p', 'a', 'b'), yes('q', 'a')], 'approved'],
    [
      'three groups in a chain',
      need(['a', 'b', 'c'], 'all-of'),
      [yes('p', 'a', 'b'), yes('q', 'a'), yes('r', 'b', 'c')],
      'approved',
    ],
    ['all groups but too few people', need(['a', 'b'], 'all-of', 3), [yes('p', 'a'), yes('q', 'b')], 'pending'],
    [
      'all groups and enough people',
      need(['a', 'b'], 'all-of', 3),
      [yes('p', 'a'), yes('q', 'b'), yes('r', 'b')],
      'approved',
    ],
  ])('%s', (_name, asked, decisions, state) => {
    expect(decisionsComeTo(asked, decisions)).toBe(state);
    expect(decisionsComeTo(asked, [...decisions].reverse())).toBe(state);
  });
});

/** The same question answered by trying everything: are there people who may decide, enough of them, and one for each wanted group? */
function naive(rule: ApprovalRule, decisions: readonly CountedDecision[]): 'pending' | 'approved' | 'denied' {
  const { groups: outGroups = [], principals: outNames = [] } = rule.never ?? {};
  const may = ({ groups, name = '' }: CountedDecision) => {
    if (groups === null || outNames.includes(name)) return false;
    return rule.groups.some((group) => groups.includes(group)) && !groups.some((group) => outGroups.includes(group));
  };
  if (decisions.some((one) => may(one) && one.decision === 'deny')) return 'denied';
  const people = [...new Set(decisions.filter(may).map(({ personId }) => personId))];
  const groupsOf = (person: string) => decisions.findLast((one) => one.personId === person && may(one))?.groups ?? [];
  const canServe = (groups: readonly string[], left: readonly string[]): boolean => {
    const [group, ...rest] = groups;
    if (group === undefined) return true;
    return left.some(
      (person) =>
        groupsOf(person).includes(group) &&
        canServe(
          rest,
          left.filter((other) => other !== person),
        ),
    );
  };
  if (people.length < rule.people) return 'pending';
  const isServed = rule.require === 'all-of' ? canServe(rule.groups, people) : people.length > 0;
  return isServed ? 'approved' : 'pending';
}

test('10,000 random rules come to what trying everything says', () => {
  const names = ['a', 'b', 'c', 'd'];
  const rules = fc.record({
    groups: fc.uniqueArray(fc.constantFrom(...names), { minLength: 1, maxLength: 4 }),
    require: fc.constantFrom('one-of' as const, 'all-of' as const),
    people: fc.integer({ min: 1, max: 4 }),
    never: fc.oneof(
      { weight: 2, arbitrary: fc.constant(undefined) },
      fc.record({
        groups: fc.option(fc.constantFrom(['x'], ['d'], ['d', 'x']), { nil: undefined }),
        principals: fc.option(fc.constantFrom(['p'], ['q', 'r']), { nil: undefined }),
      }),
    ),
  });
  const people = fc.constantFrom('p', 'q', 'r', 's', 't').map((name) => ({ personId: name, name }));
  const rest = fc.record({
    decision: fc.oneof({ weight: 12, arbitrary: fc.constant('approve' as const) }, fc.constant('deny' as const)),
    groups: fc.option(fc.uniqueArray(fc.constantFrom(...names, 'x'), { maxLength: 4 }), { freq: 12 }),
  });
  const decision = fc.tuple(people, rest).map(([person, more]) => ({ ...person, ...more }));
  const outcomes = new Map<string, number>();
  const property = fc.property(rules, fc.array(decision, { maxLength: 7 }), (rule, decisions) => {
    const outcome = decisionsComeTo(rule, decisions);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    expect(outcome).toBe(naive(rule, decisions));
  });
  fc.assert(property, { numRuns: 10_000, seed: 4 });
  // All three must have been asked about.
  for (const outcome of ['pending', 'approved', 'denied']) expect(outcomes.get(outcome)).toBeGreaterThan(1000);
});

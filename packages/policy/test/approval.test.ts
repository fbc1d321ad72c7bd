import { describe, expect, it } from 'vitest';
import { documentOf, evaluatorOf, judge, openAccess } from './fixture.ts';

const approval = (name: string, rest: string, extra = '') =>
  documentOf(
    'Guardrail',
    name,
    `match: { kinds: [delete] }\naction: require-approval\napproval: { ${rest} }\n${extra}`,
  );
const deny = documentOf('Guardrail', 'z-deny', 'match: { kinds: [delete] }\naction: deny');
const remove = { kind: 'delete' } as const;

describe('approval', () => {
  it('has defaults for mode and time', () => {
    expect(judge(openAccess + approval('a', 'approvers: { groups: [security] }'), remove)).toMatchObject({
      action: 'require-approval',
      rule: 'a',
      reason: 'DELETE is a statement of kind delete.',
      mode: 'auto',
      approvers: ['security'],
      timeoutMs: 600_000,
      maxRows: null,
    });
  });

  it('takes mode, time and reason from the rule', () => {
    const policy = approval('a', 'approvers: { groups: [b, a] }, mode: retry, timeout: 2h', 'reason: ask first.');
    expect(judge(openAccess + policy, remove)).toMatchObject({
      mode: 'retry',
      approvers: ['a', 'b'],
      timeoutMs: 7_200_000,
      reason: 'DELETE is a statement of kind delete: ask first.',
    });
  });

  it('gives way to a denial, whatever the names', () => {
    const verdict = judge(openAccess + approval('a', 'approvers: { groups: [s] }') + deny, remove);
    expect(verdict).toMatchObject({ action: 'deny', rule: 'z-deny' });
    expect(verdict.trace.filter(({ matched }) => matched).map(({ rule }) => rule)).toEqual(['everyone', 'a', 'z-deny']);
  });

  it('does not ask where access is missing', () => {
    const policy = documentOf(
      'Access',
      'read',
      "who: { principals: ['*'] }\nconnections: { names: ['*'] }\nstatements: { kinds: [select] }",
    );
    expect(judge(policy + approval('a', 'approvers: { groups: [s] }'), remove)).toMatchObject({
      action: 'deny',
      rule: 'default',
    });
  });

  it('carries the row bound of the access rule', () => {
    const access = openAccess.replace('spec:', 'spec:\n  maxRows: 5');
    expect(judge(access + approval('a', 'approvers: { groups: [s] }'), remove)).toMatchObject({ maxRows: 5 });
  });

  it.each([
    [['wait', 'wait'], 'wait'],
    [['wait', 'auto'], 'auto'],
    [['auto', 'retry'], 'retry'],
    [['retry', 'wait'], 'retry'],
  ])('of two rules with modes %j is by %s', (modes, expected) => {
    const rules = modes.map((mode, index) => approval(`r${index}`, `approvers: { groups: [s] }, mode: ${mode}`));
    expect(judge(openAccess + rules.join(''), remove)).toMatchObject({ mode: expected });
  });

  it('of two rules is decided by the groups that both accept, within the shorter time', () => {
    const policy =
      approval('b', 'approvers: { groups: [security, leads] }, timeout: 5m') +
      approval('a', 'approvers: { groups: [leads, board] }, timeout: 1h');
    expect(judge(openAccess + policy, remove)).toMatchObject({ rule: 'a', approvers: ['leads'], timeoutMs: 300_000 });
  });

  it('of two rules without a common group is a denial that says so', () => {
    const policy = approval('a', 'approvers: { groups: [x] }') + approval('b', 'approvers: { groups: [y] }');
    expect(judge(openAccess + policy, remove)).toMatchObject({
      action: 'deny',
      rule: 'no-common-approver',
      reason: 'The rules a, b need approval by different groups, and no group may decide for all of them.',
    });
  });

  it.each<[string, string, string, object]>([
    ['people: the larger number', 'groups: [x], people: 2', 'groups: [x], people: 3', { people: 3, require: 'one-of' }],
    ['people and none named', 'groups: [x], people: 2', 'groups: [x, y]', { people: 2, approvers: ['x'] }],
    [
      'all of the same groups',
      'groups: [y, x], require: all-of',
      'groups: [x, y]',
      { require: 'all-of', approvers: ['x', 'y'] },
    ],
    ['all of and fewer groups', 'groups: [x, y], require: all-of', 'groups: [x]', { rule: 'no-common-approver' }],
    ['all of and more groups', 'groups: [x], require: all-of', 'groups: [x, y]', { rule: 'no-common-approver' }],
    [
      'all of other groups',
      'groups: [x, y], require: all-of',
      'groups: [y, z], require: all-of',
      { rule: 'no-common-approver' },
    ],
  ])('of two rules asks for %s', (_what, one, other, expected) => {
    const rules = [approval('a', `approvers: { ${one} }`), approval('b', `approvers: { ${other} }`)];
    expect(judge(openAccess + rules.join(''), remove)).toMatchObject(expected);
    expect(judge(openAccess + rules.reverse().join(''), remove)).toMatchObject(expected);
  });

  it.each([
    ['groups: [x], people: 0', /people/],
    ['groups: [x], people: 11', /At most 10 people/],
    ['groups: [x], people: 1.5', /people/],
    ['groups: [x], require: most', /require/],
    [`groups: [${Array.from({ length: 11 }, (_, n) => `g${n}`).join(', ')}], require: all-of`, /At most 10 groups/],
  ])('refuses approvers: { %s }', (approvers, message) => {
    expect(() => judge(openAccess + approval('a', `approvers: { ${approvers} }`), remove)).toThrow(message);
  });
});

describe('rules that only observe', () => {
  const observed = documentOf('Guardrail', 'watch', 'match: { kinds: [delete] }\naction: deny\nmode: observe');

  it('are in the trace and change nothing', () => {
    const verdict = judge(openAccess + observed, remove);
    expect(verdict).toMatchObject({ action: 'allow', rule: 'everyone' });
    expect(verdict.trace.at(-1)).toEqual({
      rule: 'watch',
      matched: true,
      why: 'observe only: DELETE is a statement of kind delete',
    });
  });

  it('say when they are not met', () => {
    expect(judge(openAccess + observed, {}).trace.at(-1)).toMatchObject({
      matched: false,
      why: 'its conditions are not met',
    });
  });

  it('do not hide enforced ones', () => {
    expect(judge(openAccess + observed + deny, remove)).toMatchObject({ action: 'deny', rule: 'z-deny' });
  });

  it('need no capability of approval', () => {
    const policy = approval('a', 'approvers: { groups: [s] }', 'mode: observe');
    expect(evaluatorOf(openAccess + policy).plan.requires).toEqual(['postgres/1', 'plan/1']);
  });
});

describe('several denials', () => {
  it('name the first rule in alphabetical order', () => {
    const other = documentOf('Guardrail', 'b-deny', 'match: { kinds: [delete] }\naction: deny\nhint: Read the manual.');
    expect(judge(openAccess + deny + other, remove)).toMatchObject({ rule: 'b-deny', hint: 'Read the manual.' });
  });

  it('name a rule that is met before one that could not be decided', () => {
    const access = openAccess.replace('spec:', 'spec:\n  opaque: allow');
    const undecided = documentOf('Guardrail', 'a-deny', 'match: { kinds: [ddl] }\naction: deny');
    const verdict = judge(access + deny + undecided, { kind: 'delete', opaque: ['it calls a function'] });
    expect(verdict).toMatchObject({ rule: 'z-deny', reason: 'DELETE is a statement of kind delete.' });
    expect(verdict.trace.find(({ rule }) => rule === 'a-deny')).toMatchObject({
      matched: true,
      why: 'the statement may do what this rule is about, because it calls a function',
    });
  });

  it('have a hint when the rule has none', () => {
    expect(judge(openAccess + deny, remove)).toMatchObject({
      hint: 'Change the statement, or ask an administrator of the policy.',
    });
  });
});

import { compilePlan, type Principal, parsePolicies, type StatementKind, statementKinds } from '@weir/policy';
import { describe, expect, it } from 'vitest';
import {
  daytime,
  demo,
  dev,
  documentOf,
  evaluatorOf,
  type FactsSketch,
  judge,
  openAccess,
  statementOf,
} from './fixture.ts';

const everyone = "who: { principals: ['*'] }\nconnections: { names: ['*'] }";
const access = (name: string, rest: string) => documentOf('Access', name, `${everyone}\n${rest}`);

describe('who an access rule names', () => {
  const service: Principal = { id: 'svc-1', name: 'ci', kind: 'service', groups: [] };
  const both: Principal = { id: 'p2', name: 'bob', kind: 'person', groups: ['developers', 'admins'] };
  it.each<[string, Principal, boolean]>([
    ['groups: [developers]', dev, true],
    ['groups: [dev*]', dev, true],
    ['groups: [DEVELOPERS]', dev, false],
    ['groups: [admins]', dev, false],
    ['groups: [admins, developers]', dev, true],
    ["groups: ['*']", dev, true],
    ["groups: ['*']", service, false],
    ['principals: [alice]', dev, true],
    ['principals: [p1]', dev, true],
    ['principals: [bob]', dev, false],
    ["principals: ['*']", service, true],
    ['groups: [admins], principals: [alice]', dev, true],
    ["principals: ['*'], kinds: [person]", service, false],
    ["principals: ['*'], kinds: [service, ai-agent]", service, true],
    ['groups: [developers], exceptGroups: [admins]', both, false],
    ['groups: [developers], exceptGroups: [admins]', dev, true],
    ['groups: [developers], exceptPrincipals: [alice]', dev, false],
    ['groups: [developers], exceptPrincipals: [p2]', both, false],
  ])('{ %s } and %o: %j', (who, principal, expected) => {
    const policy = documentOf('Access', 'a', `who: { ${who} }\nconnections: { names: ['*'] }`);
    expect(evaluatorOf(policy, principal).plan.allowed).toBe(expected);
  });
});

describe('which connections an access rule names', () => {
  const connection = { ...demo, labels: { env: 'demo', team: 'shop' } };
  it.each([
    ['names: [demo-pg]', true],
    ["names: ['demo-*']", true],
    ['names: [Demo-pg]', false],
    ['names: [other, demo-pg]', true],
    ['labels: { env: demo }', true],
    ['labels: { env: demo, team: shop }', true],
    ['labels: { env: demo, team: other }', false],
    ["labels: { env: 'de*' }", true],
    ["labels: { region: '*' }", false],
    ["labels: { toString: '*' }", false],
    ['names: [demo-pg], labels: { env: prod }', false],
    ['names: [other], labels: { env: demo }', false],
  ])('{ %s }: %j', (selector, expected) => {
    const policy = documentOf('Access', 'a', `who: { principals: ['*'] }\nconnections: { ${selector} }`);
    expect(evaluatorOf(policy, dev, connection).plan.allowed).toBe(expected);
  });
});

describe('kinds of statements', () => {
  it.each(statementKinds.filter((kind) => kind !== 'unknown'))('allows %s when no kinds are named', (kind) => {
    expect(judge(openAccess, { kind }).action).toBe('allow');
  });

  const readOnly = access('read', 'statements: { kinds: [select, show, transaction, empty] }');
  it.each<[FactsSketch, string]>([
    [{ kind: 'select' }, 'allow read'],
    [{ kind: 'show' }, 'allow read'],
    [{ kind: 'empty' }, 'allow read'],
    [{ kind: 'insert' }, 'deny default'],
    [{ kind: 'set', settings: ['search_path=x'] }, 'deny default'],
    [{ kind: 'select', kinds: ['select', 'delete'] }, 'deny default'],
    [{ kind: 'delete', kinds: ['select'] }, 'deny default'],
    [{ kind: 'explain', kinds: ['explain', 'select'] }, 'deny default'],
  ])('%j under read-only access: %s', (facts, expected) => {
    const verdict = judge(readOnly, facts);
    expect(`${verdict.action} ${verdict.rule}`).toBe(expected);
  });

  it('says which kind is missing', () => {
    expect(judge(readOnly, { kind: 'insert' }).reason).toBe(
      'INSERT is not allowed here: no access rule that applies now allows statements of kind insert.',
    );
  });

  it('adds up over rules, part by part', () => {
    const two = readOnly + access('write', 'statements: { kinds: [insert] }');
    expect(judge(two, { kind: 'insert' })).toMatchObject({ action: 'allow', rule: 'write' });
    expect(judge(two, { kind: 'select', kinds: ['select', 'insert'] })).toMatchObject({
      action: 'allow',
      rule: 'read',
    });
    expect(judge(two, { kind: 'select', kinds: ['select', 'delete'] }).action).toBe('deny');
  });

  it.each<[StatementKind, StatementKind[]]>([
    ['unknown', ['unknown']],
    ['select', ['select', 'unknown']],
  ])('never allows a statement of kind %s with parts %j', (kind, kinds) => {
    const policy = access('all', 'opaque: allow\nstatements: { kinds: [select, unknown] }');
    expect(judge(policy, { kind, kinds })).toMatchObject({ action: 'deny', rule: 'unknown-statement' });
  });
});

describe('statements that are not understood', () => {
  const opaque: FactsSketch = { kind: 'do', opaque: ['a DO block runs code.', 'more'] };

  it('are denied with the first reason', () => {
    expect(judge(openAccess, opaque)).toMatchObject({
      action: 'deny',
      rule: 'opaque-statement',
      reason: 'The effect of DO cannot be known before it runs: a DO block runs code.',
    });
  });

  it('pass where an access rule says so', () => {
    expect(judge(access('all', 'opaque: allow'), opaque)).toMatchObject({ action: 'allow', rule: 'all' });
  });

  it('need one rule that allows opaque and all kinds of the statement', () => {
    const policy =
      access('a', 'opaque: allow\nstatements: { kinds: [select] }') + access('b', 'statements: { kinds: [do] }');
    expect(judge(policy, opaque)).toMatchObject({ action: 'deny', rule: 'opaque-statement' });
    expect(judge(policy, { kind: 'select', opaque: ['x'] }).action).toBe('allow');
  });
});

describe('row bounds', () => {
  it.each([
    [['maxRows: 10'], 10],
    [['maxRows: 10', 'maxRows: 500'], 500],
    [['maxRows: 10', 'opaque: deny'], null],
    [['maxRows: 10', 'maxRows: 900\nstatements: { kinds: [insert] }'], 10],
  ])('of %j are %j: grants add up', (rests, expected) => {
    const policy = rests.map((rest, index) => access(`r${index}`, rest)).join('');
    expect(judge(policy, {})).toMatchObject({ action: 'allow', maxRows: expected });
  });
});

describe('settings', () => {
  it.each([
    ['client_encoding=UTF8', true],
    ["CLIENT_ENCODING='utf-8'", true],
    ['client_encoding=LATIN1', false],
    ['client_encoding=SQL_ASCII', false],
    ['client_encoding', false],
    ['standard_conforming_strings=on', true],
    ['standard_conforming_strings=off', false],
    ['backslash_quote=on', false],
    ['session_replication_role=origin', true],
    ['session_replication_role=replica', false],
    ['role=none', true],
    ['role=postgres', false],
    ['ROLE=postgres', false],
    ['role', false],
    ['session_authorization=x', false],
    ['allow_system_table_mods=on', false],
    ['search_path=evil', true],
    ['row_security=off', true],
    ['work_mem=1GB', true],
    ['application_name=x', true],
  ])('%s is allowed: %j', (setting, isAllowed) => {
    const verdict = judge(openAccess, { kind: 'set', settings: ['work_mem=1', setting] });
    expect(verdict.action).toBe(isAllowed ? 'allow' : 'deny');
    if (!isAllowed) expect(verdict.rule).toBe('unsafe-setting');
  });

  it('says what the danger is', () => {
    expect(judge(openAccess, { kind: 'set', settings: ['client_encoding=big5'] }).reason).toBe(
      'The setting client_encoding cannot be changed to "big5", because Weir could no longer read statements as the server does.',
    );
    expect(judge(openAccess, { kind: 'set', settings: ['role'] }).reason).toContain('a value that is not known');
  });

  it.each([
    ['role', 'role=x', 'allow'],
    ["'*'", 'session_authorization=x', 'allow'],
    ['session_replication_role', 'session_replication_role=replica', 'allow'],
    ['role', 'session_authorization=x', 'deny'],
    ["'*'", 'client_encoding=latin1', 'deny'],
    ["'*'", 'standard_conforming_strings=off', 'deny'],
  ])('allowSettings: [%s] lets %s: %s', (allowed, setting, action) => {
    const policy = access('a', `allowSettings: [${allowed}]`);
    expect(judge(policy, { kind: 'set', settings: [setting] }).action).toBe(action);
  });

  it('are judged in every kind of statement', () => {
    expect(judge(openAccess, { kind: 'select', settings: ['role=x'] }).rule).toBe('unsafe-setting');
  });
});

describe('the trace', () => {
  it('has one step for each rule, built-in ones included', () => {
    const policy = openAccess + documentOf('Guardrail', 'g', 'match: { kinds: [ddl] }\naction: deny');
    expect(
      evaluatorOf(policy)
        .evaluate(statementOf({}), daytime)
        .trace.map(({ rule, matched }) => [rule, matched]),
    ).toEqual([
      ['everyone', true],
      ['unknown-statement', false],
      ['default', false],
      ['opaque-statement', false],
      ['unsafe-setting', false],
      ['protected-copy', false],
      ['protected-influence', false],
      ['g', false],
    ]);
  });
});

it('refuses two documents of one name', () => {
  const documents = parsePolicies(openAccess, 'a.yaml');
  expect(() => compilePlan([...documents, ...documents], dev, demo, { policyVersion: '1' })).toThrow(/"everyone"/);
});

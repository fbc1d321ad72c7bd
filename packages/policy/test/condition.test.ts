import { lintPolicies } from '@weir/policy';
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

const quoted = (when: string) => `'${when.replaceAll("'", "''")}'`;
const guarded = (when: string) => openAccess + documentOf('Guardrail', 'g', `when: ${quoted(when)}\naction: deny`);
const accessed = (when: string, rest = '') =>
  documentOf(
    'Access',
    'a',
    `who: { principals: ['*'] }\nconnections: { names: ['*'] }\nwhen: ${quoted(when)}\n${rest}`,
  );

const write: FactsSketch = {
  kind: 'update',
  command: 'UPDATE',
  kinds: ['update', 'select'],
  tables: { orders: ['update', 'read'], 'app.users': ['read'], locked: ['lock'] },
  functions: ['lower', 'app.price'],
  outputs: ['orders.id'],
  influence: ['customers.email'],
  settings: ['work_mem=1'],
};

describe('what conditions can read', () => {
  it.each([
    ['statement.kind == "update"', true],
    ['statement.command == "UPDATE"', true],
    ['"select" in statement.kinds', true],
    ['"delete" in statement.kinds', false],
    ['"app.users" in statement.tables', true],
    ['statement.tables.exists(t, t.startsWith("app."))', true],
    ['statement.writes == ["public.orders"]', true],
    ['"app.price" in statement.functions', true],
    ['statement.outputs.all(c, c.endsWith(".id"))', true],
    ['"public.customers.email" in statement.influence', true],
    ['size(statement.settings) == 1', true],
    ['statement.database == "shop" && statement.role == "app"', true],
    ['principal.name == "alice" && principal.id == "p1"', true],
    ['principal.kind == "person"', true],
    ['"developers" in principal.groups', true],
    ['connection.name == "demo-pg" && connection.protocol == "postgres"', true],
    ['connection.labels["env"] == "demo"', true],
    ['"tier" in connection.labels', false],
    ['session.interactive', true],
    ['now < timestamp("2026-03-05T00:00:00Z")', true],
    ['now.getHours("Europe/Berlin") == 11', true],
    ['now.getDayOfWeek() in [0, 6]', false],
  ])('%s: %j', (when, expected) => {
    expect(judge(guarded(when), write).action).toBe(expected ? 'deny' : 'allow');
    expect(judge(accessed(when), write).action).toBe(expected ? 'allow' : 'deny');
  });
});

describe('conditions that fail', () => {
  const failing = [
    'connection.labels.tier == "gold"',
    'statement.kinds[7] == "x"',
    '1 / (size(statement.kinds) - 2) == 1',
    'int(principal.name) > 3',
  ];
  it.each(failing)('make a denial match: %s', (when) => {
    const verdict = judge(guarded(when), write);
    expect(verdict).toMatchObject({ action: 'deny', rule: 'g' });
    expect(verdict.reason).toContain('its condition could not be decided');
  });
  it.each(failing)('make an approval match: %s', (when) => {
    const spec = `when: ${quoted(when)}\naction: require-approval\napproval: { approvers: { groups: [s] } }`;
    expect(judge(openAccess + documentOf('Guardrail', 'g', spec), write).action).toBe('require-approval');
  });
  it.each(failing)('make access not match: %s', (when) => {
    const verdict = judge(accessed(when), write);
    expect(verdict).toMatchObject({ action: 'deny', rule: 'default' });
    expect(verdict.trace[0]).toMatchObject({ rule: 'a', matched: false });
    expect(verdict.trace[0]?.why).toMatch(/^access does not apply: ./);
  });
});

describe('conditions together with match', () => {
  const policy =
    openAccess + documentOf('Guardrail', 'g', 'match: { kinds: [update] }\nwhen: "!session.interactive"\naction: deny');
  it.each([
    ['update', false, 'deny'],
    ['update', true, 'allow'],
    ['select', false, 'allow'],
  ] as const)('%s, interactive %j: %s', (kind, interactive, action) => {
    expect(judge(policy, { kind }, { ...daytime, interactive }).action).toBe(action);
  });
});

describe('conditions and statements that are not understood', () => {
  const opaque: FactsSketch = { kind: 'do', opaque: ['a DO block runs code'] };

  it('cannot be decided for access when they ask about the statement', () => {
    expect(judge(accessed('statement.kind == "do"', 'opaque: allow'), opaque)).toMatchObject({ action: 'deny' });
    expect(judge(accessed('principal.name == "alice"', 'opaque: allow'), opaque)).toMatchObject({ action: 'allow' });
  });

  it('still exclude a guardrail by what is known', () => {
    const access = openAccess.replace('spec:', 'spec:\n  opaque: allow');
    const guard = (when: string) => access + documentOf('Guardrail', 'g', `when: ${quoted(when)}\naction: deny`);
    expect(judge(guard('principal.name == "bob"'), opaque).action).toBe('allow');
    expect(judge(guard('principal.name == "alice"'), opaque).action).toBe('deny');
  });
});

describe('what is refused when the policy is read', () => {
  it.each([
    ['statement.kind ==', 'CEL syntax error: Unexpected token: EOF.'],
    ['statement.kund == "x"', 'CEL type error: No such key: kund.'],
    ['stetement.kind == "x"', 'CEL type error: Unknown variable: stetement.'],
    ['statement.text.contains("drop")', 'CEL type error: No such key: text.'],
    ['statement.kind', 'The condition gives string, not bool.'],
    ['1 + 1', 'The condition gives int, not bool.'],
    ['statement.kind.matches("^(a+)+$")', 'matches() is not available; use startsWith, endsWith, contains or ==.'],
    [
      'statement.kinds.exists(k, k.matches("x"))',
      'matches() is not available; use startsWith, endsWith, contains or ==.',
    ],
  ])('%s', (when, message) => {
    const findings = lintPolicies(guarded(when), 'p.yaml');
    expect(findings).toMatchObject([
      { code: 'condition', severity: 'error', document: 'g', message: `spec.when: ${message}` },
    ]);
  });

  it('holds for masking rules, which know principal and connection only', () => {
    const policy = documentOf(
      'Masking',
      'm',
      "columns: ['*.*.a']\ntransform: redact\nwhen: statement.kind == 'select'",
    );
    expect(lintPolicies(policy, 'p.yaml')).toMatchObject([
      { code: 'condition', message: 'spec.when: CEL type error: Unknown variable: statement.' },
    ]);
  });

  it('is too large a condition', () => {
    const when = `${'['.repeat(40)}true${']'.repeat(40)} == []`;
    expect(lintPolicies(guarded(when), 'p.yaml')[0]?.code).toBe('condition');
  });

  it.each([
    ["when: statement.kund == 'x'", 'statement.kund', 10],
    ['when: \'statement.kund == "x"\'', "'statement.kund", 11],
    ['when: "statement.kund == \'x\'"', '"statement.kund', 11],
  ])('with the place inside the text: %s', (line, start, offset) => {
    const policy = documentOf('Guardrail', 'g', `action: deny\n${line}`);
    const [finding] = lintPolicies(policy, 'p.yaml');
    const lines = policy.split('\n');
    expect(finding?.line).toBe(lines.findIndex((text) => text.includes('when:')) + 1);
    expect(finding?.column).toBe((lines[(finding?.line ?? 1) - 1]?.indexOf(start) ?? 0) + 1 + offset);
  });
});

describe('what a verdict depends on', () => {
  it.each([
    ['true', { now: false, interactive: false }],
    ['now.getHours() > 8', { now: true, interactive: false }],
    ['session.interactive', { now: false, interactive: true }],
    ['statement.kinds.exists(now_, now_ == "x")', { now: false, interactive: false }],
  ])('%s reads %j', (when, reads) => {
    expect(evaluatorOf(guarded(when)).reads).toEqual({ ...reads, statementCount: false });
  });

  it('can be the number of statements', () => {
    const policy = openAccess + documentOf('Guardrail', 'g', 'match: { multiStatement: true }\naction: deny');
    expect(evaluatorOf(policy).reads.statementCount).toBe(true);
  });

  it('is nothing but the arguments: the same question has the same answer', () => {
    const evaluator = evaluatorOf(guarded('now.getHours() > 8'), dev, demo);
    const ask = () => evaluator.evaluate(statementOf(write), daytime);
    expect(ask()).toEqual(ask());
  });
});

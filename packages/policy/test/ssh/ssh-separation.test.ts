import { compilePlan, parsePolicies, sshKinds, statementKinds, type Verdict } from '@weir/policy';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { daytime, demo, dev, documentOf, evaluatorOf, openAccess, statementOf } from '../fixture.ts';
import { host, sshEvaluatorOf, sshStatementOf } from './ssh-fixture.ts';

const some = <Item>(items: readonly Item[]) =>
  fc.uniqueArray(fc.constantFrom(...items), { minLength: 1, maxLength: 4 });
const json = JSON.stringify;

/** `who` and `connections` that reach the principal and both connections of these tests, or some of them. */
const scope = fc.constantFrom(
  "who: { principals: ['*'] }\nconnections: { names: ['*'] }",
  'who: { groups: [developers] }\nconnections: { labels: { env: demo } }',
  "who: { principals: ['*'] }\nconnections: { names: ['web-*'] }",
);
const restriction = fc.constantFrom(
  'action: deny',
  'action: deny\nmode: observe',
  'action: require-approval\napproval: { approvers: { groups: [leads] } }',
);

/** Documents that are about SSH alone. */
const sshOnly = fc.oneof(
  fc.tuple(scope, some(sshKinds), fc.boolean()).map(([where, kinds, isOpen]) => ({
    kind: 'Access',
    spec: `${where}\nstatements: { kinds: ${json(kinds)} }\nopaque: ${isOpen ? 'allow' : 'deny'}\nssh: { env: ['*'] }`,
  })),
  fc
    .tuple(
      restriction,
      fc.constantFrom(
        ...['{ ssh: {} }', '{ ssh: { programs: ["*"] } }', '{ ssh: { opaque: true } }', '{ kinds: [exec, env] }'],
        ...[
          '{ ssh: { destinations: ["*:*"] } }',
          '{ ssh: { paths: ["*"] } }',
          '{ kinds: [input], ssh: { logins: ["*"] } }',
        ],
      ),
    )
    .map(([action, match]) => ({ kind: 'Guardrail', spec: `match: ${match}\n${action}` })),
  fc.constant({ kind: 'Guardrail', spec: 'match: {}\naction: require-watcher\nwatcher: { groups: [leads] }' }),
  fc.constant({ kind: 'Masking', spec: 'output: [terminal, exec]\ndetect: [email]' }),
);

/** Documents that are about SQL alone. */
const sqlOnly = fc.oneof(
  fc.tuple(scope, some(statementKinds), fc.boolean()).map(([where, kinds, isOpen]) => ({
    kind: 'Access',
    spec: `${where}\nstatements: { kinds: ${json(kinds)} }\nopaque: ${isOpen ? 'allow' : 'deny'}\nallowSettings: ['*']`,
  })),
  fc
    .tuple(
      restriction,
      fc.constantFrom('{ tables: ["*.*"] }', '{ kinds: [select, ddl] }', '{ settings: ["*"] }', '{ roles: ["*"] }'),
    )
    .map(([action, match]) => ({ kind: 'Guardrail', spec: `match: ${match}\n${action}` })),
  fc.constant({ kind: 'Guardrail', spec: 'match: {}\nrows: { returned: { over: 5 } }\naction: deny' }),
  fc.constant({ kind: 'Masking', spec: "columns: ['*.*.*']\ntransform: redact" }),
  fc.constant({ kind: 'Budget', spec: "tables: ['*.*']\nrows: 5\nper: day" }),
);

/** Documents about both. */
const common = fc.oneof(
  scope.map((spec) => ({ kind: 'Access', spec })),
  restriction.map((action) => ({ kind: 'Guardrail', spec: `match: {}\n${action}` })),
  restriction.map((action) => ({ kind: 'Guardrail', spec: `when: session.interactive\n${action}` })),
);

type Sketch = { readonly kind: string; readonly spec: string };
const policyOf = (documents: readonly Sketch[], prefix: string): string =>
  documents.map(({ kind, spec }, at) => documentOf(kind, `${prefix}${at}`, spec)).join('');
const few = <Item>(item: fc.Arbitrary<Item>) => fc.array(item, { maxLength: 4 });
const planOf = (policy: string, connection: typeof demo) =>
  compilePlan(parsePolicies(policy, 'p'), dev, connection, { policyVersion: 'v' });

describe('rules about one of SQL and SSH', () => {
  it('say nothing about SQL when they are about SSH', () => {
    fc.assert(
      fc.property(few(common), few(sqlOnly), few(sshOnly), (shared, sql, ssh) => {
        const policy = openAccess + policyOf(shared, 'c') + policyOf(sql, 's');
        expect(planOf(policy + policyOf(ssh, 'x'), demo)).toEqual(planOf(policy, demo));
      }),
      { numRuns: 60 },
    );
  });

  it('say nothing about SSH when they are about SQL', () => {
    fc.assert(
      fc.property(few(common), few(sshOnly), few(sqlOnly), (shared, ssh, sql) => {
        const policy = openAccess + policyOf(shared, 'c') + policyOf(ssh, 'x');
        expect(planOf(policy + policyOf(sql, 's'), host)).toEqual(planOf(policy, host));
      }),
      { numRuns: 60 },
    );
  });

  it('open no connection of the other', () => {
    fc.assert(
      fc.property(few(sshOnly), few(sqlOnly), (ssh, sql) => {
        expect(planOf(policyOf(ssh, 'x') || '[]', demo).allowed).toBe(false);
        expect(planOf(policyOf(sql, 's') || '[]', host).allowed).toBe(false);
      }),
      { numRuns: 40 },
    );
  });
});

const severity: Readonly<Record<Verdict['action'], number>> = { allow: 0, 'require-approval': 1, deny: 2 };

describe('restricting rules', () => {
  it('never make a verdict milder', () => {
    const statements = [
      sshStatementOf({ commands: ['rm -rf /x'], destructive: ['It removes.'], files: ['change /x'] }),
      sshStatementOf({ commands: ['sh'], opaque: ['It reads.'] }),
      sshStatementOf({ kind: 'direct-tcpip', destination: '10.0.0.1:5432' }),
      sshStatementOf({ kind: 'env', variables: ['LANG'] }),
      sshStatementOf({ kind: 'shell', terminal: true }),
    ];
    const restricting = fc.oneof(sshOnly, sqlOnly, common).filter(({ kind }) => kind !== 'Access');
    fc.assert(
      fc.property(few(fc.oneof(common, sshOnly)), few(restricting), (before, added) => {
        const policy = openAccess + policyOf(before, 'b');
        const first = sshEvaluatorOf(policy);
        const second = sshEvaluatorOf(policy + policyOf(added, 'a'));
        const context = { now: daytime.now, interactive: true };
        for (const statement of statements) {
          const was = severity[first.evaluateSsh(statement, context).action];
          expect(severity[second.evaluateSsh(statement, context).action]).toBeGreaterThanOrEqual(was);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('a plan for the other protocol', () => {
  it('denies what SSH carries', () => {
    const verdict = evaluatorOf(openAccess).evaluateSsh(sshStatementOf({}), daytime);
    expect(verdict).toMatchObject({ action: 'deny', reason: 'The policy of this session is not for SSH.' });
  });

  it('denies SQL', () => {
    expect(sshEvaluatorOf(openAccess).evaluate(statementOf({}), daytime)).toMatchObject({
      action: 'deny',
      rule: 'default',
    });
  });
});

describe('a plan for SSH', () => {
  it('needs a reader that knows SSH, and no reader of SQL', () => {
    const plan = planOf(openAccess, host);
    expect(plan.requires).toEqual(['ssh/1', 'plan/1']);
    expect(planOf(openAccess, demo)).not.toHaveProperty('ssh');
  });

  it.each<[string, (plan: Record<string, unknown>) => unknown]>([
    ['without its section', ({ ssh: _ssh, ...rest }) => rest],
    ['for another protocol', (plan) => ({ ...plan, connection: demo })],
    [
      'with an unknown kind',
      (plan) => ({ ...plan, access: [{ ...(plan['access'] as object[])[0], kinds: ['telnet'] }] }),
    ],
  ])('is refused %s', async (_name, change) => {
    const { loadPlan, planSchema } = await import('@weir/policy');
    const changed = change(planOf(openAccess, host) as unknown as Record<string, unknown>);
    expect(planSchema.safeParse(changed).success).toBe(false);
    expect(() => loadPlan(changed)).toThrow(/The plan is not understood/);
  });
});

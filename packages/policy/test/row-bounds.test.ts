import { formatFinding, lintPolicies } from '@weir/policy';
import { describe, expect, it } from 'vitest';
import { daytime, documentOf, evaluatorOf, judge, openAccess } from './fixture.ts';

const bounded = (rest = '', name = 'few') =>
  documentOf(
    'Guardrail',
    name,
    `match: {}\nrows: { affected: { over: 100 }, returned: { over: 50 } }\naction: deny\n${rest}`,
  );
const policy = openAccess + bounded();

describe('a bound on rows', () => {
  it('lets the statement run and travels with the verdict', () => {
    expect(judge(policy, { kind: 'update' })).toMatchObject({
      action: 'allow',
      rule: 'everyone',
      bounds: {
        affected: { over: 100, rule: 'few' },
        returned: { over: 50, rule: 'few' },
        observed: { affected: null, returned: null },
      },
    });
    expect(judge(openAccess, { kind: 'update' })).not.toHaveProperty('bounds');
  });

  it('holds where the guardrail matches', () => {
    const only = openAccess + bounded().replace('match: {}', 'match: { tables: [public.orders] }');
    expect(judge(only, { kind: 'update', tables: { orders: ['update'] } })).toHaveProperty('bounds');
    expect(judge(only, { kind: 'update', tables: { goods: ['update'] } })).not.toHaveProperty('bounds');
  });

  it('of several the smallest counts, observed ones apart', () => {
    const more =
      bounded('', 'few').replaceAll('100', '7') +
      bounded('', 'many').replaceAll('50', '9') +
      bounded('mode: observe', 'seen');
    expect(judge(openAccess + more, { kind: 'delete' })).toMatchObject({
      bounds: {
        affected: { over: 7, rule: 'few' },
        returned: { over: 9, rule: 'many' },
        observed: { affected: { over: 100, rule: 'seen' }, returned: { over: 50, rule: 'seen' } },
      },
    });
  });

  it.each([
    ['an UPDATE', { kind: 'update' }, null],
    ['a COPY FROM', { kind: 'copy-from' }, null],
    ['an upsert', { kind: 'insert', kinds: ['insert', 'update'], dataChanges: 1 }, null],
    ['EXECUTE of an UPDATE', { kind: 'execute', kinds: ['execute', 'update'] }, null],
    ['a SELECT', { kind: 'select' }, null],
    ['a change in a CTE', { kind: 'select', kinds: ['select', 'delete'] }, /inside another statement/],
    ['two changes of one kind', { kind: 'update', dataChanges: 2 }, /inside another statement/],
    ['EXECUTE of a CTE', { kind: 'execute', kinds: ['execute', 'select', 'delete'] }, /inside another statement/],
    ['EXPLAIN ANALYZE', { kind: 'explain', kinds: ['explain', 'update'] }, /inside another statement/],
    ['COPY of a change', { kind: 'copy-to', kinds: ['copy-to', 'update'] }, /inside another statement/],
    ['TRUNCATE', { kind: 'truncate' }, /not counted by the server/],
    [
      'a DO block',
      { kind: 'do', opaque: ['it is not looked into'] },
      /cannot be counted, because it is not looked into/,
    ],
  ] as const)('on %s', (_name, sketch, reason) => {
    const text = policy.replace("names: ['*'] }", "names: ['*'] }\n  opaque: allow");
    const verdict = judge(text, sketch);
    expect(verdict.action).toBe(reason === null ? 'allow' : 'deny');
    if (reason === null) return;
    expect(verdict).toMatchObject({ rule: 'few', reason: expect.stringMatching(reason) });
    const observed = judge(text.replace('action: deny', 'action: deny\n  mode: observe'), sketch);
    expect(observed.action).toBe('allow');
    expect(observed.trace.some(({ why }) => why.startsWith('observe only: ') && reason.test(why))).toBe(true);
  });

  it('a change among several statements is denied, a SELECT is not', () => {
    const together = { ...daytime, statementCount: 2 };
    expect(judge(policy, { kind: 'update' }, together)).toMatchObject({
      action: 'deny',
      reason: 'UPDATE changes rows and is sent together with other statements, and no more than 100 may change.',
    });
    expect(judge(policy, { kind: 'select' }, together).action).toBe('allow');
    expect(evaluatorOf(policy).reads.statementCount).toBe(true);
  });

  it.each([
    ['rows: {}\naction: deny', 'Name "affected" or "returned".'],
    ['rows: { affected: { over: -1 } }\naction: deny', 'Expected at least 0.'],
    ['rows: { returned: { over: 0 } }\naction: deny', 'Expected at least 1.'],
    [
      'rows: { affected: { over: 5 } }\naction: require-approval\napproval: { approvers: { groups: [x] } }',
      'A bound on rows can only deny: they are counted while the statement runs.',
    ],
  ])('%j is refused', (spec, message) => {
    const found = lintPolicies(documentOf('Guardrail', 'g', `match: {}\n${spec}`), 'p').map(formatFinding);
    expect(found.join('\n')).toContain(message);
  });
});

import { describe, expect, test } from 'vitest';
import { createTestGate, document, open, ticketOf } from './fixture.ts';

const bounded = open.replace('spec:', 'spec:\n  maxRows: 100');
const kinds = document(
  'Access',
  'reads',
  "{ who: { principals: ['*'] }, connections: { names: ['*'] }, statements: { kinds: [select] }, maxRows: 10 }",
);
const writes = document(
  'Access',
  'writes',
  "{ who: { principals: ['*'] }, connections: { names: ['*'] }, statements: { kinds: [update, transaction] } }",
);

async function limitOf(policy: string, text: string, phase: 'query' | 'parse' | 'execute' = 'query') {
  const decision = await createTestGate({ policy }).query(text, { phase });
  return decision.action === 'forward' ? decision.maxRows : 'denied';
}

describe('the row limit of a decision', () => {
  test.each<[string, string, number | null]>([
    ['no bound in the policy', open, null],
    ['a bound', bounded, 100],
    ['the bound of the kind', kinds + writes, 10],
  ])('%s', async (_name, policy, expected) => {
    expect(await limitOf(policy, 'SELECT id FROM users')).toBe(expected);
    expect(await limitOf(policy, 'SELECT id FROM users', 'execute')).toBe(expected);
    expect(await limitOf(policy, 'SELECT id FROM users', 'parse')).toBeNull();
  });

  test.each<[string, number | null]>([
    ['SELECT 1; UPDATE users SET note = note WHERE id = 1; SELECT 2', 10],
    ['UPDATE users SET note = note WHERE id = 1 RETURNING id', null],
    ['BEGIN; COMMIT', null],
  ])('of several statements the smallest bound counts: %s', async (text, expected) => {
    expect(await limitOf(kinds + writes, text)).toBe(expected);
  });

  test.each<[string, number | null]>([
    ['UPDATE users SET note = note WHERE id = 1', null],
    ['UPDATE users SET note = note WHERE id = 1 RETURNING id', 100],
    ['BEGIN', null],
    ['COPY users TO STDOUT', 100],
    ['COPY users FROM STDIN', null],
    ['SHOW ALL', 100],
    ['EXPLAIN SELECT 1', 100],
    ['SELECT n FROM generate_series(1, 5) n', 100],
  ])('only what answers with rows has one: %s', async (text, expected) => {
    expect(await limitOf(bounded, text)).toBe(expected);
  });

  test('of what the catalog says about objects any number may be read, of what it says about values not', async () => {
    const world = createTestGate({ policy: bounded });
    const { catalogOf, relation, users } = await import('./fixture.ts');
    const type = relation(40_000, 'pg_catalog.pg_type', 'oid:int typname');
    const stats = relation(40_001, 'pg_catalog.pg_stats', 'tablename most_common_vals', { kind: 'v' });
    world.target.catalog = catalogOf(users, type, stats);
    const of = async (text: string) => {
      const decision = await world.query(text);
      return decision.action === 'forward' ? decision.maxRows : 'denied';
    };
    expect(await of('SELECT oid, typname FROM pg_type')).toBeNull();
    expect(await of('SELECT typname FROM pg_type UNION ALL SELECT name FROM users')).toBe(100);
    expect(await of('SELECT tablename FROM pg_stats')).not.toBeNull();
  });

  test('going beyond it is noted, and the client reads number, rule and session', async () => {
    const world = createTestGate({ policy: bounded });
    const ticket = ticketOf(await world.query('SELECT id FROM users'));
    expect(world.gate.exceeded(ticket)).toMatchObject({
      sqlstate: '42501',
      message: 'more than 100 rows: the rest was withheld',
      detail: 'Limited by rule "everyone" of the access policy, session ses_1.',
      hint: 'Add a WHERE clause or LIMIT 100.',
    });
    expect(world.events.at(-1)).toMatchObject({ event: 'note', code: 'row-limit', statement: 1 });
  });
});

import { type Catalog, createPostgresAnalyser, type PostgresAnalyser } from '@weir/sql';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { createTextTemplates } from '../src/analysis/text-templates.ts';

const column = (name: string, number: number) => ({ name, number, typeOid: 23, typeModifier: -1, generated: null });
const catalog: Catalog = {
  version: '1',
  serverVersion: 180_000,
  database: 'shop',
  relations: [
    {
      oid: 1,
      schema: 'public',
      name: 'accounts',
      kind: 'r',
      columns: [column('aid', 1), column('balance', 2)],
      definition: null,
      parents: [],
    },
  ],
  functions: [],
  operators: [],
  types: [],
};

/** Texts with `N` where an integer stands. */
const shapes = [
  'SELECT balance FROM accounts WHERE aid = N;',
  'SELECT balance FROM accounts WHERE aid = N LIMIT N',
  'SELECT balance FROM accounts WHERE aid = N OR N = N',
  'SELECT balance FROM accounts WHERE aid > N OR aid <= N',
  'SELECT balance FROM accounts WHERE aid IN (N, N,N)',
  'SELECT balance FROM accounts WHERE aid BETWEEN N AND N ORDER BY N',
  'UPDATE accounts SET balance = balance + N WHERE aid = N',
  'DELETE FROM accounts WHERE N < N',
  'DELETE FROM accounts WHERE aid + N = aid',
  'INSERT INTO accounts VALUES (N, N)',
  "SELECT 'N', aid FROM accounts WHERE aid=N",
  'SELECT 1N, N.5, aid FROM accounts WHERE aid = N -- N',
  'SELECT aid FROM accounts WHERE aid = $1 AND balance = N',
  "SELECT set_config('work_mem', 'N', false), N",
  'SELECT (ARRAY[N, N])[N] FROM accounts',
];

describe('text templates', () => {
  let analyser: PostgresAnalyser;
  beforeAll(async () => {
    analyser = await createPostgresAnalyser();
    analyser.loadCatalog(catalog);
  });
  const analyse = (text: string) =>
    analyser.analyse({
      text,
      searchPath: ['pg_catalog', 'public'],
      role: 'r',
      objects: { prepared: {}, cursors: {} },
      catalogVersion: '1',
    });
  const fill = (shape: string, numbers: readonly number[]) => {
    let at = 0;
    return shape.replaceAll('N', () => String(numbers[at++ % numbers.length]));
  };
  /** Places differ with the length of the numbers and nothing reads them. */
  const meaning = (text: string) => {
    const result = analyse(text);
    return result.ok ? result.statements.map(({ facts, changes, copy }) => ({ facts, changes, copy })) : result;
  };

  it('never gives a text another meaning than its own analysis', () => {
    const numbers = fc.array(
      fc.oneof(fc.constantFrom(0, 1, 2), fc.nat(999_999_999), fc.integer({ min: 1_000_000_000, max: 9_999_999_999 })),
      { minLength: 1, maxLength: 4 },
    );
    fc.assert(
      fc.property(fc.constantFrom(...shapes), fc.array(numbers, { minLength: 2, maxLength: 6 }), (shape, fillings) => {
        const templates = createTextTemplates();
        for (const filling of fillings) {
          const text = fill(shape, filling);
          const known = templates.get(text);
          if (known?.ok)
            expect(
              known.statements.map(({ facts, changes, copy }) => ({ facts, changes, copy })),
              text,
            ).toEqual(meaning(text));
          else templates.set(text, analyse(text));
        }
      }),
      { numRuns: 400 },
    );
  });

  it.each([
    ['SELECT balance FROM accounts WHERE aid = 5;', 'SELECT balance FROM accounts WHERE aid = 123456789;', true],
    [
      'UPDATE accounts SET balance = balance + 7 WHERE aid = 5',
      'UPDATE accounts SET balance = balance + 12 WHERE aid = 99',
      true,
    ],
    ['SELECT balance FROM accounts WHERE aid = 5', 'SELECT balance FROM accounts WHERE aid = 1234567890', false],
    ['SELECT balance FROM accounts WHERE aid = 5 LIMIT 1', 'SELECT balance FROM accounts WHERE aid = 5 LIMIT 2', false],
    ['DELETE FROM accounts WHERE 1 = 2', 'DELETE FROM accounts WHERE 1 = 1', false],
    ["SELECT '1' FROM accounts WHERE aid = 5", "SELECT '2' FROM accounts WHERE aid = 5", false],
    ['SELECT aid FROM accounts WHERE aid = 5', 'SELECT aid FROM accounts WHERE aid =  5', false],
    ['SELECT aid FROM accounts WHERE aid = 5', 'SELECT aid FROM accounts WHERE aid = \0', false],
  ])('%s serves %s: %s', (first, second, serves) => {
    const templates = createTextTemplates();
    templates.set(first, analyse(first));
    expect(templates.get(second) !== undefined).toBe(serves);
  });
});

import { expect, test } from 'vitest';
import { createPostgresAnalyser } from '../src/index.ts';
import { fixtureCatalog, requestOf } from './fixture-catalog.ts';

const analyser = await createPostgresAnalyser();
analyser.loadCatalog(fixtureCatalog);

function unknown(text: string): string[] {
  const result = analyser.analyse(requestOf(text));
  if (!result.ok) throw new Error(result.message);
  return [...result.unknownRelations, ...result.unknownColumns, ...result.unknownFunctions.map((name) => `${name}()`)];
}

test.each<[string, string[]]>([
  ['SELECT slect FROM users', ['"slect"']],
  ['SELECT x.id FROM users u', ['x.id']],
  ['SELECT id FROM users WHERE emial = 1 ORDER BY nmae', ['"emial"', '"nmae"']],
  ['SELECT 1; SELECT slect FROM users', ['"slect"']],
  ['EXPLAIN SELECT slect FROM users', ['"slect"']],
  ['EXPLAIN ANALYZE SELECT slect FROM users', ['"slect"']],
  ['PREPARE p AS SELECT slect FROM users', ['"slect"']],
  ['SELECT hr.nofun(1)', ['hr.nofun()']],
  ['SELECT * FROM hr.nofun(1)', ['hr.nofun()']],
  // Another relation of the statement has it: only the server knows whether it can be seen from there.
  ['SELECT (SELECT 1 FROM orders o LIMIT 1) FROM users WHERE amount = 1', []],
  // That may be a function of the row, too: the server says which it is not.
  ['SELECT u.slect FROM users u', []],
  // The server knows its own functions better.
  ['SELECT nofun(1)', []],
  ['SELECT contact FROM v_users', []],
  ['SELECT c FROM vv', []],
  ['SELECT u, u.id, id, ctid, tableoid FROM users u', []],
  ['WITH w AS (SELECT id AS a FROM users) SELECT a, w.a FROM w GROUP BY a', []],
  ['SELECT n FROM generate_series(1, 3) n', []],
  ['SELECT a, b FROM (VALUES (1, 2)) v(a, b)', []],
])('%s', (text, expected) => {
  expect(unknown(text)).toEqual(expected);
});

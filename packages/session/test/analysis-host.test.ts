import type { AnalysisRequest, AnalysisResult, Catalog } from '@weir/sql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AnalysisHost, createAnalysisHost } from '../src/analysis/analysis-host.ts';

const catalog: Catalog = {
  version: 'v1',
  serverVersion: 180_004,
  database: 'shop',
  relations: [
    {
      oid: 20_000,
      schema: 'public',
      name: 'users',
      kind: 'r',
      columns: [{ name: 'email', number: 1, typeOid: 25, typeModifier: -1, generated: null }],
      definition: null,
      parents: [],
    },
  ],
  functions: [],
  operators: [],
  types: [],
};
const searchPath = ['pg_catalog', 'public'];

function requestOf(text: string, more: Partial<AnalysisRequest> = {}): AnalysisRequest {
  return { text, searchPath, role: 'app', objects: { prepared: {}, cursors: {} }, catalogVersion: 'v1', ...more };
}

function problemOf(result: AnalysisResult): string {
  return result.ok ? 'none' : result.problem;
}

let host: AnalysisHost;
beforeAll(() => {
  host = createAnalysisHost({ timeoutMs: 5000 });
  host.loadCatalog(catalog);
});
afterAll(() => host.close());

test('catalogs that were not used for long are forgotten; those in use stay', async () => {
  const own = createAnalysisHost({ timeoutMs: 5000 });
  try {
    own.loadCatalog(catalog);
    const early = own.analyse(requestOf('SELECT email FROM users'), 'shop');
    for (let at = 0; at < 100; at += 1) own.loadCatalog({ ...catalog, version: `later-${at}` });
    expect(problemOf(await early)).toBe('none');
    own.loadCatalog({ ...catalog, version: 'one-more' });
    expect(problemOf(await own.analyse(requestOf('SELECT 2'), 'shop'))).toBe('limit');
    own.loadCatalog(catalog);
    expect(problemOf(await own.analyse(requestOf('SELECT 2'), 'shop'))).toBe('none');
  } finally {
    await own.close();
  }
});

describe('results', () => {
  test('come from the threads and are kept for the same text in the same context', async () => {
    const request = requestOf('SELECT email FROM users');
    expect(host.peek(request, 'shop')).toBeUndefined();
    const result = await host.analyse(request, 'shop');
    expect(result.ok && result.statements[0]?.facts.outputs?.[0]?.origins).toEqual([
      { schema: 'public', table: 'users', column: 'email' },
    ]);
    expect(host.peek(request, 'shop')).toBe(result);
    expect(host.peek(requestOf('SELECT email FROM users', { searchPath: [...searchPath] }), 'shop')).toBe(result);
    expect(await host.analyse(request, 'shop')).toBe(result);
  });

  test.each<[string, Partial<AnalysisRequest>, string]>([
    ['another text', { text: 'SELECT email  FROM users' }, 'shop'],
    ['another database', {}, 'other'],
    ['another role', { role: 'bob' }, 'shop'],
    ['another search_path', { searchPath: ['pg_catalog'] }, 'shop'],
    ['another catalog', { catalogVersion: 'v2' }, 'shop'],
    ['another string syntax', { standardConformingStrings: false }, 'shop'],
  ])('%s is another key', async (_name, more, database) => {
    await host.analyse(requestOf('SELECT email FROM users'), 'shop');
    expect(host.peek(requestOf('SELECT email FROM users', more), database)).toBeUndefined();
  });

  test('a text that names a prepared statement or cursor is not kept', async () => {
    for (const text of ['EXECUTE p', 'FETCH c', 'EXPLAIN EXECUTE p', 'CREATE TABLE z AS EXECUTE p']) {
      await host.analyse(requestOf(text), 'shop');
      expect(host.peek(requestOf(text), 'shop'), text).toBeUndefined();
    }
    const [first] = await Promise.all([host.analyse(requestOf('PREPARE p AS SELECT 1'), 'shop')]);
    const change = first.ok ? first.statements[0]?.changes[0] : undefined;
    if (change?.change !== 'prepare') throw new Error('no change');
    const known = { prepared: { p: { facts: change.facts } }, cursors: {} };
    const result = await host.analyse(requestOf('EXECUTE p', { objects: known }), 'shop');
    expect(result.ok && result.statements[0]?.facts.opaque).toEqual([]);
  });

  test('a catalog that was dropped takes its results with it', async () => {
    host.loadCatalog({ ...catalog, version: 'v3' });
    const request = requestOf('SELECT 3', { catalogVersion: 'v3' });
    expect(problemOf(await host.analyse(request, 'shop'))).toBe('none');
    host.dropCatalog('v3');
    expect(host.peek(request, 'shop')).toBeUndefined();
    expect(problemOf(await host.analyse(request, 'shop'))).toBe('limit');
  });

  test('memory for results is bounded', async () => {
    const small = createAnalysisHost({ cacheBytes: 20_000 });
    small.loadCatalog(catalog);
    for (let at = 0; at < 100; at += 1) await small.analyse(requestOf(`SELECT '${at}', email FROM users`), 'shop');
    expect(small.cacheBytes).toBeLessThanOrEqual(20_000);
    expect(small.peek(requestOf("SELECT '99', email FROM users"), 'shop')).toBeDefined();
    expect(small.peek(requestOf("SELECT '0', email FROM users"), 'shop')).toBeUndefined();
    await small.analyse(requestOf(`SELECT '${'x'.repeat(5000)}'`), 'shop');
    expect(small.peek(requestOf(`SELECT '${'x'.repeat(5000)}'`), 'shop')).toBeUndefined();
    await small.close();
  });
});

describe('attacks', () => {
  test('deep expressions never leave the host unusable', async () => {
    const texts = Array.from({ length: 50 }, (_, at) => `SELECT ${at}${'+1'.repeat(20_000)}`);
    const results = await Promise.all(texts.map((text) => host.analyse(requestOf(text), 'shop', 'attacker')));
    expect(results.every((result) => result.ok || result.problem !== 'internal')).toBe(true);
    expect(problemOf(await host.analyse(requestOf('SELECT 41'), 'shop'))).toBe('none');
  });

  test('a text that breaks a thread costs only itself', async () => {
    const deep = `SELECT ${'NOT '.repeat(200_000)} true`;
    expect(problemOf(await host.analyse(requestOf(deep), 'shop'))).not.toBe('none');
    expect(problemOf(await host.analyse(requestOf('SELECT 42'), 'shop'))).toBe('none');
  });

  test('the largest texts are analysed or refused, and the next ones are served', async () => {
    const rows = `SELECT ${'(1),'.repeat(200_000)}1`;
    expect(['none', 'limit']).toContain(problemOf(await host.analyse(requestOf(rows), 'shop')));
    expect(problemOf(await host.analyse(requestOf(`SELECT '${'x'.repeat(1024 * 1024)}'`), 'shop'))).toBe('limit');
    expect(problemOf(await host.analyse(requestOf('SELECT 43'), 'shop'))).toBe('none');
  });

  test('a statement over the time limit is refused and its thread replaced, others in the queue are served', async () => {
    const impatient = createAnalysisHost({ timeoutMs: 60 });
    impatient.loadCatalog(catalog);
    await impatient.analyse(requestOf('SELECT 1'), 'shop');
    await Promise.all(
      ['a', 'b'].map((session) => impatient.analyse(requestOf(`SELECT '${session}'`), 'shop', session)),
    );
    const slow = `SELECT ${'(1),'.repeat(200_000)}1`;
    const both = ['x', 'y'].map((session) => impatient.analyse(requestOf(slow), 'shop', session));
    const quick = ['a', 'b', 'c'].map((session) =>
      impatient.analyse(requestOf(`SELECT 2, '${session}'`), 'shop', session),
    );
    expect((await Promise.all(both)).map(problemOf)).toEqual(['limit', 'limit']);
    expect((await Promise.all(quick)).map(problemOf)).toEqual(['none', 'none', 'none']);
    await impatient.close();
  });

  test('a session may not fill the queue', async () => {
    const narrow = createAnalysisHost({ maxWaiting: 3 });
    narrow.loadCatalog(catalog);
    const results = await Promise.all(
      Array.from({ length: 10 }, (_, at) => narrow.analyse(requestOf(`SELECT ${at}`), 'shop', 'greedy')),
    );
    const other = await narrow.analyse(requestOf('SELECT 11'), 'shop', 'modest');
    expect(results.map(problemOf).filter((problem) => problem === 'limit')).toHaveLength(6);
    expect(problemOf(other)).toBe('none');
    await narrow.close();
  });
});

describe('the end', () => {
  test('what waits is answered, what comes later, too', async () => {
    const ending = createAnalysisHost();
    ending.loadCatalog(catalog);
    const waiting = Array.from({ length: 20 }, (_, at) => ending.analyse(requestOf(`SELECT ${at}`), 'shop', `s${at}`));
    await ending.close();
    const problems = (await Promise.all(waiting)).map(problemOf);
    expect(problems.every((problem) => problem === 'internal' || problem === 'none')).toBe(true);
    expect(problemOf(await ending.analyse(requestOf('SELECT 99'), 'shop'))).toBe('internal');
  });
});

import { describe, expect, test } from 'vitest';
import { type AnalysedStatement, createPostgresAnalyser, type SessionObjects } from '../src/index.ts';
import { fixtureCatalog, relation, requestOf } from './fixture-catalog.ts';

const analyser = await createPostgresAnalyser({ trustedFunctions: ['public.trusted'] });
analyser.loadCatalog(fixtureCatalog);

function analyse(text: string, objects: SessionObjects = { prepared: {}, cursors: {} }): readonly AnalysedStatement[] {
  const result = analyser.analyse(requestOf(text, { objects }));
  if (!result.ok) throw new Error(result.message);
  return result.statements;
}

function origins(statement: AnalysedStatement | undefined): string[] {
  return (statement?.facts.outputs ?? []).flatMap((output) =>
    output.origins.map(({ table, column }) => `${table}.${column}`),
  );
}

describe('prepared statements', () => {
  const [prepared] = analyse('PREPARE p(int) AS SELECT email, name FROM users WHERE id = $1');
  const change = prepared?.changes[0];
  const facts = change?.change === 'prepare' ? change.facts : undefined;

  test('PREPARE delivers nothing and keeps what EXECUTE will do', () => {
    expect(prepared?.facts.outputs).toBeNull();
    expect(change).toMatchObject({ change: 'prepare', name: 'p' });
    expect(facts?.kind).toBe('select');
  });

  test('EXECUTE is what was prepared', () => {
    if (facts === undefined) throw new Error('no facts');
    const [executed] = analyse('EXECUTE p(1)', { prepared: { p: { facts } }, cursors: {} });
    expect(executed?.facts.kind).toBe('execute');
    expect(executed?.facts.kinds).toContain('select');
    expect(origins(executed)).toEqual(['users.email', 'users.name']);
    expect(executed?.facts.filters).toEqual(facts.filters);
  });

  test('an argument of EXECUTE taints the outputs', () => {
    const [, executed] = analyse('PREPARE q(text) AS SELECT $1; EXECUTE q((SELECT email FROM users LIMIT 1))');
    expect(origins(executed)).toEqual(['users.email']);
  });

  test('writes count at EXECUTE', () => {
    const [first, second] = analyse('PREPARE d AS DELETE FROM t; EXECUTE d');
    expect(first?.facts.kinds).toEqual(['prepare']);
    expect(second?.facts.kinds).toEqual(expect.arrayContaining(['execute', 'delete']));
    expect(second?.facts.filters).toMatchObject([{ kind: 'delete', table: 't', where: 'none' }]);
  });

  test('CREATE TABLE AS EXECUTE and EXPLAIN ANALYZE EXECUTE are followed', () => {
    if (facts === undefined) throw new Error('no facts');
    const objects = { prepared: { p: { facts } }, cursors: {} };
    expect(analyse('CREATE TABLE z AS EXECUTE p(1)', objects)[0]?.facts.copies.map(({ from }) => from.column)).toEqual([
      'email',
      'name',
    ]);
    expect(analyse('EXPLAIN ANALYZE EXECUTE p(1)', objects)[0]?.facts.tables).toMatchObject([{ table: 'users' }]);
  });

  test.each(['EXECUTE p(1)', 'EXPLAIN EXECUTE p(1)', 'EXPLAIN ANALYZE EXECUTE p(1)', 'CREATE TABLE z AS EXECUTE p(1)'])(
    '%s says that it uses an object',
    (text) => {
      expect(analyse(text)[0]?.facts.kinds).toContain('execute');
    },
  );

  test.each(['EXECUTE nobody', 'EXECUTE __proto__', 'EXECUTE constructor', 'FETCH c', 'FETCH "toString"'])(
    '%s is opaque',
    (text) => {
      expect(analyse(text)[0]?.facts.opaque).not.toEqual([]);
      expect(analyse(text)[0]?.facts.outputs?.[0]?.opaque).toBe(true);
    },
  );

  test.each([
    ['PREPARE p AS SELECT name FROM users; DEALLOCATE p; EXECUTE p'],
    ['PREPARE p AS SELECT name FROM users; DEALLOCATE ALL; EXECUTE p'],
    ['PREPARE p AS SELECT name FROM users; DISCARD ALL; EXECUTE p'],
    ['DECLARE c CURSOR FOR SELECT name FROM users; CLOSE c; FETCH c'],
    ['DECLARE c CURSOR FOR SELECT name FROM users; CLOSE ALL; FETCH c'],
  ])('%s does not know it any more', (text) => {
    expect(analyse(text).at(-1)?.facts.opaque).not.toEqual([]);
  });
});

describe('cursors', () => {
  test('DECLARE keeps the columns, FETCH delivers them, MOVE does not', () => {
    const [declared, fetched, moved] = analyse(
      'DECLARE c CURSOR WITH HOLD FOR SELECT email AS e FROM users; FETCH 1 FROM c; MOVE 1 IN c',
    );
    expect(declared?.changes).toMatchObject([{ change: 'declare', name: 'c', hold: true }]);
    expect(declared?.facts.outputs).toBeNull();
    expect(origins(fetched)).toEqual(['users.email']);
    expect(moved?.facts.outputs).toBeNull();
  });
  test('a cursor without hold is told apart', () => {
    expect(analyse('DECLARE c SCROLL CURSOR FOR SELECT 1')[0]?.changes).toMatchObject([{ hold: false }]);
  });
});

describe('COPY options', () => {
  const columnOf = (column: string) => ({ schema: 'public', table: 't', column });
  const base = {
    direction: 'to',
    format: 'text',
    delimiter: '\t',
    quote: '"',
    escape: '"',
    nullText: '\\N',
    header: false,
  };
  test.each([
    ['COPY t TO STDOUT', base],
    ['COPY t TO STDOUT (FORMAT binary)', { ...base, format: 'binary' }],
    ['COPY t TO STDOUT BINARY', { ...base, format: 'binary' }],
    ['COPY t TO STDOUT CSV HEADER', { ...base, format: 'csv', delimiter: ',', nullText: '', header: true }],
    [
      `COPY t TO STDOUT (FORMAT csv, DELIMITER ';', QUOTE '''', NULL 'x', HEADER false)`,
      { ...base, format: 'csv', delimiter: ';', quote: "'", escape: "'", nullText: 'x' },
    ],
    [`COPY t TO STDOUT WITH DELIMITER '|' NULL ''`, { ...base, delimiter: '|', nullText: '' }],
    [
      `COPY t TO STDOUT (FORMAT csv, ESCAPE '\\')`,
      { ...base, format: 'csv', delimiter: ',', nullText: '', escape: '\\' },
    ],
    [
      'COPY t FROM STDIN (HEADER match)',
      { ...base, direction: 'from', header: true, columns: [columnOf('id'), columnOf('name')] },
    ],
    ['COPY t (name) FROM STDIN', { ...base, direction: 'from', columns: [columnOf('name')] }],
  ])('%s', (text, copy) => {
    expect(analyse(text)[0]?.copy).toEqual(copy);
  });
  test('columns of COPY TO: listed ones, else all that are not generated', () => {
    const names = (text: string) => analyse(text)[0]?.facts.outputs?.map(({ name }) => name);
    expect(names('COPY gen TO STDOUT')).toEqual(['id', 'secret']);
    expect(names('COPY users (name, id) TO STDOUT')).toEqual(['name', 'id']);
    expect(names('COPY (SELECT * FROM gen) TO STDOUT')).toEqual(['id', 'secret', 'shout']);
    expect(names('COPY t FROM STDIN')).toBeUndefined();
  });
});

describe('what names mean', () => {
  test('a temporary table of the session comes first, pg_temp is the own schema', () => {
    const catalog = {
      ...fixtureCatalog,
      version: 'temp',
      relations: [...fixtureCatalog.relations, relation('pg_temp_3.users', 'id:int nick')],
    };
    analyser.loadCatalog(catalog);
    const ask = (text: string, searchPath: string[]) =>
      analyser.analyse(requestOf(text, { catalogVersion: 'temp', searchPath }));
    const tables = (text: string, path: string[]) => {
      const result = ask(text, path);
      return result.ok ? result.statements[0]?.facts.tables.map(({ schema }) => schema) : [];
    };
    expect(tables('TABLE users', ['pg_temp_3', 'pg_catalog', 'public'])).toEqual(['pg_temp_3']);
    expect(tables('TABLE pg_temp.users', ['pg_temp_3', 'pg_catalog', 'public'])).toEqual(['pg_temp_3']);
    expect(tables('TABLE users', ['pg_catalog', 'public'])).toEqual(['public']);
    expect(tables('TABLE users', ['pg_catalog', 'hr', 'public'])).toEqual(['hr']);
    analyser.dropCatalog('temp');
  });

  test('a trusted function hands its arguments on', () => {
    const [statement] = analyse('SELECT trusted(email) FROM users');
    expect(statement?.facts.opaque).toEqual([]);
    expect(origins(statement)).toEqual(['users.email']);
    expect(statement?.facts.functions).toEqual([{ schema: 'public', name: 'trusted' }]);
  });

  test('names that are not in the catalog are listed', () => {
    const result = analyser.analyse(requestOf('SELECT * FROM nowhere JOIN x.y ON true'));
    expect(result.ok && result.unknownRelations).toEqual(['nowhere', 'x.y']);
  });

  test('syntax of newer servers is a function call on older ones', () => {
    analyser.loadCatalog({ ...fixtureCatalog, version: 'old', serverVersion: 150_010 });
    for (const text of [
      "SELECT json_scalar('x')",
      "SELECT json_object('a': 1)",
      "SELECT * FROM json_table('1', '$' COLUMNS (a int PATH '$')) j",
    ]) {
      const old = analyser.analyse(requestOf(text, { catalogVersion: 'old' }));
      const current = analyser.analyse(requestOf(text));
      expect(old.ok && old.statements[0]?.facts.opaque, text).not.toEqual([]);
      expect(current.ok && current.statements[0]?.facts.opaque, text).toEqual([]);
    }
    analyser.dropCatalog('old');
  });

  test('settings are named in lower case with their constant value', () => {
    const settings = (text: string) => analyse(text)[0]?.facts.settings;
    expect(settings('SET Search_Path TO a, "B"')).toEqual([{ name: 'search_path', value: 'a, B' }]);
    expect(settings('RESET work_mem')).toEqual([{ name: 'work_mem', value: null }]);
    expect(settings("SELECT set_config('Role', 'x', true)")).toEqual([{ name: 'role', value: 'x' }]);
    expect(settings('SET TRANSACTION READ ONLY')).toEqual([{ name: 'transaction_read_only', value: '1' }]);
  });
});

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ErrorFields, redactErrorFields } from '../src/index.ts';

interface RecordedError {
  readonly sql: string;
  /** Names in the fields that the catalog holds. */
  readonly names: readonly string[];
  readonly fields: ErrorFields;
  /** The fields that redaction changes, as they must be shown. */
  readonly changed: ErrorFields;
}

/** What PostgreSQL 15 said to the statements of errors-real-server.test.ts, and what may be shown of it. */
const recorded = readFileSync(new URL('fixtures/postgres-15-errors.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as RecordedError);

test.each(recorded)('recorded: $sql', ({ sql, names, fields, changed }) => {
  const shown = redactErrorFields({
    kind: 'error',
    fields,
    clientText: sql,
    knownNames: (name) => names.includes(name),
    protected: true,
  });
  expect(shown).toEqual({ ...fields, ...changed });
});

interface Message {
  readonly C?: string;
  readonly F?: string;
  readonly R?: string;
  readonly P?: string;
}

function shown(field: string, text: string, clientText: string | null = 'SELECT 1', message: Message = {}): string {
  const fields = { S: 'ERROR', C: '22P02', F: 'int.c', R: 'int4in', ...message, [field]: text };
  const names = ['customers', 'email', 'customers_email_key', 'public', 'character varying(10)', 'numeric(5,2)'];
  const knownNames = (name: string): boolean => names.includes(name);
  return redactErrorFields({ kind: 'error', fields, clientText, knownNames, protected: true })[field] ?? '';
}

describe('single texts', () => {
  test.each([
    ['M', 'division by zero', 'division by zero'],
    [
      'M',
      'current transaction is aborted, commands ignored until end of transaction block',
      'current transaction is aborted, commands ignored until end of transaction block',
    ],
    ['M', 'canceling statement due to user request', 'canceling statement due to user request'],
    ['M', 'terminating connection due to administrator command', 'terminating connection due to administrator command'],
    ['M', 'deadlock detected', 'deadlock detected'],
    ['M', 'value too long for type character varying(83719)', 'value too long for type character varying(***)'],
    ['M', 'bit string length 1 does not match type bit(83719)', 'bit string length *** does not match type bit(***)'],
    ['M', 'NUMERIC precision 83719 must be between 1 and 1000', 'NUMERIC precision *** must be between *** and ***'],
    ['M', 'cache lookup failed for type 83719', 'cache lookup failed for type ***'],
    ['M', 'PID 83719 is not a PostgreSQL backend process', 'PID *** is not a PostgreSQL backend process'],
    ['W', 'JSON data, line 83719: {', 'JSON data, line ***: ***'],
    [
      'D',
      'A field with precision 8, scale 3 must round to an absolute value less than 10^5.',
      'A field with precision ***, scale *** must round to an absolute value less than ***.',
    ],
    ['M', 'value too long for type character varying(10)', 'value too long for type character varying(10)'],
    ['M', 'numeric field overflow', 'numeric field overflow'],
    [
      'D',
      'A field with precision 5, scale 2 must round to an absolute value less than 10^3.',
      'A field with precision 5, scale 2 must round to an absolute value less than ***.',
    ],
    [
      'M',
      'duplicate key value violates unique constraint "customers_email_key"',
      'duplicate key value violates unique constraint "customers_email_key"',
    ],
    ['M', 'permission denied for table customers', 'permission denied for table customers'],
    [
      'H',
      'Perhaps you meant to reference the column "customers.email".',
      'Perhaps you meant to reference the column "customers.email".',
    ],
    ['H', 'Perhaps you need a different "datestyle" setting.', 'Perhaps you need a different "datestyle" setting.'],
    [
      'W',
      'PL/pgSQL function public.customers(integer,text) line 12 at SQL statement',
      'PL/pgSQL function public.customers(integer,text) line 12 at SQL statement',
    ],
    [
      'W',
      'SQL statement "SELECT secret FROM x"\nPL/pgSQL function customers(text) line 3 at PERFORM',
      'SQL statement "***"\nPL/pgSQL function customers(text) line 3 at PERFORM',
    ],
    ['W', 'COPY customers, line 7, column email: "bob@x.com"', 'COPY customers, line 7, column email: "***"'],
    ['W', 'COPY customers, line 7: "1,bob@x.com, 5"', 'COPY customers, line 7: "***"'],
    ['W', "unnamed portal with parameters: $1 = 'bob@x.com', $2 = 'al'", "unnamed portal with parameters: $1 = '***'"],
    ['W', 'JSON data, line 1: {"a": bob smith', 'JSON data, line 1: ***'],
    ['D', 'Key (email)=(bob@x.com) already exists.', 'Key (email)=(***) already exists.'],
    [
      'D',
      'Key (lower(email))=(a) b) is not present in table "customers".',
      'Key (lower(email))=(***) is not present in table "customers".',
    ],
    ['D', 'Failing row contains (1, bob@x.com, null).', 'Failing row contains (***).'],
    ['M', 'invalid byte sequence for encoding "UTF8": 0xe9 0x62', 'invalid byte sequence for encoding "UTF8": *** ***'],
    [
      'M',
      'could not open file "/home/bob": No such file or directory',
      'could not open file "***": No such file or directory',
    ],
    ['M', 'bob smith is here', '*** *** is here'],
    ['M', 'value 4111111111111111 is odd', 'value *** is odd'],
    ['M', 'mail bob.will@x.com to', '*** *** to'],
    ['M', "bad value 'bob' given", "bad value '***' given"],
    ['M', 'Ungültige Eingabe: „bob“', '*** ***: „***“'],
    ['M', '型 の値が不正です: "bob"', '*** ***: "***"'],
    ['M', '', ''],
  ])('%s %s', (field, text, wanted) => {
    expect(shown(field, text)).toBe(wanted);
  });

  test('a deadlock names its processes', () => {
    const text = 'Process 4711 waits for ShareLock on transaction 815; blocked by process 4712.';
    expect(shown('D', text, null, { C: '40P01', F: 'deadlock.c', R: 'DeadLockReport' })).toBe(text);
    expect(shown('D', text)).not.toContain('4711');
  });

  test.each([
    ['a data error that the server points at', { P: '8' }, `SELECT 'bob'::int`, '"bob"'],
    ['a data error of a stored value', {}, `SELECT 'bob', email::int FROM customers`, '"***"'],
    ['a part of a word', { P: '8' }, `SELECT 'bobby'::int`, '"***"'],
    ['no statement', { P: '8' }, null, '"***"'],
    ['a name of three letters', { C: '42P01' }, 'DROP TABLE bob', '"bob"'],
  ])('a quoted piece of the statement: %s', (_name, message, clientText, wanted) => {
    expect(shown('M', 'invalid input "bob"', clientText, message)).toBe(`invalid input ${wanted}`);
  });

  test.each([
    ['RAISE', { F: 'pl_exec.c', R: 'exec_stmt_raise', C: 'P0001' }],
    ['RAISE with a server SQLSTATE', { F: 'pl_exec.c', R: 'exec_stmt_raise', C: '22P02' }],
    ['Python', { F: 'plpy_elog.c', R: 'PLy_elog_impl', C: '22000' }],
    ['a remote server', { F: 'connection.c', R: 'pgfdw_report_error', C: '22P02' }],
    ['a pooler', { F: '', R: '' }],
  ])('texts worded by %s are hidden, even of server words', (_name, message) => {
    expect(shown('M', 'will is not null', 'SELECT 1', message)).toMatch(/^\*\*\* \(text hidden/);
    expect(shown('M', 'will is not null', `SELECT raise('will  is not null')`, message)).toBe('will is not null');
  });

  test('RAISE cannot use SQLSTATE, object names or unknown fields as a channel', () => {
    const fields = {
      S: 'ERROR',
      C: '98765',
      M: 'x',
      n: '987-65-4321',
      t: 'customers',
      c: 'bob',
      Z: 'bob',
      F: 'pl_exec.c',
      R: 'exec_stmt_raise',
    };
    const out = redactErrorFields({
      kind: 'error',
      fields,
      clientText: null,
      knownNames: (name) => name === 'customers',
      protected: true,
    });
    expect(out).toMatchObject({ S: 'ERROR', C: 'P0001', n: '***', t: 'customers', c: '***', Z: '***' });
  });
});

describe('any text', () => {
  const canary = 'zq7canary';
  const piece = fc.constantFrom(
    '"',
    "'",
    '(',
    ')',
    '=',
    '= (',
    '=(',
    "= '",
    ' ',
    '\n',
    ':',
    ': "',
    '\u0000',
    '«',
    'line ',
    'contains (',
    canary,
    `${canary}@x.com`,
    'customers',
    'will',
    '5',
    '.',
    '\\',
    '$1',
  );
  test('never shows the canary, keeps every field, and is stable', () => {
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 14 }),
        fc.constantFrom('M', 'D', 'H', 'W', 'q', 'n', 'X'),
        fc.boolean(),
        (pieces, field, isServers) => {
          const text = pieces.join('');
          const message = isServers ? {} : { F: 'pl_exec.c', R: 'exec_stmt_raise' };
          const names = field === 'n' ? message : { ...message, C: '22P02' };
          const out = shown(field, text, 'SELECT 1 FROM customers', names);
          // The server's own object names are no values.
          if (field === 'n' && isServers) return;
          expect(out).not.toContain(canary);
          expect(shown(field, out, 'SELECT 1 FROM customers', names)).not.toContain(canary);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test.each(['=(', "= '", '"', "'", '«', 'contains (', 'x ', 'line 1 ', '='])(
    'of 8,000 characters of %s is judged, a longer one hidden',
    (part) => {
      const clientText = `SELECT ${'y '.repeat(200_000)}`;
      const long = part.repeat(Math.floor(8000 / part.length));
      expect(shown('M', `${long} ${canary}`, clientText, { P: '1' })).not.toContain(canary);
      expect(shown('M', long + long, clientText, { P: '1' })).toMatch(/^\*\*\* \(text hidden/);
    },
  );
});

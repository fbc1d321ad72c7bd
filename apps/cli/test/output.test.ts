import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { jsonValue, uniqueNames } from '../src/sql/json-value.ts';
import { sqlErrorOf } from '../src/sql/sql-failure.ts';
import { type FailureError, failureOf } from '../src/terminal/failure.ts';
import { formatTable, formatTsv } from '../src/terminal/table.ts';
import { visible } from '../src/terminal/visible.ts';

describe('tables', () => {
  it('align text left, numbers right, wide characters by their width', () => {
    const rows = [
      [1, 'Zoë', null],
      [22, '東京', 'a\nb'],
    ];
    expect(formatTable(['id', 'name', 'note'], rows)).toBe(
      'id  name  note\n--  ----  ----\n 1  Zoë\n22  東京  a\\nb\n',
    );
  });

  it('tell NULL, empty text and special characters apart in TSV', () => {
    const rows = [[null, '', '\\N', 'a\tb\nc\rd']];
    expect(formatTsv(['a', 'b', 'c', 'd'], rows)).toBe('a\tb\tc\td\n\\N\t\t\\\\N\ta\\tb\\nc\\rd\n');
  });
});

describe('text of others', () => {
  it.each([
    ['\u001b]0;title\u0007', '\\x1b]0;title\\x07'],
    ['safe ✓', 'safe ✓'],
    ['\u202eevil', '\\u202eevil'],
    ['a\r\nb', 'a\\r\\nb'],
    ['\u009b31m', '\\x9b31m'],
  ])('%j cannot steer a terminal', (text, expected) => expect(visible(text)).toBe(expected));

  it('keeps line feeds and tabs where a text has lines', () => {
    expect(visible('a\r\n\tb\u001b', { multiline: true })).toBe('a\n\tb\\x1b');
  });
});

describe('values as JSON', () => {
  it.each([
    ['t', 16, true],
    ['f', 16, false],
    ['42', 23, 42],
    ['9007199254740993', 20, '9007199254740993'],
    ['-7', 20, -7],
    ['1.10', 1700, '1.10'],
    ['1.5', 701, 1.5],
    ['NaN', 701, 'NaN'],
    ['{"a":[1]}', 3802, { a: [1] }],
    ['***', 114, '***'],
    ['x', 25, 'x'],
    [null, 23, null],
  ] as const)('%j of type %i is %j', (text, type, value) => expect(jsonValue(text, type)).toEqual(value));

  it('have a key for every column', () => {
    expect(uniqueNames(['a', '?column?', 'a', '?column?', 'a_2'])).toEqual([
      'a',
      '?column?',
      'a_2',
      '?column?_2',
      'a_2_2',
    ]);
  });
});

describe('errors of the server', () => {
  const pending = 'this statement needs the approval of another person: request req_abc123';
  it.each([
    ['42501', 'denied', 5, '42501'],
    ['42501', pending, 6, 'approval_pending'],
    ['42P01', 'relation "x" does not exist', 8, '42P01'],
    ['42P01', pending, 8, '42P01'],
    ['57014', 'canceling statement', 3, '57014'],
    ['57P01', 'ended by admin', 5, '57P01'],
    ['08006', 'the agent is gone', 7, '08006'],
    ['28P01', 'password authentication failed', 4, '28P01'],
    ['XX000', 'broken', 8, 'XX000'],
  ])('%s "%s" has exit status %i and code %s', (sqlstate, message, status, code) => {
    const error = Object.assign(new pg.DatabaseError(message, 1, 'error'), {
      code: sqlstate,
      hint: 'do',
      detail: 'so',
    });
    const { failure } = sqlErrorOf(error, undefined) as FailureError;
    expect(failure).toEqual({ what: message, why: 'so', fix: 'do', code, status });
  });

  it('are internal when nothing is known of them', () => {
    expect(failureOf(new TypeError('x is undefined'))).toMatchObject({ code: 'internal', status: 1 });
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AnalysisResult, createPostgresAnalyser } from '../src/index.ts';
import { fixtureCatalog, requestOf } from './fixture-catalog.ts';

const analyser = await createPostgresAnalyser();
analyser.loadCatalog(fixtureCatalog);

function problemOf(text: string, more = {}): string {
  const result = analyser.analyse(requestOf(text, more));
  return result.ok ? 'none' : result.problem;
}

function statementCount(result: AnalysisResult): number {
  return result.ok ? result.statements.length : -1;
}

const refused: readonly (readonly [string, string, string])[] = [
  ['a NUL that would cut the text', 'SELECT 1\0; DROP DATABASE x', 'syntax'],
  ['a NUL in a literal', "SELECT '\0'", 'syntax'],
  ['a NUL at the end', 'SELECT 1\0', 'syntax'],
  ['a lone surrogate', "SELECT '\ud800'", 'syntax'],
  ['more than a megabyte', `SELECT '${'x'.repeat(1024 * 1024)}'`, 'limit'],
  ['a run of operators', `SELECT 1 ${'+'.repeat(300)} 1`, 'limit'],
  ['a run of openings and closings of comments', `SELECT ${'/**/'.repeat(20_000)} 1`, 'limit'],
  ['a run of openings alone', '/*'.repeat(200_000), 'syntax'],
  ['openings that look like operators', `SELECT 1 ${'/*/'.repeat(100_000)}`, 'syntax'],
  ['a run after an E string that ends with a quoted quote', `SELECT E'\\'' ${'*'.repeat(300)}`, 'limit'],
  ['a run after a dollar quote', `SELECT $a$ ' $a$ ${'*'.repeat(300)}`, 'limit'],
  ['a run after a quoted name', `SELECT "a'" ${'*'.repeat(300)}`, 'limit'],
  ['a run after a nested comment', `SELECT /* /* ' */ */ 1 ${'*'.repeat(300)}`, 'limit'],
  ['a run after a line comment', `SELECT 1 -- '\n ${'*'.repeat(300)}`, 'limit'],
  ['an unterminated literal', "SELECT 'x", 'syntax'],
  ['an unterminated dollar quote', 'SELECT $a$ x', 'syntax'],
  ['deep parentheses', `SELECT ${'('.repeat(50_000)}1${')'.repeat(50_000)}`, 'syntax'],
];

const accepted: readonly (readonly [string, string])[] = [
  ['operators inside a literal', `SELECT '${'*'.repeat(5000)}'`],
  ['operators inside a dollar quote', `SELECT $x$${'*'.repeat(5000)}$x$`],
  ['operators inside a quoted name', `SELECT 1 AS "${'*'.repeat(60)}"`],
  ['operators inside a line comment', `SELECT 1 -- ${'-'.repeat(5000)}`],
  ['a banner comment', `/*${'*'.repeat(5000)}*/ SELECT 1`],
  ['a nested comment with quotes', '/* \' /* " */ */ SELECT 1'],
  ['backslashes when they are plain characters', "SELECT 'a\\'"],
  ['an escape string', "SELECT E'a\\'b'"],
  ['a dollar in a name', 'SELECT 1 AS a$b$c'],
  ['a parameter', 'SELECT $1'],
  ['characters beyond ASCII', "SELECT 'äöü€😀' AS ñ"],
  ['a thousand rows', `INSERT INTO t VALUES ${Array.from({ length: 1000 }, (_, at) => `(${at}, 'n${at}')`).join(',')}`],
];

describe('texts that must not reach the parser or that it refuses', () => {
  test.each(refused)('%s', (_name, text, problem) => {
    expect(problemOf(text)).toBe(problem);
    expect(problemOf('SELECT 1')).toBe('none');
  });
  test.each(accepted)('accepted: %s', (_name, text) => {
    expect(problemOf(text)).toBe('none');
  });

  test('backslashes are refused when the session reads them as escapes', () => {
    const off = { standardConformingStrings: false };
    expect(problemOf("SELECT 'a\\'' ; DELETE FROM t; --'", off)).toBe('syntax');
    expect(problemOf("SELECT n'a\\'' ; DELETE FROM t; --'", off)).toBe('syntax');
    expect(problemOf("SELECT E'a\\'b'", off)).toBe('none');
    expect(problemOf("SELECT 'plain'", off)).toBe('none');
    expect(problemOf('SELECT $$a\\b$$', off)).toBe('none');
  });

  test('an error has the position as the server reports it, in characters', () => {
    const result = analyser.analyse(requestOf("SELECT 'äö' FROM slect x y z"));
    expect(result).toMatchObject({ ok: false, problem: 'syntax', position: 26 });
  });

  test('a catalog that is not loaded is refused', () => {
    expect(problemOf('SELECT 1', { catalogVersion: 'other' })).toBe('limit');
  });
});

describe('any text', () => {
  const pieces = [
    'select ',
    'delete from t ',
    "'",
    '"',
    '$$',
    '$a$',
    '/*',
    '*/',
    '--',
    '\n',
    ';',
    '\\',
    "E'",
    '(',
    ')',
    '1',
    '+',
    'x',
    ' ',
    'ä',
  ];
  test('never makes the analyser throw or stay broken', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 40 }), (parts) => {
        const result = analyser.analyse(requestOf(parts.join('')));
        expect(result.ok || ['syntax', 'limit'].includes(result.problem)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test('statements are the same as the parser splits them, in byte ranges that follow each other', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('select 1', "select 'ä;'", 'select $$;$$', '/* ; */ select 2'), {
          minLength: 1,
          maxLength: 6,
        }),
        (parts) => {
          const text = parts.join(';');
          const result = analyser.analyse(requestOf(text));
          expect(statementCount(result)).toBe(parts.length);
          if (!result.ok) return;
          const bytes = Buffer.from(text);
          const cut = result.statements.map(({ start, end }) => bytes.subarray(start, end).toString().trim());
          for (const [at, part] of cut.entries()) expect(part).toContain(parts[at]?.slice(-8));
        },
      ),
      { numRuns: 100 },
    );
  });
});

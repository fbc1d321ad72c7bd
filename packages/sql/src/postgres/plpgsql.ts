import type { Node } from './ast.ts';
import { openNode } from './ast.ts';
import { defaultMaxText, guardText } from './guards.ts';
import type { Parser } from './parser.ts';

/** The SQL inside a PL/pgSQL body, in any order, and the names of its variables. */
export interface PlpgsqlBody {
  readonly statements: readonly Node[];
  readonly names: ReadonlySet<string>;
  /** A variable may hold a row. */
  readonly hasRecords: boolean;
  /** What it reads decides about what it does. */
  readonly branches: boolean;
  /** It tells the client something besides its result: values in messages, or as many messages as it likes. */
  readonly tells: boolean;
}

/** Statements whose only effect is that of the SQL inside them, or on variables. A closed list: any other makes the body not understood. */
const followed: ReadonlySet<string> = new Set(
  [
    'block assign if case loop while fori fors forc foreach_a exit return return_next return_query raise assert execsql',
    'perform call getdiag open fetch close',
  ]
    .join(' ')
    .split(' ')
    .map((name) => `PLpgSQL_stmt_${name}`),
);

/** Parse modes of an expression (raw_parser's RawParseMode): a whole statement, an expression, an assignment. */
const statementMode = 0;
const expressionMode = 2;
const assignmentModes: readonly unknown[] = [3, 4, 5];

/** Why a body cannot be followed. */
class NotFollowed extends Error {}

/** Reads the body of a CREATE FUNCTION, CREATE PROCEDURE or DO text. @returns a reason when it cannot be followed. @throws BrokenParser */
export function readPlpgsql(parser: Parser, text: string): PlpgsqlBody | string {
  const tree = parser.parsePlpgsql(text);
  if (tree === null) return 'its body is not understood';
  const body: Reading = {
    ...{ statements: [], names: new Set(), hasRecords: false, usesErrors: false, branches: false, tells: false },
    errorTexts: [],
  };
  try {
    walk(parser, tree, body);
  } catch (error) {
    if (error instanceof NotFollowed) return error.message;
    throw error;
  }
  // The text of an error can hold values of rows that nothing here reads.
  return body.usesErrors ? 'it reads the messages of errors' : body;
}

interface Reading {
  readonly statements: Node[];
  readonly names: Set<string>;
  hasRecords: boolean;
  usesErrors: boolean;
  branches: boolean;
  tells: boolean;
  errorTexts: readonly unknown[];
}

function walk(parser: Parser, value: unknown, into: Reading): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const item of value) walk(parser, item, into);
    return;
  }
  for (const [key, child] of Object.entries(value)) {
    if (key.startsWith('PLpgSQL_')) note(parser, key, child as Record<string, unknown>, into);
    if (key !== 'PLpgSQL_expr') walk(parser, child, into);
  }
}

function note(parser: Parser, tag: string, body: Record<string, unknown>, into: Reading): void {
  if (tag.startsWith('PLpgSQL_stmt_') && !followed.has(tag)) {
    const what = tag.slice('PLpgSQL_stmt_'.length);
    throw new NotFollowed(what.startsWith('dyn') ? 'it runs SQL that it makes itself' : `it has a statement ${what}`);
  }
  if (body['dynquery'] !== undefined) throw new NotFollowed('it runs SQL that it makes itself');
  if (tag === 'PLpgSQL_stmt_getdiag' && body['is_stacked'] === true) into.usesErrors = true;
  if (branching.test(tag)) into.branches = true;
  if (tag === 'PLpgSQL_stmt_raise' && isTelling(body)) into.tells = true;
  if (tag === 'PLpgSQL_stmt_assert' && body['message'] !== undefined) into.tells = true;
  if (tag === 'PLpgSQL_function') into.errorTexts = numbersOf(body['datums'], 'sqlerrm');
  // RETURN of a plain variable has no expression.
  if (into.errorTexts.includes(body['retvarno'])) into.usesErrors = true;
  if (tag === 'PLpgSQL_expr') {
    const statements = statementsOf(parser, body);
    if (JSON.stringify(statements).includes('"sval":"sqlerrm"')) into.usesErrors = true;
    into.statements.push(...statements);
  }
  const name = body['refname'];
  if (typeof name === 'string') into.names.add(name.toLowerCase());
  const type = (body['datatype'] as { PLpgSQL_type?: { typname?: string } } | undefined)?.PLpgSQL_type?.typname ?? '';
  if (tag === 'PLpgSQL_rec' || /[.%]/.test(type)) into.hasRecords = true;
}

const branching =
  /_(if|case|loop|while|fori|fors|forc|foreach_a|exit|return|return_next|raise|assert|exception_block)$/;

/** elog.h: RAISE EXCEPTION, which ends the statement. */
const errorLevel = 21;

/** An error of fixed words tells at most that it came to pass; a notice can come again and again, and values stand for themselves. */
function isTelling({ elog_level: level, params, options }: Record<string, unknown>): boolean {
  return level !== errorLevel || params !== undefined || options !== undefined;
}

/** Numbers of the variables of that name (each block with EXCEPTION has its own), by which statements name them. */
function numbersOf(datums: unknown, name: string): readonly number[] {
  return (Array.isArray(datums) ? datums : []).flatMap((datum, at) =>
    String(openNode(datum)?.body['refname']).toLowerCase() === name ? [at] : [],
  );
}

function statementsOf(parser: Parser, { query, parseMode }: Record<string, unknown>): Node[] {
  const text = String(query ?? '');
  if (parseMode === statementMode) return [parsed(parser, text)];
  if (parseMode === expressionMode) return [parsed(parser, `SELECT ${text}`)];
  if (assignmentModes.includes(parseMode)) return assignment(parser, text);
  throw new NotFollowed('it has an expression of an unknown kind');
}

function tryParsed(parser: Parser, text: string): Node | null {
  if (guardText(text, { maxText: defaultMaxText, standardConformingStrings: true }) !== null) return null;
  const outcome = parser.parse(text);
  const [only, ...more] = outcome.ok ? outcome.statements : [];
  return more.length === 0 ? (only?.node ?? null) : null;
}

function parsed(parser: Parser, text: string): Node {
  const node = tryParsed(parser, text);
  if (node === null) throw new NotFollowed('a part of its body is not understood');
  return node;
}

/** `target := value` or `target = value`: the first sign with a name before it and an expression behind it. Subscripts of the target are read, too. */
function assignment(parser: Parser, text: string): Node[] {
  for (const { index, 0: sign } of text.matchAll(/:=|=/g)) {
    const target = tryParsed(parser, `SELECT ${text.slice(0, index)}`);
    if (target === null || !isTarget(target)) continue;
    return [target, parsed(parser, `SELECT ${text.slice(index + sign.length)}`)];
  }
  throw new NotFollowed('an assignment in its body is not understood');
}

function isTarget(node: Node): boolean {
  const targets = openNode(node)?.body['targetList'];
  if (!Array.isArray(targets) || targets.length !== 1) return false;
  const value = openNode(openNode(targets[0])?.body['val'])?.tag;
  return value === 'ColumnRef' || value === 'A_Indirection';
}

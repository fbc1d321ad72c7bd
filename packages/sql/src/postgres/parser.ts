import type { Node, RawStmt, SelectStmt } from '@pgsql/types';
import libpgQuery from 'libpg-query';
import { bodyOf } from './ast.ts';

const { loadModule, parsePlPgSQLSync, parseSync, SqlError } = libpgQuery;

/** One statement of a text with its place in bytes. */
export interface ParsedStatement {
  readonly node: Node | null;
  readonly start: number;
  /** Null: to the end of the text. */
  readonly end: number | null;
}

export type ParseOutcome =
  | { readonly ok: true; readonly statements: readonly ParsedStatement[] }
  | { readonly ok: false; readonly message: string; readonly position: number | null };

/** The parser broke (stack, memory): this instance must not be used again. The first error is the cause. */
export class BrokenParser extends Error {
  override readonly name = 'BrokenParser';
}

/** The server's own grammar. One WebAssembly instance per thread; an instance that once broke answers nothing more. */
export interface Parser {
  /** Throws BrokenParser. The text must have passed guardText. */
  parse(text: string): ParseOutcome;
  /** Parses one SELECT that the server wrote; null when it is none. Throws BrokenParser. */
  parseQuery(text: string): SelectStmt | null;
  /** Parses the body of a CREATE FUNCTION, CREATE PROCEDURE or DO in PL/pgSQL (PLpgSQL_function as JSON); null when it is not understood. Throws BrokenParser. */
  parsePlpgsql(text: string): object | null;
}

/** Loads the parser (asynchronous once, synchronous afterwards). */
export async function createParser(): Promise<Parser> {
  await loadModule();
  let broken: unknown = null;
  const parse = (text: string): ParseOutcome => {
    if (broken !== null) throw new BrokenParser('the parser is broken', { cause: broken });
    if (text.trim() === '') return { ok: true, statements: [] };
    try {
      const statements = (parseSync(text).stmts ?? []) as RawStmt[];
      return { ok: true, statements: statements.map(placed) };
    } catch (error) {
      if (error instanceof SqlError) {
        const at = error.sqlDetails?.cursorPosition;
        return { ok: false, message: error.message, position: at === undefined ? null : at + 1 };
      }
      broken = error;
      throw new BrokenParser('the parser broke', { cause: error });
    }
  };
  const parseQuery = (text: string): SelectStmt | null => {
    const outcome = parse(text);
    if (!outcome.ok || outcome.statements.length !== 1) return null;
    return bodyOf<SelectStmt>(outcome.statements[0]?.node ?? undefined, 'SelectStmt');
  };
  const parsePlpgsql = (text: string): object | null => {
    if (broken !== null) throw new BrokenParser('the parser is broken', { cause: broken });
    try {
      return parsePlPgSQLSync(text);
    } catch (error) {
      // It reports what it does not understand as a plain Error with the server's message.
      if (error instanceof Error && error.constructor === Error) return null;
      broken = error;
      throw new BrokenParser('the parser broke', { cause: error });
    }
  };
  return { parse, parseQuery, parsePlpgsql };
}

function placed({ stmt, stmt_location: start = 0, stmt_len: length = 0 }: RawStmt): ParsedStatement {
  return { node: stmt ?? null, start, end: length === 0 ? null : start + length };
}

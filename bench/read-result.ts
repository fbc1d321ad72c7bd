import { type BenchContext, startProgram } from './bench-context.ts';
import { resultColumns } from './target.ts';

/** What one reading gave. */
export interface Reading {
  readonly bytes: number;
  readonly ms: number;
  /** 10^6 bytes per second, as the client got them. */
  readonly megabytesPerSecond: number;
}

/** The statement whose result is read: all people, or the first `limit` of them. */
export function resultSql(kind: keyof typeof resultColumns, limit?: number): string {
  return `SELECT ${resultColumns[kind]} FROM people${limit === undefined ? '' : ` LIMIT ${limit}`}`;
}

/** Reads a result in a process of its own that looks at no row. @throws when it is no result. */
export async function readResult(context: BenchContext, dsn: string, sql: string): Promise<Reading> {
  const output = await startProgram(context, 'read-result', [dsn, sql]).output;
  const { bytes, ms } = JSON.parse(output) as { bytes: number; ms: number };
  return { bytes, ms, megabytesPerSecond: bytes / 1000 / ms };
}

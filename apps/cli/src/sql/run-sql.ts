import pg from 'pg';
import type { ClientSession } from '../gateway/open-session.ts';
import { asSocket } from './client-stream.ts';
import type { SqlResult } from './print-results.ts';
import { sqlErrorOf } from './sql-failure.ts';

/** How to run SQL. */
export interface RunSqlOptions {
  /** Wait for an approval; else a statement that needs one is refused with the id of its request. */
  readonly waits: boolean;
  onNotice(notice: { readonly severity: string; readonly message: string; readonly hint: string | undefined }): void;
}

/** Values stay as the server wrote them. */
const asText = { getTypeParser: () => (text: string) => text } as unknown as pg.CustomTypesConfig;

/**
 * Runs a text of one or more statements in a session, as one simple Query (one transaction). @throws FailureError for errors of the server and of
 * policy, WeirError for those of the way.
 */
export async function runSql(session: ClientSession, text: string, options: RunSqlOptions): Promise<SqlResult[]> {
  const stream = session.openStream();
  let streamError: Error | undefined;
  stream.on('error', (error) => {
    streamError ??= error;
  });
  const { user, password, database } = session.opened;
  const client = new pg.Client({
    stream: () => asSocket(stream) as never,
    user,
    password,
    database,
    ssl: false,
    // The gate takes a client whose name begins with psql or weir for one at which a person waits.
    application_name: options.waits ? 'weir exec' : 'exec (weir)',
  });
  client.on('error', (error) => {
    streamError ??= error;
  });
  client.on('notice', ({ severity = 'NOTICE', message = '', hint }) => options.onNotice({ severity, message, hint }));
  try {
    await client.connect();
    const answer: unknown = await client.query({ text, rowMode: 'array', types: asText });
    const results = (Array.isArray(answer) ? answer : [answer]) as pg.QueryArrayResult<(string | null)[]>[];
    return results.filter(({ command }) => command !== null).map(resultOf);
  } catch (error) {
    throw sqlErrorOf(error, streamError);
  } finally {
    client.end().catch(() => stream.destroy());
  }
}

function resultOf({ command, rowCount, fields, rows }: pg.QueryArrayResult<(string | null)[]>): SqlResult {
  return { command, rowCount, columns: fields.map(({ name, dataTypeID: typeOid }) => ({ name, typeOid })), rows };
}

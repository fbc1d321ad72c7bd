import { isWeirError, WeirError } from '@weir/errors';
import type { Cli } from '../cli.ts';
import { signedIn } from '../gateway/api.ts';
import { type ClientSession, openSession } from '../gateway/open-session.ts';
import { note } from '../terminal/output.ts';
import { printResults } from './print-results.ts';
import { runSql } from './run-sql.ts';

/** What `weir exec` was asked for. */
export interface ExecRequest {
  readonly connection: string;
  readonly text: string;
  readonly json: boolean;
  readonly heading: boolean;
  readonly waits: boolean;
}

/** Runs SQL in a session of its own and prints what came. */
export async function runExec(cli: Cli, request: ExecRequest): Promise<void> {
  if (request.text.trim() === '') {
    throw new WeirError('invalid_request', 'There is no SQL to run.', { fix: 'weir exec NAME "SELECT 1"' });
  }
  const access = signedIn(cli);
  // Before the session is there: one that is being opened when Ctrl-C comes must be ended, too.
  const stop = interrupted(cli);
  const session = await openSession(access, request.connection);
  try {
    const results = await Promise.race([
      runSql(session, request.text, {
        waits: request.waits,
        onNotice: ({ severity, message, hint }) =>
          note(cli, `${severity.toLowerCase()}: ${message}${hint ? `\nhint: ${hint}` : ''}`),
      }),
      stop,
    ]);
    printResults(cli, results, request);
  } finally {
    cli.onSignal = undefined;
    await endQuietly(session);
  }
}

function interrupted(cli: Cli): Promise<never> {
  const stop = new Promise<never>((_resolve, reject) => {
    cli.onSignal = () =>
      reject(new WeirError('query_canceled', 'Cancelled.', { fix: 'What has not begun to run does not run.' }));
  });
  // Looked at when the SQL runs.
  stop.catch(() => undefined);
  return stop;
}

/** The outcome of the statement is what counts; a session that is over or out of reach ends by itself. */
async function endQuietly(session: ClientSession): Promise<void> {
  try {
    await session.end('weir exec is done');
  } catch (error) {
    if (!isWeirError(error)) throw error;
  }
}

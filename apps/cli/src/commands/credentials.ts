import type { OpenSessionResponse } from '@weir/api';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { signedIn } from '../gateway/api.ts';
import { withNameAdvice } from '../gateway/name-advice.ts';
import { databaseOf } from '../gateway/open-session.ts';
import { note, printLine, printRecord } from '../terminal/output.ts';
import { act, type CommonOptions, leaf } from './leaf.ts';

/** `weir credentials` */
export function addCredentials(program: Command, cli: Cli): void {
  const credentials = program
    .command('credentials')
    .description('Short-lived credentials for clients that reach the gateway themselves');
  leaf(credentials, 'pg', "Open a session for the gateway's PostgreSQL port: DSN, service entry, JDBC URL", [
    'weir credentials pg orders',
    'psql "$(weir credentials pg orders --json | jq -r .dsn)"',
  ])
    .argument('<name>', 'connection')
    .action(
      act(cli, async (connection: string, options: CommonOptions) => {
        const { api } = signedIn(cli);
        const opened = await withNameAdvice(api, connection, () => api.openSession({ connection, via: 'native' }));
        const { host, port, dsn } = opened.native;
        const jdbc = jdbcUrl(opened);
        const service = serviceEntry(opened);
        const { id: session, user, password, database, expiresAt } = opened;
        const value = { session, host, port, user, password, database, dsn, jdbc, service, expiresAt };
        printRecord(cli, options, value, [
          ['dsn', dsn],
          ['jdbc', jdbc],
          ['session', session],
          ['until', expiresAt],
        ]);
        if (options.json === true) return;
        // As the file takes it: several lines, which a table or TSV would spoil.
        printLine(cli, `\n${service}`);
        note(cli, `End it with: weir sessions kill ${session}`);
      }),
    );
}

/** JDBC URL of the PostgreSQL driver (jdbc.postgresql.org, "Connecting to the Database"). */
export function jdbcUrl(opened: OpenSessionResponse): string {
  const { user, password, native } = opened;
  const query = new URLSearchParams({ user, password, sslmode: 'require' });
  const host = native.host.includes(':') ? `[${native.host}]` : native.host;
  return `jdbc:postgresql://${host}:${native.port}/${encodeURIComponent(databaseOf(opened))}?${query.toString()}`;
}

/** Entry of a pg_service.conf (PostgreSQL, "The Connection Service File"). */
export function serviceEntry(opened: OpenSessionResponse): string {
  const { connection, user, password, native } = opened;
  const settings = {
    ...{ host: native.host, port: native.port, dbname: databaseOf(opened) },
    ...{ user, password, sslmode: 'require' },
  };
  return [`[${connection}]`, ...Object.entries(settings).map(([key, value]) => `${key}=${value}`)].join('\n');
}

import type { OpenSessionResponse } from '@weir/api';
import { databaseOf } from '../gateway/open-session.ts';

/** The DSN of a local port. */
export function dsnOf(opened: OpenSessionResponse, port: number): string {
  const userinfo = `${encodeURIComponent(opened.user)}:${encodeURIComponent(opened.password)}`;
  return `postgresql://${userinfo}@127.0.0.1:${port}/${encodeURIComponent(databaseOf(opened))}`;
}

/** The command that starts psql with a DSN. */
export function psqlLine(dsn: string): string {
  return `psql '${dsn.replaceAll("'", "'\\''")}'`;
}

/** Settings of libpq that would lead a client elsewhere or ask for what a local port does not do. */
const foreign =
  /^PG(HOSTADDR|SERVICE|SERVICEFILE|SSL.+|CHANNELBINDING|REQUIREAUTH|REQUIRESSL|REQUIREPEER|GSS.+|TARGETSESSIONATTRS|LOADBALANCEHOSTS|PASSFILE)$/;

/** Environment for a client of a local port: PG* (PostgreSQL, "Environment Variables" of libpq). */
export function clientEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  opened: OpenSessionResponse,
  port: number,
): Record<string, string> {
  const kept = Object.entries(env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !foreign.test(entry[0]),
  );
  return {
    ...Object.fromEntries(kept),
    PGHOST: '127.0.0.1',
    PGPORT: String(port),
    PGUSER: opened.user,
    PGPASSWORD: opened.password,
    PGDATABASE: databaseOf(opened),
    PGSSLMODE: 'disable',
    PGGSSENCMODE: 'disable',
  };
}

import type { Socket } from 'node:net';
import pg from 'pg';

/** A signed-in connection whose bytes nobody parses. */
export interface RawSession {
  readonly socket: Socket;
  /** Sends a simple query. */
  send(sql: string): void;
}

/** Signs in with node-postgres, then takes the socket away from it. @throws when the sign-in fails. */
export async function openRawSession(dsn: string): Promise<RawSession> {
  const url = new URL(dsn);
  // libpq's meaning of sslmode=require: encrypted, nothing checked.
  url.searchParams.set('uselibpqcompat', 'true');
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
  stream.removeAllListeners();
  return {
    socket: stream,
    send(sql) {
      const text = Buffer.from(`${sql}\0`);
      const head = Buffer.from('Q\0\0\0\0');
      head.writeInt32BE(text.length + 4, 1);
      stream.write(Buffer.concat([head, text]));
    },
  };
}

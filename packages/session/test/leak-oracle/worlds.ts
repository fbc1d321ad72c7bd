import type { PostgresTarget } from '@weir/proto';
import type { TestServer } from '@weir/testkit';
import { encodeTerminate } from '@weir/wire-postgres';
import pg from 'pg';
import { openRawClient, type RawClient } from '../fixture/raw-client.ts';
import { startTestRuntime, type TestRuntime } from '../fixture/test-runtime.ts';
import { derivedRows, otherValues, protectedColumns, vaultSchema } from './vault.ts';

/** A database with the vault, direct and through Weir. */
export interface World {
  readonly database: string;
  readonly direct: pg.Client;
  /** A client whose connection lives; a new one when the last was closed. */
  client(): Promise<RawClient>;
  /** The next client is a new one, with the policy of then. */
  renew(): void;
}

export interface Worlds {
  readonly runtime: TestRuntime;
  /** The same but for the protected values. */
  readonly both: readonly [World, World];
  close(): Promise<void>;
}

const everyone = `
apiVersion: weir.dev/v1
kind: Access
metadata: { name: everyone }
spec: { who: { principals: ['*'] }, connections: { names: ['*'] } }
`;

/** Protects every `m_` column of the vault and of the partitioned table; their children, views and copies have no rule of their own. */
export const policyOf = (transform: string, contentType = 'text') => `${everyone}---
apiVersion: weir.dev/v1
kind: Masking
metadata: { name: vault }
spec:
  columns: [public.vault.m_*, public.parted.m_*, public.child.s]
  contentType: ${contentType}
  transform: "${transform}"
`;

export async function openWorlds(server: TestServer, major: number): Promise<Worlds> {
  const connect = async (database: string) => {
    const url = new URL(server.adminUrl);
    url.pathname = `/${database}`;
    const client = new pg.Client({ connectionString: url.href });
    await client.connect();
    return client;
  };
  const admin = await connect('postgres');
  await admin.query('CREATE DATABASE leak_a');
  const first = await connect('leak_a');
  await first.query(vaultSchema(major));
  await first.end();
  await admin.query('CREATE DATABASE leak_b TEMPLATE leak_a');
  await admin.end();

  const targetOf = (database: string): PostgresTarget => ({
    ...{
      protocol: 'postgres',
      host: server.host,
      port: server.port,
      database,
      user: new URL(server.adminUrl).username,
    },
    ...{ password: { from: 'env', name: server.password }, tls: { mode: 'disable' } },
  });
  const runtime = await startTestRuntime(targetOf('leak_a'), policyOf('redact'));
  const open = async (database: string, values: string): Promise<World> => {
    const direct = await connect(database);
    await direct.query(`${values};${derivedRows}`);
    let client: RawClient | undefined;
    return {
      database,
      direct,
      renew() {
        client?.socket.end(encodeTerminate());
        client = undefined;
      },
      async client() {
        if (client !== undefined && !client.socket.destroyed && !client.socket.readableEnded) return client;
        runtime.target = targetOf(database);
        client = await openRawClient(runtime.port);
        return client;
      },
    };
  };
  const both = [await open('leak_a', ''), await open('leak_b', otherValues)] as const;
  return {
    runtime,
    both,
    async close() {
      for (const { direct } of both) await direct.end();
      await runtime.close();
    },
  };
}

/** Text and binary form (as the type's own send function writes it) of every protected value of a world. */
export async function protectedValues({
  direct,
}: World): Promise<{ column: string; type: string; text: string; binary: Buffer }[]> {
  const { rows: types } = await direct.query<{ attname: string; type: string; send: string }>(
    `SELECT attname, atttypid::regtype::text AS type, typsend::regproc::text AS send FROM pg_attribute JOIN pg_type t ON t.oid = atttypid
     WHERE attrelid = 'public.vault'::regclass AND attname LIKE 'm\\_%' ORDER BY attnum`,
  );
  if (types.length !== protectedColumns.length) throw new Error('a protected column is missing');
  const values = types.map(
    ({ attname, type, send }) =>
      `SELECT '${attname}' AS column, $$${type}$$ AS type, ${attname}::text AS text, encode(${send}(${attname}), 'hex') AS hex FROM ONLY vault`,
  );
  const { rows } = await direct.query<{ column: string; type: string; text: string; hex: string }>(
    values.join(' UNION ALL '),
  );
  return rows.map(({ hex, ...rest }) => ({ ...rest, binary: Buffer.from(hex, 'hex') }));
}

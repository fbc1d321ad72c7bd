import { startEmbeddedPostgres } from '@weir/embedded-postgres';
import { WeirError } from '@weir/errors';
import { Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import { loadSecretKey } from '../config/secret-key.ts';
import { migrate } from './migrate.ts';
import { becomeSoleGateway } from './sole-gateway.ts';
import type { StoreTables } from './tables.ts';

/** The open store. Only files of store/ use `db`. */
export interface Store {
  readonly db: Kysely<StoreTables>;
  /** Does the store answer? @throws WeirError internal when not. */
  ping(): Promise<void>;
  /** Settles when an embedded server has ended without close(). */
  readonly lost: Promise<Error>;
  close(): Promise<void>;
}

/** Where the store is, and where an embedded one lives. */
export interface StoreOptions {
  readonly stateDir: string;
  readonly store: { readonly embedded: true } | { readonly url: string };
  readonly log: (message: string) => void;
}

/** Starts the embedded server or dials the external one, and migrates. @throws WeirError internal when there is no store, conflict when another gateway has it. */
export async function openStore(options: StoreOptions): Promise<Store> {
  const server =
    'url' in options.store ? await externalServer(options.store.url, options.log) : await embeddedServer(options);
  const pool = new pg.Pool({
    connectionString: server.url,
    max: 16,
    connectionTimeoutMillis: 10_000,
    application_name: 'weir-gateway',
  });
  pool.on('error', (error) => options.log(`an idle connection to the store broke: ${error.message}`));
  const db = new Kysely<StoreTables>({ dialect: new PostgresDialect({ pool }) });
  const close = async (): Promise<void> => {
    try {
      await db.destroy();
    } finally {
      await server.stop();
    }
  };
  const ping = async (): Promise<void> => {
    try {
      await sql`SELECT 1`.execute(db);
    } catch (cause) {
      throw new WeirError('internal', 'The store does not answer.', {
        why: cause instanceof Error ? cause.message : String(cause),
        fix: 'Check `store` in the configuration, and that the PostgreSQL server runs and accepts this user.',
        cause,
      });
    }
  };
  try {
    await ping();
    await migrate(db);
  } catch (error) {
    await close();
    throw error;
  }
  return { db, ping, lost: server.lost, close };
}

interface Server {
  readonly url: string;
  readonly lost: Promise<Error>;
  stop(): Promise<void>;
}

async function externalServer(url: string, log: (message: string) => void): Promise<Server> {
  const right = await becomeSoleGateway(url, log);
  return { url, lost: right.lost, stop: () => right.release() };
}

async function embeddedServer(options: StoreOptions): Promise<Server> {
  const password = (await loadSecretKey(options.stateDir, 'store-superuser')).toString('base64url');
  const running = await startEmbeddedPostgres({
    stateDir: options.stateDir,
    role: 'store',
    password,
    log: options.log,
  });
  let isStopping = false;
  const lost = running.exited.then((exit) => {
    if (isStopping) return new Promise<Error>(() => undefined);
    return new WeirError('internal', 'The embedded store has ended.', {
      why: `See ${running.logFile}`,
      fix: 'Start the gateway again.',
      cause: exit,
    });
  });
  return {
    url: running.adminUrl,
    lost,
    stop: async () => {
      isStopping = true;
      await running.stop();
    },
  };
}

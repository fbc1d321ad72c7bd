import { setTimeout as sleep } from 'node:timers/promises';
import { WeirError } from '@weir/errors';
import pg from 'pg';

/** Advisory lock of the gateway that owns the store ("weir" in ASCII, then 1). */
const lockQuery = 'SELECT pg_try_advisory_lock(1999989106, 1) AS held';
/** A killed gateway's connection may live on for a moment. */
const acquireTimeoutMs = 3000;
/** The server may restart: so long the lock is sought again before the gateway gives up. */
const regainTimeoutMs = 30_000;
const retryMs = 250;

/** The right to be the one gateway of a store: sessions live in its memory, and at start it ends those of its predecessor. */
export interface SoleGateway {
  /** Settles when the right is lost for good. */
  readonly lost: Promise<Error>;
  release(): Promise<void>;
}

/** Takes the store's lock. @throws WeirError conflict when another gateway holds it. */
export async function becomeSoleGateway(url: string, log: (message: string) => void): Promise<SoleGateway> {
  let isReleased = false;
  let client: pg.Client | undefined;
  let giveUp: (error: Error) => void = () => undefined;
  const lost = new Promise<Error>((resolve) => {
    giveUp = resolve;
  });
  const hold = async (timeoutMs: number): Promise<void> => {
    const next = await connectWithLock(url, timeoutMs, () => isReleased);
    client = next;
    next.once('error', () => undefined);
    next.once('end', () => {
      if (isReleased || client !== next) return;
      log('the connection that holds the store for this gateway broke');
      hold(regainTimeoutMs).catch((error: unknown) => {
        if (!isReleased) giveUp(error instanceof Error ? error : new Error(String(error)));
      });
    });
  };
  await hold(acquireTimeoutMs);
  return {
    lost,
    release: async () => {
      isReleased = true;
      await client?.end();
    },
  };
}

async function connectWithLock(url: string, timeoutMs: number, isOver: () => boolean): Promise<pg.Client> {
  const endAtMs = performance.now() + timeoutMs;
  for (;;) {
    const client = new pg.Client({ connectionString: url, application_name: 'weir-gateway', keepAlive: true });
    const problem = await tryLock(client);
    if (problem === undefined) return client;
    // It may never have been connected: then there is nothing to end.
    await client.end().catch(() => undefined);
    if (isOver() || performance.now() >= endAtMs) throw problem;
    await sleep(retryMs);
  }
}

async function tryLock(client: pg.Client): Promise<WeirError | undefined> {
  try {
    client.on('error', () => undefined);
    await client.connect();
    const { rows } = await client.query<{ held: boolean }>(lockQuery);
    if (rows[0]?.held === true) return undefined;
    return new WeirError('conflict', 'Another gateway uses this store.', {
      why: 'A gateway keeps its live sessions in memory, so a store serves one at a time.',
      fix: 'Stop the other gateway, or give this one a store of its own.',
    });
  } catch (cause) {
    return new WeirError('internal', 'The store does not answer.', {
      why: cause instanceof Error ? cause.message : String(cause),
      fix: 'Check `store` in the configuration, and that the PostgreSQL server runs and accepts this user.',
      cause,
    });
  }
}

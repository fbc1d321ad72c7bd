import { type BenchContext, startHop } from './bench-context.ts';
import { startGoRelay } from './go-relay.ts';
import { startPgbouncer } from './pgbouncer.ts';
import type { Weir } from './weir.ts';

/** A way to the database. */
export interface Route {
  readonly name: string;
  readonly dsn: string;
  /** Does it lead through gateway and agent? */
  readonly isWeir: boolean;
  /** Is it measured in every round? The others are in every second one, and not at all in a quick run. */
  readonly isMain: boolean;
  /** Processes between client and database that are not Weir's. */
  readonly relayPids: readonly number[];
}

/** The route that the goals are about: what masks is in force, no TLS between client and gateway. */
export const nativeRoute = 'Weir, native';
/** Two processes that carry bytes over gRPC and do nothing else. */
export const goRelayRoute = 'Go gRPC relay';

/**
 * Routes of every comparison, the direct one first: its numbers are the others' measure. pgbouncer and the Go relay are left out where they are not
 * installed. Under a profiler: the native listener alone.
 */
export async function openRoutes(context: BenchContext, weir: Weir): Promise<Route[]> {
  const { target } = context;
  const weirRoute = (name: string, dsn: string, isMain = false): Route => ({
    ...{ name, dsn, isMain },
    isWeir: true,
    relayPids: [],
  });
  const native = weirRoute(nativeRoute, await weir.nativeDsn('disable'), true);
  if (context.profileDir !== undefined) return [native];
  const plain = (name: string, port: number, relayPids: readonly number[], isMain: boolean): Route => ({
    name,
    dsn: `${target.dsn(port)}?sslmode=disable`,
    isWeir: false,
    ...{ isMain, relayPids },
  });
  const [pgbouncer, goRelay] = [await startPgbouncer(context), await startGoRelay(context)];
  const main = [
    plain('direct', target.port, [], true),
    ...(pgbouncer === undefined ? [] : [plain('pgbouncer', pgbouncer.port, pgbouncer.pids, true)]),
    ...(goRelay === undefined ? [] : [plain(goRelayRoute, goRelay.port, goRelay.pids, true)]),
    native,
  ];
  if (context.quick) return main;
  const oneHop = await startHop(context, 'tcp-hop', [String(target.port)]);
  const secondHop = await startHop(context, 'tcp-hop', [String(target.port)]);
  const twoHops = await startHop(context, 'tcp-hop', [String(secondHop.port)]);
  return [
    ...main,
    weirRoute(`${nativeRoute}, guardrails only`, await weir.nativeDsn('disable', 'guarded')),
    weirRoute(`${nativeRoute}, no rules`, await weir.nativeDsn('disable', 'unruled')),
    weirRoute(`${nativeRoute} TLS`, await weir.nativeDsn('require')),
    weirRoute('Weir, weir connect', await weir.connectDsn()),
    plain('one TCP hop', oneHop.port, [oneHop.pid], false),
    plain('two TCP hops', twoHops.port, [secondHop.pid, twoHops.pid], false),
  ];
}

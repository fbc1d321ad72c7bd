import { type BenchContext, startWeirFor } from '../bench-context.ts';
import { cpuMicroseconds } from '../child.ts';
import { openRoutes, type Route } from '../routes.ts';
import { type PgbenchResult, runPgbench } from '../run-pgbench.ts';
import { median, type Row, type Section } from '../section.ts';
import type { Weir } from '../weir.ts';

interface Sample extends PgbenchResult {
  /** µs per transaction. */
  readonly gatewayUs: number;
  readonly agentUs: number;
}

/** What runs under a profiler: one thing, so that the profile is of nothing else. */
const profiled = { modes: ['prepared'], clients: [8] } as const;

/** pgbench -S by every route; with a profile, by the native listener alone. */
export async function measureQueries(context: BenchContext): Promise<Section> {
  const weir = await startWeirFor(context);
  const routes = await openRoutes(context, weir);
  const isProfiled = context.profileDir !== undefined;
  const [rounds, seconds] = isProfiled ? [1, 10] : context.quick ? [1, 2] : [5, 2];
  await warmUp(context, routes, isProfiled ? profiled.modes : ['simple', 'prepared']);
  const rows: Row[] = [];
  for (const mode of isProfiled ? profiled.modes : (['simple', 'prepared'] as const)) {
    for (const clients of isProfiled ? profiled.clients : [1, 8, 32]) {
      const samples = new Map<Route, Sample[]>(routes.map((route) => [route, []]));
      for (let round = 1; round <= rounds; round++) {
        for (const route of routes) {
          context.progress(`pgbench ${mode}, ${clients} clients, round ${round}/${rounds}: ${route.name}`);
          const run = { mode, clients, seconds, dsn: route.dsn, scratch: context.scratch };
          samples.get(route)?.push(await measured(weir, () => runPgbench(run)));
        }
      }
      rows.push(...rowsOf(mode, clients, routes, samples));
    }
  }
  await weir.stop();
  return {
    name: 'queries',
    title: 'pgbench -S',
    notes: [
      `Scale 10, ${rounds} interleaved rounds of ${seconds} s for each route after a warm-up, medians; all routes share the machine's cores with pgbench and the server.`,
      'direct, hops and "Weir, native" are unencrypted between client and first process; "native TLS" is TLS there; "weir connect" is gRPC over TLS.',
      'p50 is of one client. CPU is user and system time of the whole process, sign-ins of the run included, per transaction.',
    ],
    columns: [
      { key: 'mode', title: 'mode' },
      { key: 'clients', title: 'clients', digits: 0 },
      { key: 'route', title: 'route' },
      { key: 'tps', title: 'tps', digits: 0 },
      { key: 'ratio', title: 'of direct', digits: 2 },
      { key: 'p50Ms', title: 'p50 ms', digits: 3 },
      { key: 'addedMs', title: 'added ms', digits: 3 },
      { key: 'gatewayUs', title: 'gateway µs/tx', digits: 0 },
      { key: 'agentUs', title: 'agent µs/tx', digits: 0 },
    ],
    rows,
  };
}

/** Code that has just been loaded is slow until it has been compiled for its work: that is not what a gateway does all day. */
async function warmUp(context: BenchContext, routes: readonly Route[], modes: readonly ('simple' | 'prepared')[]) {
  const seconds = context.quick ? 3 : 5;
  for (const mode of modes) {
    for (const { name, dsn } of routes.filter(({ name }) => name !== 'direct')) {
      context.progress(`pgbench ${mode}, warm-up of ${seconds} s: ${name}`);
      await runPgbench({ mode, clients: 8, seconds, dsn, scratch: context.scratch });
    }
  }
}

async function measured(weir: Weir, run: () => Promise<PgbenchResult>): Promise<Sample> {
  const before = [cpuMicroseconds(weir.gatewayPid), cpuMicroseconds(weir.agentPid)] as const;
  const result = await run();
  return {
    ...result,
    gatewayUs: (cpuMicroseconds(weir.gatewayPid) - before[0]) / result.transactions,
    agentUs: (cpuMicroseconds(weir.agentPid) - before[1]) / result.transactions,
  };
}

function rowsOf(
  mode: string,
  clients: number,
  routes: readonly Route[],
  samples: ReadonlyMap<Route, readonly Sample[]>,
): Row[] {
  const of = (route: Route | undefined, pick: (sample: Sample) => number) =>
    median((route === undefined ? [] : (samples.get(route) ?? [])).map(pick));
  const p50 = (sample: Sample) => sample.p50Ms ?? Number.NaN;
  const [direct] = routes;
  return routes.map((route) => ({
    mode,
    clients,
    route: route.name,
    tps: of(route, (sample) => sample.tps),
    ratio: of(route, (sample) => sample.tps) / of(direct, (sample) => sample.tps),
    p50Ms: clients === 1 ? of(route, p50) : null,
    addedMs: clients === 1 ? of(route, p50) - of(direct, p50) : null,
    gatewayUs: route.isWeir ? of(route, (sample) => sample.gatewayUs) : null,
    agentUs: route.isWeir ? of(route, (sample) => sample.agentUs) : null,
  }));
}

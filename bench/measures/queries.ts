import { setTimeout as sleep } from 'node:timers/promises';
import { type BenchContext, startWeirFor } from '../bench-context.ts';
import { cpuMicroseconds } from '../child.ts';
import { type Memory, memorySection, readMemory, withPeakMemory } from '../memory-watch.ts';
import { goRelayRoute, openRoutes, type Route } from '../routes.ts';
import { type PgbenchResult, runPgbench } from '../run-pgbench.ts';
import { type Column, median, type Row, type Section } from '../section.ts';
import type { Weir } from '../weir.ts';

type Mode = 'simple' | 'prepared';

interface Sample extends PgbenchResult {
  /** µs per transaction; those of relays together. */
  readonly gatewayUs: number;
  readonly agentUs: number;
  readonly relayUs: number;
}

interface Case {
  readonly mode: Mode;
  readonly clients: number;
  readonly samples: ReadonlyMap<Route, Sample[]>;
}

/** What runs under a profiler: one thing, so that the profile is of nothing else. */
const profiled = { modes: ['prepared'], clients: [8] } as const;

const columns: readonly Column[] = [
  { key: 'mode', title: 'mode' },
  { key: 'clients', title: 'clients', digits: 0 },
  { key: 'route', title: 'route' },
  { key: 'tps', title: 'tps', digits: 0 },
  { key: 'ratio', title: 'of direct', digits: 2 },
  { key: 'ofGoRelay', title: 'of Go relay', digits: 2 },
  { key: 'p50Ms', title: 'p50 ms', digits: 3 },
  { key: 'p95Ms', title: 'p95 ms', digits: 3 },
  { key: 'p99Ms', title: 'p99 ms', digits: 3 },
  { key: 'addedMs', title: 'added p50', digits: 3 },
  { key: 'p99Times', title: 'p99 : direct', digits: 1 },
  { key: 'gatewayUs', title: 'gateway µs/tx', digits: 0 },
  { key: 'agentUs', title: 'agent µs/tx', digits: 0 },
  { key: 'relayUs', title: 'relay µs/tx', digits: 0 },
];

/** pgbench -S by every route, and the memory meanwhile; with a profile, by the native listener alone. */
export async function measureQueries(context: BenchContext): Promise<Section[]> {
  const weir = await startWeirFor(context);
  await sleep(2_000);
  const memory = [{ title: 'just started', memory: readMemory(weir) }];
  const routes = await openRoutes(context, weir);
  const isProfiled = context.profileDir !== undefined;
  const [rounds, seconds] = isProfiled ? [1, 10] : context.quick ? [1, 2] : [5, 2];
  await warmUp(context, routes, isProfiled ? profiled.modes : ['simple', 'prepared']);
  const cases: Case[] = [];
  for (const mode of isProfiled ? profiled.modes : (['simple', 'prepared'] as const)) {
    for (const clients of isProfiled ? profiled.clients : [1, 8, 32]) {
      const one: Case = { mode, clients, samples: new Map(routes.map((route) => [route, []])) };
      cases.push(one);
      const run = () => runRounds(context, weir, one, rounds, seconds);
      memory.push({ title: `${mode}, ${clients} clients`, memory: (await withPeakMemory(weir, run)).peak });
    }
  }
  context.progress('memory at rest');
  await sleep(context.quick ? 1_000 : 5_000);
  memory.push({ title: 'at rest again', memory: readMemory(weir) });
  await weir.stop();
  return [querySection(routes, cases, rounds, seconds), memorySection(memory)];
}

async function runRounds(context: BenchContext, weir: Weir, one: Case, rounds: number, seconds: number): Promise<void> {
  const { mode, clients, samples } = one;
  for (let round = 1; round <= rounds; round++) {
    for (const [route, taken] of samples) {
      if (!route.isMain && round % 2 === 0) continue;
      context.progress(`pgbench ${mode}, ${clients} clients, round ${round}/${rounds}: ${route.name}`);
      const run = { mode, clients, seconds, dsn: route.dsn, scratch: context.scratch };
      taken.push(await measured(weir, route, () => runPgbench(run)));
    }
  }
}

/** Code that has just been loaded is slow until it has been compiled for its work: that is not what a gateway does all day. */
async function warmUp(context: BenchContext, routes: readonly Route[], modes: readonly Mode[]) {
  const seconds = context.quick ? 3 : 4;
  for (const mode of modes) {
    for (const { name, dsn } of routes.filter(
      ({ isWeir, relayPids }) => isWeir || (!context.quick && relayPids.length > 0),
    )) {
      context.progress(`pgbench ${mode}, warm-up of ${seconds} s: ${name}`);
      await runPgbench({ mode, clients: 8, seconds, dsn, scratch: context.scratch });
    }
  }
}

async function measured(weir: Weir, route: Route, run: () => Promise<PgbenchResult>): Promise<Sample> {
  const relayCpu = () => route.relayPids.reduce((sum, pid) => sum + cpuMicroseconds(pid), 0);
  const read = (): Memory => [cpuMicroseconds(weir.gatewayPid), cpuMicroseconds(weir.agentPid)];
  const [before, relayBefore] = [read(), relayCpu()];
  const result = await run();
  const [after, relayAfter] = [read(), relayCpu()];
  return {
    ...result,
    gatewayUs: (after[0] - before[0]) / result.transactions,
    agentUs: (after[1] - before[1]) / result.transactions,
    relayUs: (relayAfter - relayBefore) / result.transactions,
  };
}

function querySection(routes: readonly Route[], cases: readonly Case[], rounds: number, seconds: number): Section {
  const hasRest = routes.some(({ isMain }) => !isMain);
  return {
    name: 'queries',
    title: 'pgbench -S',
    notes: [
      `Scale 10, ${rounds} interleaved rounds of ${seconds} s for each route after a warm-up, medians${hasRest ? '; the routes behind "Weir, native" are in every second round' : ''}; all routes share the machine's cores with pgbench and the server.`,
      'Between client and first process only "native TLS" and "weir connect" (gRPC over TLS) are encrypted. "Weir, native" has masks and guardrails in force; "guardrails only" masks nothing; "no rules" allows everything: statements are analysed and recorded there, too. pgbouncer pools sessions. The Go relay is two processes with gRPC over TLS between them that look at nothing.',
      'Latencies are of all transactions of one client, and of a random quarter of those of more. CPU is user and system time of the whole process, sign-ins of the run included, per transaction; that of relays is of all their processes.',
    ],
    columns,
    rows: cases.flatMap((one) => rowsOf(one, routes)),
  };
}

function rowsOf({ mode, clients, samples }: Case, routes: readonly Route[]): Row[] {
  const of = (route: Route | undefined, key: keyof Sample) =>
    median((route === undefined ? [] : (samples.get(route) ?? [])).map((sample) => sample[key]));
  const [direct] = routes;
  const goRelay = routes.find(({ name }) => name === goRelayRoute);
  return routes.map((route) => ({
    mode,
    clients,
    route: route.name,
    tps: of(route, 'tps'),
    ratio: of(route, 'tps') / of(direct, 'tps'),
    ofGoRelay: goRelay === undefined ? null : of(route, 'tps') / of(goRelay, 'tps'),
    p50Ms: of(route, 'p50Ms'),
    p95Ms: of(route, 'p95Ms'),
    p99Ms: of(route, 'p99Ms'),
    addedMs: of(route, 'p50Ms') - of(direct, 'p50Ms'),
    p99Times: of(route, 'p99Ms') / of(direct, 'p99Ms'),
    gatewayUs: route.isWeir ? of(route, 'gatewayUs') : null,
    agentUs: route.isWeir ? of(route, 'agentUs') : null,
    relayUs: route.relayPids.length > 0 ? of(route, 'relayUs') : null,
  }));
}

import { type BenchContext, startWeirFor } from '../bench-context.ts';
import { cpuMicroseconds } from '../child.ts';
import { type Reading, readResult, resultSql } from '../read-result.ts';
import { openRoutes, type Route } from '../routes.ts';
import { median, type Row, type Section } from '../section.ts';

interface Sample extends Reading {
  /** CPU milliseconds per 10^6 bytes. */
  readonly gatewayMs: number;
  readonly agentMs: number;
}

interface Case {
  readonly route: Route;
  readonly kind: 'clear' | 'masked';
  readonly samples: Sample[];
}

/** One result of some 200 MB by every route; by Weir in clear, and with two of eight columns masked. */
export async function measureResult(context: BenchContext): Promise<Section> {
  const weir = await startWeirFor(context);
  const routes = await openRoutes(context, weir);
  const rounds = context.profileDir !== undefined ? 4 : context.quick ? 1 : 3;
  context.progress('result: warm-up');
  for (const { dsn } of routes) await readResult(context, dsn, resultSql('masked', 300_000));
  const cases = routes.flatMap((route): Case[] => {
    const clear: Case = { route, kind: 'clear', samples: [] };
    if (context.profileDir !== undefined) return [{ ...clear, kind: 'masked' }];
    return route.isWeir ? [clear, { route, kind: 'masked', samples: [] }] : [clear];
  });
  for (let round = 1; round <= rounds; round++) {
    for (const { route, kind, samples } of cases) {
      context.progress(`result ${kind}, round ${round}/${rounds}: ${route.name}`);
      const before = [cpuMicroseconds(weir.gatewayPid), cpuMicroseconds(weir.agentPid)] as const;
      const reading = await readResult(context, route.dsn, resultSql(kind));
      // Microseconds per byte are milliseconds per 1,000 bytes.
      const perMegabyte = (now: number, then: number) => ((now - then) / reading.bytes) * 1000;
      samples.push({
        ...reading,
        gatewayMs: perMegabyte(cpuMicroseconds(weir.gatewayPid), before[0]),
        agentMs: perMegabyte(cpuMicroseconds(weir.agentPid), before[1]),
      });
    }
  }
  await weir.stop();
  return {
    name: 'result',
    title: 'A large result',
    notes: [
      `One simple query, eight columns, about 220 bytes a row, read by a process that looks at no row; ${rounds} interleaved rounds after a warm-up, medians.`,
      'The ratio compares the time for the same rows; a masked row may have fewer bytes. The clear query takes columns of the same widths that no rule is about, for the same person.',
    ],
    columns: [
      { key: 'route', title: 'route' },
      { key: 'kind', title: 'columns' },
      { key: 'megabytes', title: 'MB', digits: 0 },
      { key: 'rate', title: 'MB/s', digits: 0 },
      { key: 'ratio', title: 'of direct', digits: 2 },
      { key: 'gatewayMs', title: 'gateway CPU ms/MB', digits: 2 },
      { key: 'agentMs', title: 'agent CPU ms/MB', digits: 2 },
    ],
    rows: rowsOf(cases),
  };
}

function rowsOf(cases: readonly Case[]): Row[] {
  const of = ({ samples }: Case, pick: (sample: Sample) => number) => median(samples.map(pick));
  const [direct] = cases;
  const directMs = direct === undefined ? Number.NaN : of(direct, (sample) => sample.ms);
  return cases.map((one) => ({
    route: one.route.name,
    kind: one.kind === 'clear' ? 'clear' : 'two of eight masked',
    megabytes: of(one, (sample) => sample.bytes) / 1e6,
    rate: of(one, (sample) => sample.megabytesPerSecond),
    ratio: directMs / of(one, (sample) => sample.ms),
    gatewayMs: one.route.isWeir ? of(one, (sample) => sample.gatewayMs) : null,
    agentMs: one.route.isWeir ? of(one, (sample) => sample.agentMs) : null,
  }));
}

import type { BenchContext } from './bench-context.ts';
import { cpuMicroseconds } from './child.ts';
import { type Reading, readResult } from './read-result.ts';
import type { Route } from './routes.ts';
import { type Column, median, type Row } from './section.ts';
import type { Weir } from './weir.ts';

/** One reading and what it cost. */
export interface ReadingSample extends Reading {
  /** CPU milliseconds per 10^6 bytes. */
  readonly gatewayMs: number;
  readonly agentMs: number;
}

/** A result that is read by a route. */
export interface ReadingCase {
  readonly route: Route;
  readonly kind: string;
  readonly sql: string;
  readonly samples: ReadingSample[];
}

/** Reads each once in every round, those of lesser routes in every second one. The first is the measure of the others. */
export async function runReadings(context: BenchContext, weir: Weir, cases: readonly ReadingCase[], rounds: number) {
  for (let round = 1; round <= rounds; round++) {
    for (const { route, kind, sql, samples } of cases) {
      if (!route.isMain && round % 2 === 0) continue;
      context.progress(`result, ${kind}, round ${round}/${rounds}: ${route.name}`);
      const before = [cpuMicroseconds(weir.gatewayPid), cpuMicroseconds(weir.agentPid)] as const;
      const reading = await readResult(context, route.dsn, sql);
      // Microseconds per byte are milliseconds per 1,000 bytes.
      const perMegabyte = (now: number, then: number) => ((now - then) / reading.bytes) * 1000;
      samples.push({
        ...reading,
        gatewayMs: perMegabyte(cpuMicroseconds(weir.gatewayPid), before[0]),
        agentMs: perMegabyte(cpuMicroseconds(weir.agentPid), before[1]),
      });
    }
  }
}

/** Columns of `readingRows`. */
export const readingColumns: readonly Column[] = [
  { key: 'route', title: 'route' },
  { key: 'kind', title: 'columns' },
  { key: 'megabytes', title: 'MB', digits: 0 },
  { key: 'rate', title: 'MB/s', digits: 0 },
  { key: 'ratio', title: 'of direct', digits: 2 },
  { key: 'gatewayMs', title: 'gateway CPU ms/MB', digits: 2 },
  { key: 'agentMs', title: 'agent CPU ms/MB', digits: 2 },
];

/** Medians of each case. */
export function readingRows(cases: readonly ReadingCase[]): Row[] {
  const of = ({ samples }: ReadingCase, pick: (sample: ReadingSample) => number) => median(samples.map(pick));
  const [direct] = cases;
  const directMs = direct === undefined ? Number.NaN : of(direct, (sample) => sample.ms);
  return cases.map((one) => ({
    route: one.route.name,
    kind: one.kind,
    megabytes: of(one, (sample) => sample.bytes) / 1e6,
    rate: of(one, (sample) => sample.megabytesPerSecond),
    ratio: directMs / of(one, (sample) => sample.ms),
    gatewayMs: one.route.isWeir ? of(one, (sample) => sample.gatewayMs) : null,
    agentMs: one.route.isWeir ? of(one, (sample) => sample.agentMs) : null,
  }));
}

import { type BenchContext, startHop, startWeirFor } from '../bench-context.ts';
import { readResult, resultSql } from '../read-result.ts';
import { median, type Row, type Section } from '../section.ts';

const oneWayMs = 10;

/** One session's rate when agent and gateway are 20 ms of round trip apart. */
export async function measureDelay(context: BenchContext): Promise<Section> {
  const [rounds, limit] = context.quick ? [1, 200_000] : [5, undefined];
  const delay = async (port: number) =>
    (await startHop(context, 'delaying-hop', [String(port), String(oneWayMs)])).port;
  const weir = await startWeirFor(context, { between: delay });
  const native = await weir.nativeDsn('disable');
  const direct = `${context.target.dsn(await delay(context.target.port))}?sslmode=disable`;
  const cases = [
    { route: 'direct over the same delay', dsn: direct, kind: 'clear' as const, samples: [] as number[] },
    { route: 'Weir, native', dsn: native, kind: 'clear' as const, samples: [] as number[] },
    { route: 'Weir, native', dsn: native, kind: 'masked' as const, samples: [] as number[] },
  ];
  for (let round = 1; round <= rounds; round++) {
    for (const { route, dsn, kind, samples } of cases) {
      context.progress(`20 ms apart, round ${round}/${rounds}: ${route}, ${kind}`);
      samples.push((await readResult(context, dsn, resultSql(kind, limit))).megabytesPerSecond);
    }
  }
  await weir.stop();
  return {
    name: 'delay',
    title: 'Agent and gateway 20 ms apart',
    notes: [
      `A relay between agent and gateway holds each byte ${oneWayMs} ms in each direction and has no limit of bandwidth. One session reads one result; ${rounds} rounds, medians.`,
    ],
    columns: [
      { key: 'route', title: 'route' },
      { key: 'kind', title: 'columns' },
      { key: 'rate', title: 'MB/s', digits: 1 },
    ],
    rows: cases.map(
      ({ route, kind, samples }): Row => ({
        route,
        kind: kind === 'clear' ? 'clear' : 'two of eight masked',
        rate: median(samples),
      }),
    ),
  };
}

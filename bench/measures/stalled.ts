import { setTimeout as sleep } from 'node:timers/promises';
import { type BenchContext, startProgram, startWeirFor } from '../bench-context.ts';
import { residentKiB } from '../child.ts';
import { resultSql } from '../read-result.ts';
import { runPgbench } from '../run-pgbench.ts';
import type { Row, Section } from '../section.ts';

/** Memory and another session's latency while a client has asked for a large result and reads nothing. */
export async function measureStalled(context: BenchContext): Promise<Section> {
  const seconds = context.quick ? 6 : 15;
  const weir = await startWeirFor(context);
  const other = await weir.nativeDsn('disable');
  const probe = () => runPgbench({ mode: 'prepared', clients: 1, seconds, dsn: other, scratch: context.scratch });
  context.progress('stalled reader: the other session alone');
  const before = await probe();
  const sample = () => [residentKiB(weir.gatewayPid), residentKiB(weir.agentPid)] as const;
  const alone = sample();
  const client = startProgram(context, 'stalled-client', [await weir.nativeDsn('disable'), resultSql('masked')]);
  await client.firstLine;
  await sleep(2_000);
  context.progress('stalled reader: the other session beside it');
  const samples = [sample()];
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      await sleep(1_000);
      samples.push(sample());
    }
  })();
  const during = await probe();
  isOver = true;
  await watching;
  await client.stop();
  await weir.stop();
  const row = (process: string, index: 0 | 1): Row => {
    const values = samples.map((value) => value[index] / 1024);
    const [first = 0, last = 0] = [values[0], values.at(-1)];
    return { what: `${process} RSS, MiB`, before: alone[index] / 1024, first, most: Math.max(...values), last };
  };
  const latency = { what: 'other session p50, ms', before: before.p50Ms, first: null, most: null, last: during.p50Ms };
  const rate = { what: 'other session tps', before: before.tps, first: null, most: null, last: during.tps };
  return {
    name: 'stalled',
    title: 'A client that reads nothing',
    notes: [
      `One client asks for the whole masked result and reads nothing; after 2 s another session runs pgbench -S (prepared, one client) for ${seconds} s, as it did alone before.`,
    ],
    columns: [
      { key: 'what', title: '' },
      { key: 'before', title: 'alone', digits: 2 },
      { key: 'first', title: 'after 2 s', digits: 2 },
      { key: 'most', title: 'most', digits: 2 },
      { key: 'last', title: `after ${seconds + 2} s`, digits: 2 },
    ],
    rows: [row('gateway', 0), row('agent', 1), latency, rate],
  };
}

import { setTimeout as sleep } from 'node:timers/promises';
import { type BenchContext, startProgram, startWeirFor } from '../bench-context.ts';
import { residentKiB } from '../child.ts';
import type { Section } from '../section.ts';

/** Memory of idle channels, one client connection and one upstream connection each. */
export async function measureIdle(context: BenchContext): Promise<Section> {
  const count = context.quick ? 1_000 : 10_000;
  const stub = Number(await startProgram(context, 'stub-target', []).firstLine);
  const target = { host: '127.0.0.1', port: stub, database: 'stub', user: 'stub', password: 'stub' };
  const weir = await startWeirFor(context, { target });
  const pids = [
    { process: 'gateway', pid: weir.gatewayPid },
    { process: 'agent', pid: weir.agentPid },
  ];
  context.progress('idle channels: empty processes settle');
  await settled(pids.map(({ pid }) => pid));
  const empty = pids.map(({ pid }) => residentKiB(pid));
  context.progress(`idle channels: ${count} clients sign in`);
  const clients = startProgram(context, 'idle-clients', [await weir.nativeDsn('disable'), String(count)]);
  await clients.firstLine;
  await settled(pids.map(({ pid }) => pid));
  const rows = pids.map(({ process, pid }, index) => {
    const [before = 0, after] = [empty[index], residentKiB(pid)];
    return { process, empty: before / 1024, open: after / 1024, each: (after - before) / count };
  });
  await clients.stop();
  await weir.stop();
  const sum = (key: 'empty' | 'open' | 'each') => rows.reduce((total, row) => total + row[key], 0);
  return {
    name: 'idle',
    title: `${count} idle channels`,
    notes: [
      'Resident memory after it has settled, against processes without a channel. The target is a stub; each client has signed in by SCRAM at the native listener and sends nothing.',
    ],
    columns: [
      { key: 'process', title: 'process' },
      { key: 'empty', title: 'empty, MiB', digits: 1 },
      { key: 'open', title: `with ${count}, MiB`, digits: 1 },
      { key: 'each', title: 'KiB each', digits: 1 },
    ],
    rows: [...rows, { process: 'both', empty: sum('empty'), open: sum('open'), each: sum('each') }],
  };
}

/** Waits until memory changes by less than one per cent within three seconds, twenty seconds at most. */
async function settled(pids: readonly number[]): Promise<void> {
  let before = pids.map(residentKiB);
  for (let tries = 0; tries < 7; tries++) {
    await sleep(3_000);
    const now = pids.map(residentKiB);
    if (now.every((value, index) => Math.abs(value - (before[index] ?? 0)) < value / 100)) return;
    before = now;
  }
}

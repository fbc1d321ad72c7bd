import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '@weir/testkit';
import { median } from './section.ts';

/** One run of pgbench -S. */
export interface PgbenchRun {
  readonly mode: 'simple' | 'prepared';
  readonly clients: number;
  readonly seconds: number;
  readonly dsn: string;
  /** Folder for its transaction log. */
  readonly scratch: string;
}

/** What it gave. */
export interface PgbenchResult {
  /** Transactions per second, sign-in left out. */
  readonly tps: number;
  readonly transactions: number;
  /** Median latency, ms; only with one client, where writing a log disturbs little. */
  readonly p50Ms: number | null;
}

/** Runs pgbench. @throws with what it wrote when it fails or when a transaction failed. */
export async function runPgbench(run: PgbenchRun): Promise<PgbenchResult> {
  const folder = mkdtempSync(join(run.scratch, 'pgbench-'));
  const isLogged = run.clients === 1;
  const threads = Math.min(run.clients, 2);
  const args = [
    '-n',
    '-S',
    '-M',
    run.mode,
    '-c',
    String(run.clients),
    '-j',
    String(threads),
    '-T',
    String(run.seconds),
  ];
  if (isLogged) args.push('-l', `--log-prefix=${join(folder, 'log')}`);
  try {
    const result = await runCommand('pgbench', [...args, run.dsn], { timeoutMs: (run.seconds + 60) * 1000 });
    const tps = Number(/^tps = ([\d.]+)/m.exec(result.stdout)?.[1]);
    const transactions = Number(/^number of transactions actually processed: (\d+)/m.exec(result.stdout)?.[1]);
    const failed = Number(/^number of failed transactions: (\d+)/m.exec(result.stdout)?.[1] ?? 0);
    if (result.status !== 0 || !(tps > 0) || failed > 0)
      throw new Error(`pgbench failed (${run.mode}, ${run.clients} clients):\n${result.stdout}${result.stderr}`);
    return { tps, transactions, p50Ms: isLogged ? medianLatencyMs(folder) : null };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Third field of each line: the transaction's microseconds. */
function medianLatencyMs(folder: string): number {
  const lines = readdirSync(folder).flatMap((name) => readFileSync(join(folder, name), 'utf8').trimEnd().split('\n'));
  return median(lines.map((line) => Number(line.split(' ')[2]))) / 1000;
}

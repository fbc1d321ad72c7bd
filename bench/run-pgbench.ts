import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '@weir/testkit';
import { percentile } from './section.ts';

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
  /** Latencies, ms, from pgbench's transaction log: of every transaction with one client, else of a random quarter of them. */
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

/** Runs pgbench. @throws with what it wrote when it fails or when a transaction failed. */
export async function runPgbench(run: PgbenchRun): Promise<PgbenchResult> {
  const folder = mkdtempSync(join(run.scratch, 'pgbench-'));
  const threads = Math.min(run.clients, 2);
  const [mode, clients, seconds] = [run.mode, String(run.clients), String(run.seconds)];
  const args = ['-n', '-S', '-M', mode, '-c', clients, '-j', String(threads), '-T', seconds];
  args.push('-l', `--log-prefix=${join(folder, 'log')}`);
  // A line for each transaction would slow the fast routes down and leave the slow ones alone.
  if (run.clients > 1) args.push('--sampling-rate=0.25');
  try {
    const result = await runCommand('pgbench', [...args, run.dsn], { timeoutMs: (run.seconds + 60) * 1000 });
    const tps = Number(/^tps = ([\d.]+)/m.exec(result.stdout)?.[1]);
    const transactions = Number(/^number of transactions actually processed: (\d+)/m.exec(result.stdout)?.[1]);
    const failed = Number(/^number of failed transactions: (\d+)/m.exec(result.stdout)?.[1] ?? 0);
    if (result.status !== 0 || !(tps > 0) || failed > 0)
      throw new Error(`pgbench failed (${run.mode}, ${run.clients} clients):\n${result.stdout}${result.stderr}`);
    const latencies = latenciesMs(folder);
    const [p50Ms, p95Ms, p99Ms] = [0.5, 0.95, 0.99].map((share) => percentile(latencies, share)) as [
      number,
      number,
      number,
    ];
    return { tps, transactions, p50Ms, p95Ms, p99Ms };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Third field of each line: the transaction's microseconds. */
function latenciesMs(folder: string): number[] {
  const lines = readdirSync(folder).flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'));
  return lines.filter((line) => line !== '').map((line) => Number(line.split(' ')[2]) / 1000);
}

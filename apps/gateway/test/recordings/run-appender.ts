import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { AnchorCheck } from '@weir/recording';
import { createJournal, verifyAll } from '../../src/recordings/index.ts';
import { collect, createFileAnchorStore, createTestLog, isInPlace, testKeys } from './evidence.ts';

/** One life of the appending process. */
export interface AppenderRun {
  /** What it printed, a line each. */
  readonly lines: readonly string[];
  readonly exitCode: number | null;
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code));
  });
}

/** Runs the appending process until `killAfter` (milliseconds after it is ready, or after its start) or until it ends by itself. */
export async function runAppender(
  args: readonly string[],
  kill: { readonly after: 'start' | 'ready'; readonly ms: number } | null,
  env: Readonly<Record<string, string>> = {},
): Promise<AppenderRun> {
  const program = fileURLToPath(new URL('./appender.ts', import.meta.url));
  const child = spawn(process.execPath, ['--conditions=source', '--no-warnings', program, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  const closed = ended(child);
  const lines: string[] = [];
  const strike = (): void => void (kill !== null && setTimeout(() => child.kill('SIGKILL'), kill.ms));
  if (kill?.after === 'start') strike();
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (line === 'ready' && kill?.after === 'ready') strike();
  }
  return { lines, exitCode: await closed };
}

/** What was acknowledged and what is there. */
export interface Outcome {
  /** `session channel sequence` that were acknowledged and are not there after recovery. */
  readonly lost: readonly string[];
  readonly acknowledged: number;
  /** Entries twice, out of place or out of order. */
  readonly wrong: readonly string[];
  readonly checks: readonly AnchorCheck[];
  readonly log: readonly string[];
}

/** Recovers a folder and compares it with the lines `durable SESSION CHANNEL SEQUENCE`. */
export async function recoverAndCompare(dir: string, lines: readonly string[]): Promise<Outcome> {
  const anchors = createFileAnchorStore(dir);
  const log = createTestLog();
  const journal = await createJournal({ dir, ...testKeys, anchors, now: Date.now, log, segmentBytes: 64 * 1024 });
  const acknowledged = lines.filter((line) => line.startsWith('durable ')).map((line) => line.slice(8));
  const present = new Set<string>();
  const wrong: string[] = [];
  for (const { session } of await anchors.list()) {
    const last = new Map<number, number>();
    for await (const entry of journal.read(session)) {
      const place = `${session} ${entry.channel} ${entry.sequence}`;
      if (entry.sequence !== (last.get(entry.channel) ?? 0) + 1 || !isInPlace(entry)) wrong.push(place);
      last.set(entry.channel, entry.sequence);
      present.add(place);
    }
  }
  const checks = await collect(verifyAll({ dir, anchors }));
  await journal.close();
  const lost = acknowledged.filter((place) => !present.has(place));
  return { lost, acknowledged: acknowledged.length, wrong, checks, log: log.lines };
}

import { setTimeout as sleep } from 'node:timers/promises';
import { processIdentity } from '@weir/embedded-postgres';
import { readStateJson, writeStateJson } from './state-file.ts';

/** How long the watchdog of a killed launcher may take: it asks politely first. */
const watchdogGraceMs = 15_000;

/** Writes down which processes run, so that the next launcher knows what a killed one left. */
export function recordChildren(file: string, pids: readonly number[]): void {
  const children = pids.flatMap((pid) => {
    const identity = processIdentity(pid);
    return identity === undefined ? [] : [{ pid, identity }];
  });
  writeStateJson(file, { children });
}

/**
 * Waits until the processes of an earlier launcher are gone, which its watchdog is ending when it was killed just now; ends by SIGKILL what is
 * left after the time. A number that another process has now is left alone. The caller holds the state folder's lock.
 */
export async function waitForLeftovers(file: string, graceMs: number = watchdogGraceMs): Promise<void> {
  const written = readStateJson(file)?.['children'];
  const children = (Array.isArray(written) ? written : []) as { pid: number; identity: string }[];
  const alive = () => children.filter(({ pid, identity }) => processIdentity(pid) === identity);
  const end = Date.now() + graceMs;
  while (alive().length > 0 && Date.now() < end) await sleep(50);
  for (const { pid } of alive()) process.kill(pid, 'SIGKILL');
  while (alive().length > 0) await sleep(20);
}

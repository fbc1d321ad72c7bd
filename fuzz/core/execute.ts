import { watchBuffers } from './buffer-watch.ts';
import { BrokenInvariant, type FuzzTarget } from './target.ts';

/** How one input failed. */
export interface Failure {
  /** Where it broke; two failures with the same key are taken for one. */
  readonly key: string;
  readonly error: Error;
}

/** Far above any bound that a target may have, far below what would hurt the machine. */
const mostBytes = 256 * 1024 * 1024;
const watch = watchBuffers(mostBytes);

/** Runs one input under all bounds. @returns null when nothing is wrong. */
export async function execute(target: FuzzTarget, input: Buffer): Promise<Failure | null> {
  watch.takeLargest();
  try {
    const took = await timed(target, input);
    const largest = watch.takeLargest();
    if (largest > target.maxBufferBytes + 8 * input.length)
      throw new BrokenInvariant(`a Buffer of ${largest} bytes was made for an input of ${input.length}`);
    if (took > target.maxMs) await confirmSlow(target, input);
    return null;
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    return { key: keyOf(error), error };
  }
}

/** CPU time, because the machine may be busy with something else. @returns ms */
async function timed(target: FuzzTarget, input: Buffer): Promise<number> {
  const before = process.cpuUsage();
  // The code under test may keep what it is given, and write into it.
  await target.run(Buffer.from(input));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** Compilation and garbage collection may hit any input once. */
async function confirmSlow(target: FuzzTarget, input: Buffer): Promise<void> {
  const times = [await timed(target, input), await timed(target, input), await timed(target, input)];
  const fastest = Math.min(...times);
  if (fastest > target.maxMs) throw new BrokenInvariant(`it takes ${Math.round(fastest)} ms`);
}

/** The message without its numbers and quotes, and the first line of the stack in our own code. */
function keyOf(error: Error): string {
  const place = /\/((?:packages|fuzz)\/[^\s)]+):\d+/.exec(error.stack?.split('\n').slice(1).join('\n') ?? '')?.[1];
  const message = error.message
    .split('\n')[0]
    ?.replaceAll(/\d+|"[^"]*"/g, '#')
    .slice(0, 120);
  return `${error.name}: ${message} (${place ?? 'unknown place'})`;
}

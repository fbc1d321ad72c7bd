import type { Coverage } from './coverage.ts';
import { execute, type Failure } from './execute.ts';
import { mutate } from './mutate.ts';
import { createRandom } from './random.ts';
import type { FuzzTarget } from './target.ts';

/** When to stop: after so many executions or so many seconds, whatever is first. */
export interface FuzzBounds {
  readonly runs?: number | undefined;
  readonly seconds?: number | undefined;
  readonly seed: number;
}

/** A failure and the input that causes it. */
export interface Finding extends Failure {
  readonly input: Buffer;
}

/** What a run gave. */
export interface FuzzResult {
  readonly executions: number;
  /** Characters of source that ran. */
  readonly covered: number;
  /** The seeds that add to coverage, and inputs found that do. */
  readonly corpus: readonly Buffer[];
  /** Inputs of the corpus that are no seeds. */
  readonly found: readonly Buffer[];
  readonly findings: readonly Finding[];
}

/** Executions between two looks at the coverage, which cost more than most executions. */
const batchSize = 16;
/** Different failures after which a run ends. */
const maxFindings = 10;

/**
 * Runs all seeds, then changed inputs of the growing corpus: whatever makes code run that has not run before joins it. The same seed and number of runs
 * give the same inputs. Findings are made smaller before they are returned.
 */
export async function fuzz(
  target: FuzzTarget,
  coverage: Coverage,
  seeds: readonly Buffer[],
  bounds: FuzzBounds,
): Promise<FuzzResult> {
  const random = createRandom(bounds.seed);
  const startedMs = performance.now();
  const corpus: Buffer[] = [];
  const found: Buffer[] = [];
  const failures = new Map<string, Finding>();
  let executions = 0;
  const run = async (input: Buffer): Promise<void> => {
    executions += 1;
    const failure = await execute(target, input);
    if (failure !== null && !failures.has(failure.key)) failures.set(failure.key, { ...failure, input });
  };
  for (const seed of seeds) {
    await run(seed);
    if (coverage.take() > 0) corpus.push(seed);
  }
  if (corpus.length === 0) corpus.push(...seeds.slice(0, 1), ...(seeds.length === 0 ? [Buffer.alloc(0)] : []));
  const isOver = () =>
    executions >= (bounds.runs ?? Number.POSITIVE_INFINITY) ||
    performance.now() - startedMs >= (bounds.seconds ?? Number.POSITIVE_INFINITY) * 1000 ||
    failures.size >= maxFindings;
  // What was found last leads on to more than what has been there from the beginning.
  const choose = () =>
    random.once(3) ? corpus[corpus.length - 1 - random.below(Math.min(16, corpus.length))] : undefined;
  while (!isOver()) {
    const batch = Array.from({ length: batchSize }, () =>
      mutate(choose() ?? random.pick(corpus), random.pick(corpus), random, target),
    );
    for (const input of batch) await run(input);
    if (coverage.peek() === 0) continue;
    // Something is new: which of them was it?
    for (const input of batch) {
      await execute(target, input);
      if (coverage.take() === 0) continue;
      corpus.push(input);
      found.push(input);
    }
  }
  const findings = [];
  for (const finding of failures.values()) findings.push(await shrink(target, finding));
  return { executions, covered: coverage.known, corpus, found, findings };
}

/** Takes parts away as long as the failure stays the same, two hundred tries at most. */
async function shrink(target: FuzzTarget, finding: Finding): Promise<Finding> {
  let { input } = finding;
  let tries = 200;
  for (let size = input.length >> 1; size >= 1 && tries > 0; size >>= 1) {
    for (let at = 0; at < input.length && tries > 0; ) {
      tries -= 1;
      const smaller = Buffer.concat([input.subarray(0, at), input.subarray(at + size)]);
      if ((await execute(target, smaller))?.key === finding.key) input = smaller;
      else at += size;
    }
  }
  return { ...finding, input };
}

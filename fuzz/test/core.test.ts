import { describe, expect, it } from 'vitest';
import type { Coverage } from '../core/coverage.ts';
import { execute } from '../core/execute.ts';
import { fuzz } from '../core/fuzz.ts';
import { formatSeed, parseSeed } from '../core/seeds.ts';
import { type FuzzTarget, must } from '../core/target.ts';

/** Steps of a planted bug that have been reached stand for lines of code that ran. */
function planted(): { target: FuzzTarget; coverage: Coverage } {
  let reached = 0;
  let known = 0;
  // As with the real one, a look tells of what ran since the last look.
  const look = (isKept: boolean) => {
    const fresh = Math.max(0, reached - known);
    if (isKept) known += fresh;
    reached = 0;
    return fresh;
  };
  const coverage: Coverage = {
    take: () => look(true),
    peek: () => look(false),
    get known() {
      return known;
    },
  };
  const run = (input: Buffer) => {
    let depth = 0;
    while (depth < 4 && input[depth] === 'weir'.charCodeAt(depth)) depth += 1;
    reached = Math.max(reached, depth);
    must(depth < 4, 'the planted bug');
  };
  return { coverage, target: { ...quiet, run } };
}

const quiet: FuzzTarget = {
  what: 'nothing',
  maxBytes: 6,
  maxMs: 200,
  maxBufferBytes: 1024,
  dictionary: [],
  run: () => undefined,
};
const spin = () => {
  for (const end = performance.now() + 400; performance.now() < end; );
};

describe('the fuzzer', () => {
  it('climbs to a planted bug, makes its input small, and does the same again for the same seed', async () => {
    const hunt = async () => {
      const { target, coverage } = planted();
      return fuzz(target, coverage, [Buffer.from('xxxx')], { runs: 200_000, seed: 1 });
    };
    const [first, second] = [await hunt(), await hunt()];
    expect(first.findings.map(({ input }) => input.toString())).toEqual(['weir']);
    expect(second.findings).toHaveLength(1);
    expect(second.found).toEqual(first.found);
    expect(second.executions).toBe(first.executions);
  });

  it.each<[string, Partial<FuzzTarget>, RegExp]>([
    ['an error that nobody declared', { run: () => Buffer.alloc(2).readInt32BE(0) as never }, /ERR_|outside buffer/],
    ['a large Buffer', { run: () => void Buffer.alloc(100_000) }, /a Buffer of 100000 bytes/],
    ['an enormous Buffer', { run: () => void Buffer.allocUnsafe(2 ** 31) }, /was asked for/],
    ['an execution that takes long', { run: spin }, /it takes \d+ ms/],
    ['a broken promise', { run: () => Promise.reject(new Error('late')) }, /late/],
  ])('takes %s for a finding', async (_what, part, message) => {
    const failure = await execute({ ...quiet, ...part }, Buffer.from('x'));
    expect(failure?.error.message).toMatch(message);
  });

  it.each([['text'], ['\0binary\xff']])('reads a seed back as it was: %j', (text) => {
    const seed = { why: 'a reason', input: Buffer.from(text, 'latin1') };
    expect(parseSeed(formatSeed(seed))).toEqual(seed);
  });
});

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startCoverage } from './core/coverage.ts';
import { execute } from './core/execute.ts';
import { type Finding, fuzz } from './core/fuzz.ts';
import { formatSeed, parseSeed, readSeeds, type Seed, writeSeeds } from './core/seeds.ts';
import { targets } from './targets/index.ts';

const usage = `pnpm fuzz TARGET [--seconds N] [--runs N] [--seed N] [--save] [--out FOLDER] [--replay FILE]
  TARGET      ${Object.keys(targets).join(', ')}
  --seconds   default 60, unless --runs is given
  --runs      executions; with the same --seed (default: the time) the same inputs
  --save      adds inputs that reach new code to fuzz/seeds, and drops seeds that reach nothing that others do not
  --out       folder for inputs that fail (default fuzz/findings, which is not committed)
  --replay    runs the one input of such a file
`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seconds: { type: 'string' },
      runs: { type: 'string' },
      seed: { type: 'string' },
      save: { type: 'boolean', default: false },
      out: { type: 'string', default: fileURLToPath(new URL('findings', import.meta.url)) },
      replay: { type: 'string' },
    },
  });
  const [name = ''] = positionals;
  const loader = targets[name];
  if (loader === undefined) throw new Error(`there is no target "${name}"\n${usage}`);
  const coverage = startCoverage((url) => loader.sources.some((source) => url.includes(source)));
  const target = await loader.load();
  if (values.replay !== undefined) {
    const failure = await execute(target, parseSeed(readFileSync(values.replay, 'utf8')).input);
    process.stdout.write(`${failure === null ? 'nothing is wrong' : (failure.error.stack ?? failure.key)}\n`);
    process.exitCode = failure === null ? 0 : 1;
    return;
  }
  const seeds = readSeeds(name);
  const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed);
  const runs = values.runs === undefined ? undefined : Number(values.runs);
  const seconds = values.seconds === undefined ? (runs === undefined ? 60 : undefined) : Number(values.seconds);
  const startedMs = performance.now();
  const result = await fuzz(
    target,
    coverage,
    seeds.map(({ input }) => input),
    { runs, seconds, seed },
  );
  const tookSeconds = (performance.now() - startedMs) / 1000;
  process.stdout.write(
    `${name}: ${result.executions} executions in ${tookSeconds.toFixed(1)} s with seed ${seed}; ${result.covered} characters of source ran; ${result.found.length} new inputs; ${result.findings.length} findings\n`,
  );
  for (const finding of result.findings) report(name, finding, values.out);
  if (values.save) save(name, seeds, result.corpus);
  process.exitCode = result.findings.length === 0 ? 0 : 1;
}

function report(target: string, { key, error, input }: Finding, folder: string): void {
  mkdirSync(folder, { recursive: true });
  const digits = Array.from(key).reduce((sum, char) => (Math.imul(sum, 31) + char.charCodeAt(0)) >>> 0, 7);
  const file = join(folder, `${target}-${digits.toString(16)}.jsonl`);
  writeFileSync(file, `${formatSeed({ why: key, input })}\n`);
  process.stdout.write(`\n${key}\n${error.stack ?? error.message}\n  again: pnpm fuzz ${target} --replay ${file}\n`);
}

/** Named seeds stay whatever they reach: most are there because something was wrong once. */
function save(target: string, before: readonly Seed[], corpus: readonly Buffer[]): void {
  const named = before.filter(({ why }) => why !== 'found');
  const others = corpus.filter((input) => !named.some((seed) => seed.input.equals(input)));
  writeSeeds(target, [...named, ...others.map((input) => ({ why: 'found', input }))]);
}

main().catch((error: unknown) => {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});

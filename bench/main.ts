import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createTemporaryFolder, hasCommand } from '@weir/testkit';
import type { BenchContext } from './bench-context.ts';
import { readCircumstances } from './circumstances.ts';
import { createCleanUp } from './clean-up.ts';
import { compareWithGoals } from './goals.ts';
import { measureDelay } from './measures/delay.ts';
import { measureIdle } from './measures/idle.ts';
import { measureQueries } from './measures/queries.ts';
import { measureResult } from './measures/result.ts';
import { measureRevocation } from './measures/revocation.ts';
import { measureSsh } from './measures/ssh.ts';
import { measureStalled } from './measures/stalled.ts';
import { formatReport } from './report.ts';
import type { Section } from './section.ts';
import { startTarget } from './target.ts';
import { requireBuild } from './weir.ts';

const measures: Readonly<Record<string, (context: BenchContext) => Promise<Section | readonly Section[]>>> = {
  queries: measureQueries,
  result: measureResult,
  delay: measureDelay,
  idle: measureIdle,
  stalled: measureStalled,
  revocation: measureRevocation,
  ssh: measureSsh,
};
const usage = `pnpm bench [--quick] [--only NAME[,NAME]…] [--profile FOLDER]
  --quick     one short round by the main routes only, a minute for each measurement; docs/benchmarks stays as it is
  --only      ${Object.keys(measures).join(', ')}; docs/benchmarks stays as it is
  --profile   writes CPU profiles of gateway and agent there (open them in a browser's developer tools); then only the native
              listener is used, for prepared statements of 8 clients and for the masked result
`;
/** DataRows of 218 bytes: some 200 MB. */
const people = 920_000;
/** Rows of 50,000 bytes: some 200 MB. */
const wideRows = 4_000;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      profile: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return void process.stdout.write(usage);
  const only = values.only.flatMap((names) => names.split(','));
  const names = only.length === 0 ? Object.keys(measures) : only;
  const unknown = names.filter((name) => measures[name] === undefined);
  if (unknown.length > 0) throw new Error(`there is no measurement ${unknown.join(', ')}\n${usage}`);
  if (!hasCommand('pgbench')) throw new Error('pgbench is not installed (Debian: apt-get install postgresql)');
  requireBuild();

  const cleanUp = createCleanUp();
  try {
    const { report, data } = await measure(names, values, createContextParts(cleanUp));
    process.stdout.write(report);
    if (values.quick || values.only.length > 0 || values.profile !== undefined) return;
    const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), 'docs', 'benchmarks');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'latest.md'), report);
    writeFileSync(join(folder, 'latest.json'), `${JSON.stringify(data, null, 2)}\n`);
    process.stderr.write('written to docs/benchmarks\n');
  } finally {
    await cleanUp.run();
  }
}

function createContextParts(cleanUp: BenchContext['cleanUp']) {
  const scratch = createTemporaryFolder('weir-bench-run');
  cleanUp.add('scratch folder', () => scratch.remove());
  const startedMs = performance.now();
  const progress = (text: string) =>
    void process.stderr.write(`${((performance.now() - startedMs) / 1000).toFixed(0).padStart(5)} s  ${text}\n`);
  return { cleanUp, scratch: scratch.path, progress };
}

async function measure(
  names: readonly string[],
  options: { readonly quick: boolean; readonly profile?: string | undefined },
  parts: Pick<BenchContext, 'cleanUp' | 'scratch' | 'progress'>,
) {
  parts.progress('the database starts and is filled');
  const isRead = names.some((name) => !['queries', 'idle', 'ssh'].includes(name));
  const share = isRead ? (options.quick ? 0.25 : 1) : 0;
  const size = { pgbenchScale: 10, people: people * share, wideRows: wideRows * share };
  const target = await startTarget(parts.cleanUp, size);
  const profileDir = options.profile === undefined ? undefined : resolve(options.profile);
  const context: BenchContext = { ...parts, quick: options.quick, target, profileDir };
  const sections: Section[] = [];
  for (const name of names) {
    sections.push(...[(await measures[name]?.(context)) ?? []].flat());
  }
  const circumstances = await readCircumstances(target.version, options.quick);
  const goals = compareWithGoals(sections);
  const data = { ...circumstances, goals, sections: sections.map(({ name, rows }) => ({ name, rows })) };
  return { report: formatReport(circumstances, sections, goals), data };
}

main().catch((error: unknown) => {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});

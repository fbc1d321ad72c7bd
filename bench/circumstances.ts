import { readFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { runCommand } from '@weir/testkit';
import type { Circumstances } from './report.ts';

/** Finds out what is measured where. Names no host, account or folder. */
export async function readCircumstances(postgres: string, quick: boolean): Promise<Circumstances> {
  const [commit, changes, pgbench] = await Promise.all([
    runCommand('git', ['rev-parse', '--short', 'HEAD']),
    runCommand('git', ['status', '--porcelain', '--', 'apps', 'packages']),
    runCommand('pgbench', ['--version']),
  ]);
  const grpc = JSON.parse(readFileSync(new URL('../packages/tunnel/package.json', import.meta.url), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: `${commit.stdout.trim() || 'unknown'}${changes.stdout.trim() === '' ? '' : ' with changes'}`,
    cores: availableParallelism(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    versions: {
      Node: process.versions.node,
      PostgreSQL: postgres,
      pgbench: /[\d.]+/.exec(pgbench.stdout)?.[0] ?? 'unknown',
      'grpc-js': grpc.dependencies['@grpc/grpc-js'] ?? 'unknown',
    },
    quick,
  };
}

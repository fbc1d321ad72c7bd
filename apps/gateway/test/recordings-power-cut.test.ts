import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hasCommand, runCommand } from '@weir/testkit';
import { lane } from '@weir/testkit/lane';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeFolder } from './recordings/evidence.ts';
import { recoverAndCompare, runAppender } from './recordings/run-appender.ts';

const describeCompiled = lane(
  'c-compiler',
  () => hasCommand('cc'),
  'cc builds the library that simulates power cuts and disk errors',
);

/** Inode and birth time, as the preloaded library names what it keeps. */
function nameOf(path: string): string {
  const { ino, birthtimeNs } = statSync(path, { bigint: true });
  return `${ino}-${birthtimeNs / 1_000_000_000n}-${birthtimeNs % 1_000_000_000n}`;
}

/** Builds what the disk would hold: names as of each folder's last fsync, contents as of each file's last fdatasync. */
function restore(durable: string, folder: string, to: string): void {
  mkdirSync(to, { recursive: true });
  if (!readdirSync(durable).includes(folder)) return;
  for (const line of readFileSync(join(durable, folder), 'utf8').split('\n').filter(Boolean)) {
    const [kind = '', name = '', file = ''] = line.split(' ');
    if (kind === 'd') restore(durable, name, join(to, file));
    else writeFileSync(join(to, file), readdirSync(durable).includes(name) ? readFileSync(join(durable, name)) : '');
  }
}

describeCompiled('a disk that loses what was not synced', () => {
  const work = makeFolder();
  const library = join(work, 'power-cut.so');
  beforeAll(async () => {
    const source = fileURLToPath(new URL('./recordings/power-cut.c', import.meta.url));
    const built = await runCommand('cc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl']);
    expect(built).toMatchObject({ status: 0 });
  });
  afterAll(() => rmSync(work, { recursive: true }));

  /** One life under the library, ended by a power cut; gives the folder as the disk holds it. */
  async function untilPowerCut(
    name: string,
    mode: string,
    ms: number,
  ): Promise<{ dir: string; lines: readonly string[] }> {
    const [root, durable, dir] = ['state', 'durable', 'disk'].map((part) => join(work, `${name}-${part}`)) as [
      string,
      string,
      string,
    ];
    mkdirSync(join(root, 'anchors'), { recursive: true });
    mkdirSync(durable);
    const env = { LD_PRELOAD: library, WEIR_SHIM_ROOT: root, WEIR_SHIM_DURABLE: durable };
    const { lines } = await runAppender([root, name, mode], { after: 'ready', ms }, env);
    restore(durable, nameOf(root), dir);
    return { dir, lines };
  }

  it('keeps every acknowledged entry through power cuts', { timeout: 240_000 }, async () => {
    let acknowledged = 0;
    for (let cut = 0; cut < 30; cut += 1) {
      const { dir, lines } = await untilPowerCut(`cut${cut}`, 'sync', 30 + Math.random() * 300);
      const outcome = await recoverAndCompare(dir, lines);
      expect(outcome.lost).toEqual([]);
      expect(outcome.wrong).toEqual([]);
      expect(outcome.checks.filter((check) => check.status !== 'sealed')).toEqual([]);
      acknowledged += outcome.acknowledged;
    }
    expect(acknowledged).toBeGreaterThan(100);
  });

  it('tells write() from fdatasync: without the sync acknowledged entries are lost', { timeout: 120_000 }, async () => {
    const { dir, lines } = await untilPowerCut('mutant', 'no-sync', 400);
    const outcome = await recoverAndCompare(dir, lines);
    expect(outcome.acknowledged).toBeGreaterThan(0);
    expect(outcome.lost.length).toBeGreaterThan(0);
  });

  it.each([
    ['fdatasync fails', 'fdatasync:20:5'],
    ['the disk is full', 'pwrite:20:28'],
  ])('ends when %s: refuses entries, keeps what was acknowledged', { timeout: 60_000 }, async (_, plan) => {
    const name = plan.replaceAll(':', '-');
    const [root, durable] = [join(work, `${name}-state`), join(work, `${name}-durable`)] as const;
    mkdirSync(root);
    mkdirSync(durable);
    const env = { LD_PRELOAD: library, WEIR_SHIM_ROOT: root, WEIR_SHIM_DURABLE: durable, WEIR_SHIM_FAIL: plan };
    const { lines, exitCode } = await runAppender([root, name], null, env);
    expect(exitCode).toBe(0);
    expect(lines.filter((line) => /^(broken|refused|appended)/.test(line))).toEqual([
      'broken The gateway cannot store evidence any more.',
      expect.stringMatching(/^refused recording_unavailable durable \d+$/),
    ]);
    const outcome = await recoverAndCompare(root, lines);
    expect(outcome.acknowledged).toBeGreaterThan(5);
    expect(outcome.lost).toEqual([]);
  });
});

import { rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { makeFolder } from './recordings/evidence.ts';
import { recoverAndCompare, runAppender } from './recordings/run-appender.ts';

/** Kills one folder's process again and again; gives what the lives printed. */
async function killAgainAndAgain(dir: string, kills: number): Promise<string[]> {
  const lines: string[] = [];
  for (let kill = 0; kill < kills; kill += 1) {
    // One in five dies at some moment of its start and recovery, the others at work.
    const early = kill % 5 === 4;
    const ms = early ? 80 + Math.random() * 200 : Math.random() * 60;
    const run = await runAppender([dir, `k${kill}`], { after: early ? 'start' : 'ready', ms });
    expect(run.lines.filter((line) => /^(failed|broken)/.test(line))).toEqual([]);
    lines.push(...run.lines);
  }
  return lines;
}

describe('kill -9', () => {
  it('loses no acknowledged entry in 100 kills, at start, during recovery and at work', {
    timeout: 300_000,
  }, async () => {
    const folders = [makeFolder(), makeFolder()];
    const lives = await Promise.all(folders.map((dir) => killAgainAndAgain(dir, 50)));
    for (const [at, dir] of folders.entries()) {
      const outcome = await recoverAndCompare(dir, lives[at] ?? []);
      expect(outcome.acknowledged).toBeGreaterThan(200);
      expect(outcome.lost).toEqual([]);
      expect(outcome.wrong).toEqual([]);
      expect(outcome.checks.filter((check) => check.status !== 'sealed')).toEqual([]);
      expect(outcome.log.filter((line) => line.startsWith('error'))).toEqual([]);
      rmSync(dir, { recursive: true });
    }
  });
});

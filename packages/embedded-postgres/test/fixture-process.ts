import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** A fixture that runs: `told` is the JSON line that it wrote. */
export interface FixtureProcess {
  readonly child: ChildProcess;
  readonly told: { readonly pid: number; readonly port: number };
}

/** Runs a fixture of this folder until it has written its line. */
export async function runFixture(name: string, args: readonly string[]): Promise<FixtureProcess> {
  const script = fileURLToPath(new URL(`fixtures/${name}.ts`, import.meta.url));
  const child = spawn(process.execPath, ['--conditions=source', script, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: child.stdout })) return { child, told: JSON.parse(line) };
  throw new Error(`the fixture ${name} ended without a word`);
}

/** Kills the fixture as `kill -9` does and waits until it is gone. */
export async function killHard({ child }: FixtureProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** Waits until the condition holds; the test's own time limit ends it. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(20);
}

/** A folder that the servers' account can pass through, with the two places that a server wants. */
export function createPlace(): { stateDir: string; home: string; remove(): void } {
  const stateDir = mkdtempSync(join(realpathSync(tmpdir()), 'weir test-'));
  chmodSync(stateDir, 0o711);
  return { stateDir, home: join(stateDir, 'home'), remove: () => rmSync(stateDir, { recursive: true, force: true }) };
}

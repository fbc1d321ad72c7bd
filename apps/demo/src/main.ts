import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { acquireStateLock, lockHolder } from '@weir/embedded-postgres';
import { isWeirError, WeirError } from '@weir/errors';
import { createDemoChildren } from './launcher/demo-children.ts';
import { recordChildren } from './launcher/leftover-children.ts';
import { createProgress } from './launcher/progress.ts';
import { readyScreen } from './launcher/screen.ts';
import { findSshd } from './launcher/ssh-target.ts';
import { isOnPath, startDemo } from './launcher/start-demo.ts';
import { createStateLayout, type StateLayout } from './launcher/state-layout.ts';
import { untilStopAsked } from './launcher/stop-signal.ts';

const ownCheckout = fileURLToPath(new URL('../../..', import.meta.url));

/**
 * The launcher: `main.js [--state DIR] [--customers N] [--checkout DIR] [--sshd PATH|none]`. The checkout is where the built programs are. Runs until it is asked to stop, or until one of its processes fails.
 */
async function main(): Promise<void> {
  const startedAt = performance.now();
  const { values } = parseArgs({
    options: {
      state: { type: 'string' },
      customers: { type: 'string', default: '100000' },
      checkout: { type: 'string', default: ownCheckout },
      sshd: { type: 'string', default: findSshd() ?? 'none' },
    },
  });
  const layout = createStateLayout(resolve(values.state ?? join(values.checkout, '.weir')));
  refuseSecondStart(layout);
  const lock = await acquireStateLock(layout.lock, `The state folder ${layout.root}`);
  const children = createDemoChildren((pids) => recordChildren(layout.children, pids));
  const stopAsked = untilStopAsked();
  try {
    const { checkout } = values;
    const options = {
      ...{ checkout, layout, customers: Number(values.customers), progress: createProgress(process.stderr) },
      sshd: values.sshd === 'none' ? undefined : values.sshd,
    };
    const starting = startDemo(options, children);
    const demo = await Promise.race([starting, stopAsked]);
    if (demo === 'stop') {
      process.stderr.write('\nStopping …\n');
      await children.stopAll();
      // What was under way fails now, because its processes are gone.
      await starting.then((late) => late.stop()).catch(() => undefined);
      return;
    }
    const elapsedSeconds = (performance.now() - startedAt) / 1000;
    const facts = { runtime: demo.runtime, settings: demo.settings, host: demo.host, elapsedSeconds };
    process.stdout.write(readyScreen({ ...facts, hasPsql: isOnPath('psql'), hasColour: hasColour() }));
    try {
      await Promise.race([stopAsked, demo.failure]);
      process.stderr.write('\nStopping …\n');
    } finally {
      await demo.stop();
    }
  } finally {
    await children.stopAll();
    lock.release();
  }
}

function refuseSecondStart(layout: StateLayout): void {
  const holder = lockHolder(layout.lock);
  if (!holder) return;
  throw new WeirError('conflict', `Weir is already running here (process ${holder.pid}).`, {
    why: `It uses the state folder ${layout.root}.`,
    fix: `Press Ctrl-C where it runs, or: kill ${holder.pid}`,
  });
}

function hasColour(): boolean {
  return process.stdout.isTTY === true && !process.env['NO_COLOR'];
}

function report(error: unknown): void {
  if (!isWeirError(error)) {
    process.stderr.write(`error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return;
  }
  process.stderr.write(`\nerror: ${error.message}\n`);
  if (error.why) process.stderr.write(`  why: ${error.why}\n`);
  process.stderr.write(`  fix: ${error.fix}\n`);
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    report(error);
    process.exit(1);
  },
);

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Characters of a step's output that are kept for the case of failure. */
const keptOutput = 200_000;

/** A step that failed: `output` is what the command wrote. */
export class StepFailed extends Error {
  constructor(message, output, fix) {
    super(message);
    this.output = output;
    this.fix = fix;
  }
}

/** Numbers the steps and shows each with its time; on a terminal the last line of its output is shown while it runs. */
export function createSteps(total, out = process.stderr) {
  let number = 0;
  return async (title, work) => {
    number += 1;
    const label = `[${number}/${total}] ${title}`;
    const start = Date.now();
    const seconds = () => `${((Date.now() - start) / 1000).toFixed(1)} s`;
    out.write(out.isTTY ? `${label} …` : `${label} …\n`);
    const show = (line) => {
      if (!out.isTTY) return;
      const room = (out.columns ?? 80) - label.length - 4;
      out.write(`\r\u001b[K${label} … \u001b[2m${line.slice(0, Math.max(0, room))}\u001b[22m`);
    };
    try {
      const note = await work(show);
      out.write(`${out.isTTY ? '\r\u001b[K' : ''}${label}: ${note ?? 'done'} (${seconds()})\n`);
    } catch (error) {
      out.write(`${out.isTTY ? '\r\u001b[K' : ''}${label}: failed (${seconds()})\n`);
      throw error;
    }
  };
}

/** Runs a command with its output kept; rejects with StepFailed when it fails. Signals to us end it too. */
export function runQuietly(command, args, { cwd, env, show = () => undefined, failure, fix }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const release = passSignals(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output = (output + text).slice(-keptOutput);
        const line = text.trimEnd().split('\n').at(-1);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: colours of the command are taken out
        if (line) show(line.replaceAll(/\u001b\[[0-9;]*m/g, '').trim());
      });
    }
    child.once('error', (error) => reject(new StepFailed(`${failure} (${command}: ${error.message})`, output, fix)));
    child.once('close', (code, signal) => {
      release();
      if (code === 0) resolve(output);
      else reject(new StepFailed(`${failure} (${signal ?? `exit status ${code}`})`, output, fixFor(output) ?? fix));
    });
  });
}

/** Advice for failures that a command's output names. */
function fixFor(output) {
  if (/OUTDATED_LOCKFILE/.test(output)) return 'Bring pnpm-lock.yaml up to date (pnpm install) and commit it.';
  if (/ENOSPC|no space left/i.test(output)) return 'Free disk space, then run the command again.';
  return undefined;
}

/** Runs a command in our terminal and gives its exit status (128 + number for a signal). It notices our end by a closed channel. */
export function runInTerminal(command, args, { cwd, env }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
    const release = passSignals(child);
    const watch = watchNpm(() => child.kill('SIGTERM'));
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      release();
      clearInterval(watch);
      resolve(code ?? (signal === 'SIGKILL' ? 137 : 143));
    });
  });
}

/** Ctrl-C reaches the child from the terminal itself: we only stay. Other signals are passed on. */
function passSignals(child) {
  const handlers = {
    SIGINT: () => undefined,
    SIGTERM: () => child.kill('SIGTERM'),
    SIGHUP: () => child.kill('SIGHUP'),
  };
  for (const [signal, handler] of Object.entries(handlers)) process.on(signal, handler);
  return () => {
    for (const [signal, handler] of Object.entries(handlers)) process.off(signal, handler);
  };
}

/** Run by npm, we end when npm is killed: its shell would otherwise keep us. */
function watchNpm(onGone) {
  if (process.env.npm_lifecycle_event === undefined) return undefined;
  const before = ancestors().join();
  const timer = setInterval(() => {
    if (ancestors().join() === before) return;
    clearInterval(timer);
    onGone();
  }, 500);
  timer.unref();
  return timer;
}

/** Our parent and, where the system tells, the parent of the shell in between. */
function ancestors() {
  const parent = process.ppid;
  try {
    const stat = readFileSync(`/proc/${parent}/stat`, 'utf8');
    const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
    const grandparent = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1];
    return /^(sh|dash|bash|busybox|ash)$/.test(name) ? [parent, grandparent] : [parent];
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return [parent];
    throw error;
  }
}

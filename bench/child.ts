import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createWatchdog } from '@weir/embedded-postgres';

/** Ends our children when we are gone in a way that lets us end nothing. */
const watchdog = createWatchdog();

/** A process that the bench started. */
export interface Child {
  readonly pid: number;
  /** First line that it writes to stdout. @throws when it ends before. */
  readonly firstLine: Promise<string>;
  /** Resolves with everything from stdout. @throws unless it ends with status 0. */
  readonly output: Promise<string>;
  /** SIGTERM, then SIGKILL after ten seconds. */
  stop(): Promise<void>;
}

/** How to start it. */
export interface ChildOptions {
  /** File for stderr; it is quoted when the process fails. */
  readonly log: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** Starts a Node program: a built one, or one of the bench's own in TypeScript. */
export function startNode(args: readonly string[], options: ChildOptions): Child {
  return startProcess(process.execPath, args, options);
}

/** Starts any program. */
export function startProcess(command: string, args: readonly string[], options: ChildOptions): Child {
  const log = openSync(options.log, 'a');
  const child: ChildProcess = spawn(command, args, {
    stdio: ['pipe', 'pipe', log],
    env: { ...process.env, NODE_OPTIONS: '', ...options.env },
    // A Ctrl-C in the terminal reaches the bench alone, which ends its children in order.
    detached: true,
  });
  closeSync(log);
  const pid = child.pid;
  if (pid !== undefined) {
    watchdog.watch(pid, 'SIGTERM');
    child.once('exit', () => watchdog.forget(pid));
  }
  let text = '';
  const failed = (how: string) =>
    new Error(
      `${args[0] ?? command} ended with ${how}:\n${text.slice(-2_000)}${readFileSync(options.log, 'utf8').slice(-4_000)}`,
    );
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const firstLine = new Promise<string>((resolve, reject) => {
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      const end = text.indexOf('\n');
      if (end >= 0) resolve(text.slice(0, end));
    });
    child.once('error', reject);
    void closed.then(() => reject(failed(String(child.exitCode ?? child.signalCode))));
  });
  const output = new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    void closed.then(() => (child.exitCode === 0 ? resolve(text) : reject(failed(String(child.exitCode)))));
  });
  // Whoever does not wait for these does not care how they end.
  firstLine.catch(() => undefined);
  output.catch(() => undefined);
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(options.input ?? '');
  return {
    pid: pid ?? -1,
    firstLine,
    output,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      child.kill('SIGTERM');
      await closed;
      clearTimeout(timer);
    },
  };
}

/** CPU time of a process so far, user and system, all threads, in microseconds (proc(5), clock ticks of 10 ms). */
export function cpuMicroseconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

/** Resident memory of a process, KiB. */
export function residentKiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
}

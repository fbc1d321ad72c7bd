import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Is there a process with this number? A process of another account counts, a zombie does not. */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return readStat(pid)?.state !== 'Z';
}

/**
 * Names one process beyond its number, which the system gives out again: boot and start time on Linux, start time elsewhere.
 * Undefined when there is no such process.
 */
export function processIdentity(pid: number): string | undefined {
  if (!isProcessAlive(pid)) return undefined;
  if (process.platform === 'linux') {
    const stat = readStat(pid);
    return stat && `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${stat.startTicks}`;
  }
  return askPs(pid, 'lstart=');
}

/** The command line of a process, blanks between its arguments; undefined when it is gone or not ours to see. */
export function processCommand(pid: number): string | undefined {
  if (process.platform !== 'linux') return askPs(pid, 'command=');
  return tryRead(`/proc/${pid}/cmdline`)?.replaceAll('\0', ' ').trim();
}

/** proc(5), /proc/PID/stat: the second field is the name in brackets and may hold blanks, so fields count from the last bracket. */
function readStat(pid: number): { state: string; startTicks: string } | undefined {
  if (process.platform !== 'linux') return undefined;
  const text = tryRead(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', startTicks: fields[19] ?? '' };
}

function tryRead(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES') return undefined;
    throw error;
  }
}

function askPs(pid: number, field: string): string | undefined {
  try {
    const answer = execFileSync('ps', ['-o', field, '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return answer.trim() || undefined;
  } catch (error) {
    // ps answers 1 for a process that is gone; anything else (no ps at all) is a fault of the machine.
    if ((error as { status?: number }).status === 1) return undefined;
    throw error;
  }
}

import { type ChildProcess, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';

/**
 * The watchdog's program. A shell rather than Node: it costs 1 MB instead of 40 and has nothing to load. It reads `watch PID SIGNAL` and
 * `forget PID` lines; at the end of the input its parent is gone in whatever way, and everything still watched is signalled,
 * given the grace, then killed.
 */
const program = `
trap '' INT TERM HUP
watched=' '
while read -r verb pid signal; do
  case $verb in
    watch) watched="$watched$pid:$signal " ;;
    forget)
      rest=' '
      for entry in $watched; do [ "\${entry%%:*}" = "$pid" ] || rest="$rest$entry "; done
      watched=$rest ;;
  esac
done
for entry in $watched; do kill -s "\${entry##*:}" "\${entry%%:*}" 2>/dev/null; done
left=$1
while [ "$left" -gt 0 ]; do
  alive=
  for entry in $watched; do kill -0 "\${entry%%:*}" 2>/dev/null && alive=1; done
  [ -n "$alive" ] || exit 0
  sleep 1
  left=$((left - 1))
done
for entry in $watched; do kill -s KILL "\${entry%%:*}" 2>/dev/null; done
`;

/** Seconds between the polite signal and SIGKILL after the death of the parent. */
const graceSeconds = 10;

/** Ends the watched processes when this process is gone, even by kill -9. */
export interface Watchdog {
  watch(pid: number, signal: NodeJS.Signals): void;
  forget(pid: number): void;
}

/** Starts the watchdog process of this process at the first `watch`; a watchdog that dies is replaced, with what it watched. */
export function createWatchdog(): Watchdog {
  const watched = new Map<number, NodeJS.Signals>();
  let running: ChildProcess | undefined;

  const tell = (line: string): void => {
    if (!running) {
      running = startProgram();
      running.once('exit', () => {
        running = undefined;
        if (watched.size > 0) tell('');
      });
      for (const [pid, signal] of watched) running.stdin?.write(watchLine(pid, signal));
      return;
    }
    running.stdin?.write(line);
  };
  return {
    watch: (pid, signal) => {
      watched.set(pid, signal);
      tell(watchLine(pid, signal));
    },
    forget: (pid) => {
      if (watched.delete(pid)) tell(`forget ${pid}\n`);
    },
  };
}

function watchLine(pid: number, signal: NodeJS.Signals): string {
  return `watch ${pid} ${signal.replace('SIG', '')}\n`;
}

/** In a session of its own, so that neither Ctrl-C nor a signal to our group reaches it; it never keeps this process running. */
function startProgram(): ChildProcess {
  const child = spawn('/bin/sh', ['-c', program, 'weir-watchdog', String(graceSeconds)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    cwd: '/',
  });
  child.unref();
  // A write that fails means that the watchdog is gone: its exit event starts the next one.
  child.stdin?.on('error', () => child.kill('SIGKILL'));
  (child.stdin as (Writable & { unref?: () => void }) | null)?.unref?.();
  return child;
}

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Where the servers of a state folder are; the same rule as in packages/embedded-postgres (server-home.ts), which a test compares. */
export function serverHomePath(stateDir, uid) {
  if (uid !== 0) return join(stateDir, 'postgres');
  return `/var/lib/weir-${createHash('sha256').update(realpathSync(stateDir)).digest('hex').slice(0, 12)}`;
}

/** Stops what runs on a state folder and removes it, with the servers' folder of root. Gives a sentence for the user. */
export async function resetState(stateDir, uid = process.getuid?.() ?? -1) {
  if (!existsSync(stateDir)) return 'there was nothing to remove';
  const home = serverHomePath(stateDir, uid);
  const stopped = [await stopLauncher(stateDir)];
  await stopChildren(stateDir);
  stopped.push(...(await stopServers(home)));
  rmSync(stateDir, { recursive: true, force: true });
  rmSync(home, { recursive: true, force: true });
  const names = stopped.filter(Boolean).join(', ');
  return names ? `stopped ${names}; removed ${stateDir}` : `removed ${stateDir}`;
}

async function stopLauncher(stateDir) {
  const holder = readJson(join(stateDir, 'launcher.lock'));
  if (!holder || !commandOf(holder.pid).includes('main.js')) return undefined;
  await stopProcess(holder.pid, ['SIGTERM', 'SIGKILL'], 30_000);
  return `the launcher (process ${holder.pid})`;
}

/** Gateway and agent of a launcher that was killed: its watchdog is ending them, or they stayed. */
async function stopChildren(stateDir) {
  const children = readJson(join(stateDir, 'children.json'))?.children ?? [];
  for (const { pid } of children) {
    if (commandOf(pid).includes(stateDir)) await stopProcess(pid, ['SIGTERM', 'SIGKILL'], 10_000);
  }
}

/** Servers that a killed launcher left: the data folder is among their arguments, so a number used again is not mistaken. */
async function stopServers(home) {
  if (!existsSync(home)) return [];
  const stopped = [];
  for (const role of readdirSync(home)) {
    const file = join(home, role, 'postmaster.pid');
    if (!existsSync(file)) continue;
    const pid = Number(readFileSync(file, 'utf8').split('\n')[0]);
    if (!commandOf(pid).includes(join(home, role))) continue;
    await stopProcess(pid, ['SIGINT', 'SIGQUIT', 'SIGKILL'], 10_000);
    stopped.push(`a PostgreSQL server (process ${pid})`);
  }
  return stopped;
}

async function stopProcess(pid, signals, timeoutMs) {
  for (const signal of signals) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if (error.code === 'ESRCH') return;
      throw error;
    }
    for (const end = Date.now() + timeoutMs; Date.now() < end; await sleep(50)) {
      if (commandOf(pid) === '') return;
    }
  }
}

/** Command line of a process; empty when it is gone. Where there is no /proc the number alone has to do. */
function commandOf(pid) {
  if (!Number.isInteger(pid) || pid <= 0) return '';
  try {
    if (existsSync('/proc/self/cmdline')) return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    process.kill(pid, 0);
    return 'main.js';
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EPERM'].includes(error.code)) return '';
    throw error;
  }
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTemporaryFolder, freePort, hasCommand } from '@weir/testkit';
import type { BenchContext, Relay } from './bench-context.ts';
import { startProcess } from './child.ts';

/**
 * Starts pgbouncer in front of the target: session pooling, because prepared statements have needed it until 1.21, SCRAM on both sides, no TLS.
 * @returns undefined where it is not installed (Debian: apt-get install pgbouncer).
 */
export async function startPgbouncer(context: BenchContext): Promise<Relay | undefined> {
  if (!hasCommand('pgbouncer')) {
    context.progress('pgbouncer is not installed: left out');
    return undefined;
  }
  const { target, cleanUp, scratch } = context;
  // It runs as another account where we are root, so the folder is open; the password in it is the bench's own.
  const folder = createTemporaryFolder('weir-bench-pgbouncer', 0o755);
  cleanUp.add('pgbouncer folder', () => folder.remove());
  const port = await freePort();
  const users = join(folder.path, 'users.txt');
  writeFileSync(users, `"${target.user}" "${target.password}"\n`, { mode: 0o644 });
  const settings = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'scram-sha-256',
    auth_file: users,
    pool_mode: 'session',
    default_pool_size: 64,
    max_client_conn: 256,
  };
  const file = join(folder.path, 'pgbouncer.ini');
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`);
  const database = `[databases]\n${target.database} = host=${target.host} port=${target.port}\n`;
  writeFileSync(file, `${database}[pgbouncer]\n${lines.join('')}`, { mode: 0o644 });
  const account = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
  const child = startProcess('pgbouncer', ['-q', ...account, file], { log: join(scratch, 'pgbouncer.log') });
  cleanUp.add('pgbouncer', () => child.stop());
  await Promise.race([untilListening(port), child.output.then(() => undefined)]);
  return { port, pids: [child.pid] };
}

async function untilListening(port: number): Promise<void> {
  for (const deadline = Date.now() + 10_000; Date.now() < deadline; await sleep(50)) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port }, () => resolve(true));
      socket.on('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (isOpen) return;
  }
  throw new Error('pgbouncer was not ready within ten seconds');
}

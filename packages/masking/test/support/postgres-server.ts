import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';

const run = promisify(execFile);

/** A throw-away PostgreSQL 15 that listens on a socket in its own folder only. */
export interface TestServer {
  connect(): Promise<pg.Client>;
  stop(): Promise<void>;
}

async function numericId(flag: '-u' | '-g'): Promise<number> {
  return Number((await run('id', [flag, 'postgres'])).stdout);
}

export async function startServer(): Promise<TestServer> {
  const bin = '/usr/lib/postgresql/15/bin';
  if (!existsSync(join(bin, 'postgres'))) throw new Error(`PostgreSQL 15 is needed in ${bin} (apt: postgresql-15).`);
  const folder = await mkdtemp(join(tmpdir(), 'weir-masking-'));
  // The server refuses to run as root.
  const owner = userInfo().uid === 0 ? { uid: await numericId('-u'), gid: await numericId('-g') } : {};
  if (owner.uid !== undefined) await chown(folder, owner.uid, owner.gid);
  const data = join(folder, 'data');
  await run(join(bin, 'initdb'), ['-D', data, '-U', 'owner', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '-N'], {
    ...owner,
    cwd: folder,
  });
  const settings = ['listen_addresses=', `unix_socket_directories=${folder}`, 'fsync=off', 'max_connections=20'];
  const server = spawn(join(bin, 'postgres'), ['-D', data, ...settings.flatMap((setting) => ['-c', setting])], {
    ...owner,
    cwd: folder,
    stdio: 'ignore',
  });
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  const connect = async (): Promise<pg.Client> => {
    const client = new pg.Client({ host: folder, port: 5432, user: 'owner', database: 'postgres' });
    await client.connect();
    return client;
  };
  await waitFor(connect);
  return {
    connect,
    async stop() {
      server.kill('SIGINT');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function waitFor(connect: () => Promise<pg.Client>): Promise<void> {
  let last: unknown;
  for (let attempt = 0; attempt < 200; attempt += 1) {
    try {
      await (await connect()).end();
      return;
    } catch (cause) {
      last = cause;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error('The test server did not start.', { cause: last });
}

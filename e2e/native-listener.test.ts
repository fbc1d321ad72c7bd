import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasCommand, runCommand } from '@weir/testkit';
import { lane } from '@weir/testkit/lane';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWeirCli, type RunningCli, type WeirCli } from './fixture/cli.ts';
import { builtFolder, clientPrograms, libpqEnvironment, runDuties } from './fixture/client-programs.ts';
import { clientPolicy, clientTables } from './fixture/client-tables.ts';
import { type System, startSystem } from './fixture/system.ts';
import { root } from './fixture/wait.ts';

let system: System;
let alice: WeirCli;
beforeAll(async () => {
  system = await startSystem({ customers: 100, policy: clientPolicy });
  const direct = new pg.Client(system.directUrl);
  await direct.connect();
  await direct.query(clientTables);
  await direct.end();
  alice = createWeirCli(system, 'alice');
  expect(await alice.login()).toMatchObject({ status: 0 });
});
afterAll(() => system?.stop());

const psycopg = clientPrograms.find(({ name }) => name === 'psycopg');

lane(
  'client-psycopg',
  () => psycopg?.command !== undefined,
  'e2e/clients/install.sh psycopg builds it',
)('libpq 18', () => {
  let connected: RunningCli;
  let local: string;
  beforeAll(async () => {
    connected = alice.start(['connect', 'demo-pg', '--json']);
    local = (JSON.parse(await connected.line()) as { dsn: string }).dsn;
  });
  afterAll(() => connected?.kill('SIGTERM'));

  const version = (min: string, max: string) => ({ PGMINPROTOCOLVERSION: min, PGMAXPROTOCOLVERSION: max });
  const direct = { PGSSLNEGOTIATION: 'direct' };
  it.each<[string, 'native' | 'weir connect', Record<string, string>, number]>([
    ['3.0', 'native', version('3.0', '3.0'), 30000],
    ['3.2', 'native', version('3.2', '3.2'), 30002],
    ['the latest', 'native', version('3.2', 'latest'), 30002],
    ['3.0, direct TLS', 'native', { ...version('3.0', '3.0'), ...direct }, 30000],
    ['3.2, direct TLS', 'native', { ...version('3.2', '3.2'), ...direct }, 30002],
    ['3.0', 'weir connect', version('3.0', '3.0'), 30000],
    ['3.2', 'weir connect', version('3.2', '3.2'), 30002],
  ])('protocol %s, %s: connects, prepares, cancels, fails and goes on', async (_what, path, settings, protocol) => {
    const at =
      path === 'native' ? libpqEnvironment((await system.dsn('alice')).dsn, system.caFile) : libpqEnvironment(local);
    const env = { ...at, ...settings };
    const python = psycopg?.command?.[0] ?? '';
    const { stdout, stderr } = await runCommand(python, [join(root, 'e2e/fixture/protocol.py')], { env });
    expect(stderr).toBe('');
    const facts = JSON.parse(stdout) as { libpq: number };
    expect(facts).toMatchObject({ protocol, tls: path === 'native', one: 1 });
    expect(facts.libpq).toBeGreaterThanOrEqual(180_000);
    if (psycopg === undefined) throw new Error('no psycopg');
    const duties = ['connect', 'prepare', 'cancel', 'error'];
    const results = await runDuties(psycopg, env, duties);
    for (const duty of duties) expect([duty, results.get(duty)?.failed]).toEqual([duty, undefined]);
    expect(results.get('cancel')?.outcome).toMatchObject({ code: '57014', after: 1 });
  });
});

describe('weir credentials pg', () => {
  const credentials = () => alice.json<Record<string, string>>('credentials', 'pg', 'demo-pg');
  const clean = () => Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PG')));

  it('prints each of them in words, too', async () => {
    const { status, stdout, stderr } = await alice.run(['credentials', 'pg', 'demo-pg']);
    expect(status).toBe(0);
    for (const part of [
      /^dsn\s+postgresql:\/\//m,
      /^jdbc\s+jdbc:postgresql:\/\//m,
      /\n\n\[demo-pg\]\nhost=/,
      /^until\s/m,
    ])
      expect(stdout).toMatch(part);
    expect(stderr).toMatch(/weir sessions kill ses/);
  });

  lane(
    'psql',
    () => hasCommand('psql'),
    'psql is not on PATH',
  )('psql', () => {
    const sql = ['-X', '-At', '-c', 'SELECT current_database() FROM customers LIMIT 1'];
    it('by the DSN', async () => {
      const { dsn = '' } = await credentials();
      expect(await runCommand('psql', [...sql, dsn], { env: clean() })).toMatchObject({ status: 0, stdout: 'shop\n' });
    });

    it('by the entry of a service file', async () => {
      const { service = '', session = '' } = await credentials();
      const file = join(system.dir, 'pg_service.conf');
      writeFileSync(file, `# others\n[other]\nhost=nowhere\n\n${service}\n`, { mode: 0o600 });
      const env = { ...clean(), PGSERVICEFILE: file };
      const run = () => runCommand('psql', [...sql, 'service=demo-pg'], { env });
      expect(await run()).toMatchObject({ status: 0, stdout: 'shop\n' });
      expect((await alice.run(['sessions', 'kill', session])).status).toBe(0);
      expect((await run()).stderr).toContain('password authentication failed');
    });
  });

  const jdbc = builtFolder('pgjdbc');
  lane(
    'client-pgjdbc',
    () => jdbc !== undefined,
    'e2e/clients/install.sh pgjdbc builds it',
  )('pgjdbc', () => {
    it('by the JDBC URL alone', async () => {
      const { jdbc: url = '' } = await credentials();
      const program = join(root, 'e2e/fixture/JdbcOnce.java');
      const run = await runCommand('java', ['-cp', `${jdbc}/*`, program, url], { env: clean() });
      expect(run).toMatchObject({ status: 0, stdout: 'shop 100\n' });
    });
  });

  it('is documented', () => {
    const page = readFileSync(join(root, 'docs/cli.md'), 'utf8');
    for (const word of ['### credentials pg', 'pg_service.conf', 'jdbc', 'dsn', 'service', 'expiresAt'])
      expect(page).toContain(word);
  });
});

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { hasCommand, hasPostgres15 } from '@weir/testkit';
import { lane } from '@weir/testkit/lane';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RealServer, startRealServer } from './real-server.ts';
import { type Relay, startRelay } from './relay.ts';

const run = promisify(execFile);
let server: RealServer;
let relay: Relay;

const address = () => ['-h', '127.0.0.1', '-p', String(relay.port), '-U', 'postgres'];
async function psql(script: string, ...more: string[]): Promise<string> {
  const child = run('psql', ['-X', '-A', '-t', ...address(), ...more, 'postgres'], { maxBuffer: 64 * 1024 * 1024 });
  child.child.stdin?.end(script);
  const { stdout, stderr } = await child;
  return stdout + stderr;
}

const hasClients = () => ['psql', 'pgbench', 'pg_dump'].every(hasCommand);
const clients = lane('psql', hasClients, 'psql, pgbench and pg_dump are not on PATH');
const older = lane(
  'postgresql-15',
  () => hasClients() && hasPostgres15(),
  'Debian package postgresql-15 is not installed',
);

clients('clients through the engine to PostgreSQL 18', () => testClients('18'));
older('clients through the engine to PostgreSQL 15', () => testClients('15'));

function testClients(version: '15' | '18'): void {
  beforeAll(async () => {
    server = await startRealServer({ version });
    relay = await startRelay(server.socketPath);
  });
  afterAll(async () => {
    await relay.close();
    await server.stop();
  });

  describe('psql through the engine', () => {
    it('runs statements, multi-statements and errors', async () => {
      const out = await psql("SELECT 1+1;\nSELECT 'a' \\; SELECT 'b';\nSELECT 1/0;\nSELECT 'after';");
      expect(out).toBe('2\na\nb\nafter\nERROR:  division by zero\n');
    });

    it('answers backslash commands', async () => {
      await psql(
        'CREATE TABLE shelf (id int primary key, title text); CREATE VIEW view_of_shelf AS SELECT * FROM shelf;',
      );
      const out = await psql('\\d shelf\n\\dt\n\\d+ view_of_shelf\n\\df abs\n\\du\n\\dn');
      expect(out).toContain('id|integer||not null|');
      expect(out).toContain('public|shelf|table|postgres');
      expect(out).not.toContain('ERROR');
    });

    it('copies in and out', async () => {
      const script = `CREATE TABLE goods (id int, name text);\nCOPY goods FROM STDIN;\n1\tone\n2\ttwo\n\\.\nCOPY goods TO STDOUT;\nCOPY goods TO STDOUT (FORMAT csv, HEADER);`;
      expect(await psql(script)).toBe('CREATE TABLE\nCOPY 2\n1\tone\n2\ttwo\nid,name\n1,one\n2,two\n');
    });

    it('survives an error in the middle of COPY FROM STDIN', async () => {
      const rows = Array.from({ length: 20_000 }, (_, i) => (i === 100 ? 'bad\tx' : `${i}\tname ${i}`)).join('\n');
      const out = await psql(
        `CREATE TABLE broken (id int, name text);\nCOPY broken FROM STDIN;\n${rows}\n\\.\nSELECT count(*) FROM broken;`,
      );
      expect(out).toContain('invalid input syntax for type integer: "bad"');
      expect(out).toContain('\n0\n');
    });

    it('carries a large value unchanged', async () => {
      const out = await psql(
        "SELECT md5(repeat('x', 30000000)), length(repeat('x', 30000000)), repeat('x', 30000000);",
      );
      expect(out.length).toBeGreaterThan(30_000_000);
      expect(out).toContain('|30000000|xxx');
    }, 60_000);

    it('delivers notifications', async () => {
      expect(await psql("LISTEN doors;\nNOTIFY doors, 'open';\nSELECT 1;")).toContain(
        'Asynchronous notification "doors" with payload "open"',
      );
    });
  });

  describe('pgbench through the engine', () => {
    it('runs in every mode', async () => {
      await run('pgbench', [...address(), '-q', '-i', '-s', '1', 'postgres']);
      for (const mode of ['simple', 'extended', 'prepared']) {
        const { stdout } = await run('pgbench', [...address(), '-n', '-M', mode, '-c', '2', '-t', '20', 'postgres']);
        expect(stdout).toContain('number of transactions actually processed: 40/40');
        expect(stdout).toContain('number of failed transactions: 0');
      }
    }, 60_000);

    it('runs pipelines', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'wire-postgres-script-'));
      const file = join(folder, 'pipeline.sql');
      await writeFile(file, '\\startpipeline\nSELECT 1;\nSELECT 2;\n\\endpipeline\n');
      const { stdout } = await run('pgbench', [
        ...address(),
        '-n',
        '-M',
        'prepared',
        '-f',
        file,
        '-t',
        '5',
        'postgres',
      ]);
      await rm(folder, { recursive: true });
      expect(stdout).toContain('number of transactions actually processed: 5/5');
    });
  });

  describe('pg_dump through the engine', () => {
    it('gives the same dump as without', async () => {
      // pg_dump refuses servers that are newer than itself.
      if (version === '18') return;
      await psql(
        'CREATE TABLE dumped AS SELECT i, md5(i::text) AS t, now() AS at FROM generate_series(1, 5000) i; CREATE INDEX ON dumped (t);',
      );
      const options = { maxBuffer: 64 * 1024 * 1024 };
      const through = await run('pg_dump', [...address(), 'postgres'], options);
      const direct = await run('pg_dump', ['-h', dirname(server.socketPath), '-U', 'postgres', 'postgres'], options);
      const plain = (text: string) => text.replaceAll(/^.(un)?restrict .*$/gm, '');
      expect(through.stderr).toBe('');
      expect(plain(through.stdout)).toBe(plain(direct.stdout));
      expect(through.stdout).toContain('COPY public.dumped');
    });
  });
}

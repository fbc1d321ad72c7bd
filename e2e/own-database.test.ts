import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createTemporaryFolder, freePort, runCommand, startPostgres18, type TestServer } from '@weir/testkit';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { root, waitFor } from './fixture/wait.ts';

const page = readFileSync(join(root, 'docs/own-database.md'), 'utf8');
const blocks = (language: string) =>
  [...page.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, 'g'))].map((match) => match[1] ?? '');

/** The page's own text with other values in it; a value that is not there any more is an error of this test. */
function adapt(text: string, values: Readonly<Record<string, string>>): string {
  return Object.entries(values).reduce((adapted, [from, to]) => {
    expect(adapted, `${from} in docs/own-database.md`).toContain(from);
    return adapted.replaceAll(from, to);
  }, text);
}

describe('docs/own-database.md', () => {
  const folder = createTemporaryFolder('weir-own', 0o711);
  const dir = folder.path;
  const background: ChildProcess[] = [];
  const password = 'a database password';
  let server: TestServer;
  let commands: string[];
  const env = {
    ...process.env,
    ...{
      NODE_OPTIONS: '',
      HOME: dir,
      XDG_CONFIG_HOME: join(dir, 'config'),
      WEIR_SERVER_HOME: join(dir, 'server-home'),
    },
    PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
  };

  beforeAll(async () => {
    server = await startPostgres18();
    const sql = async (database: string, text: string) => {
      const url = new URL(server.adminUrl);
      url.pathname = `/${database}`;
      const client = new pg.Client({ connectionString: url.href });
      await client.connect();
      await client.query(text);
      await client.end();
    };
    await sql('postgres', 'CREATE DATABASE orders');
    await sql(
      'orders',
      `CREATE TABLE customers (id int PRIMARY KEY, name text, email text, phone text);
       INSERT INTO customers SELECT i, 'Customer ' || i, 'person' || i || '@example.com', '+49 30 555' || i FROM generate_series(1, 9) i;
       CREATE ROLE weir_agent LOGIN PASSWORD '${password}';
       GRANT SELECT ON customers TO weir_agent;`,
    );
    const [api, front, tunnel, postgres] = [await freePort(), await freePort(), await freePort(), await freePort()].map(
      String,
    );
    const ports = { '7400': api ?? '', '7401': front ?? '', '7402': tunnel ?? '', '7403': postgres ?? '' };
    const [gateway = '', policy = ''] = blocks('yaml');
    const target = { 'db.example.internal': server.host, 'port: 5432': `port: ${server.port}` };
    writeFileSync(join(dir, 'gateway.yaml'), adapt(gateway, { ...ports, ...target }), { mode: 0o600 });
    writeFileSync(join(dir, 'policy.yaml'), policy);
    const values = { '7400': api ?? '', 'ORDERS_DB_PASSWORD=…': `ORDERS_DB_PASSWORD='${password}'` };
    commands = adapt(blocks('sh').at(-1) ?? '', values)
      .trim()
      .split('\n');
    // The folder stands for the checkout, so that what the commands leave stays out of the real one.
    mkdirSync(join(dir, 'config'));
    for (const name of ['apps', 'weir', 'node_modules']) symlinkSync(join(root, name), join(dir, name));
  });
  afterAll(async () => {
    for (const child of background.reverse()) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      if (child.exitCode === null && child.kill('SIGTERM')) await ended;
    }
    await server?.stop();
    folder.remove();
  });

  function inBackground(command: string): () => string {
    const child = spawn('sh', ['-c', `exec ${command.replace(/ &$/, '').replace(/^(\w+='[^']*') /, 'env $1 ')}`], {
      cwd: dir,
      env,
    });
    background.push(child);
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text: Buffer) => {
        said += text;
      });
    }
    return () => {
      if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}:\n${said}`);
      return said;
    };
  }
  const run = (command: string, input = '') => runCommand('sh', ['-c', command], { cwd: dir, env, input });

  test('has one configuration, one policy and five commands', () => {
    expect(blocks('yaml')).toHaveLength(2);
    expect(commands).toHaveLength(5);
    expect(page).toContain('One configuration file and five commands');
  });

  test('the commands lead to masked rows of an own table', async () => {
    const [gateway = '', enrol = '', agent = '', login = '', exec = ''] = commands;
    const gatewayLog = inBackground(gateway);
    await waitFor(
      'the join token',
      () => (gatewayLog() !== undefined && existsSync(join(dir, 'join-token'))) || undefined,
    );
    expect(await run(enrol)).toMatchObject({ status: 0 });
    const agentLog = inBackground(agent);
    await waitFor('the agent to be connected', () => /connected to the gateway/.test(agentLog()) || undefined);
    // A person types the password; a test has no terminal.
    expect(await run(`${login} --password-stdin`, 'change-me-please-too\n')).toMatchObject({ status: 0 });
    const result = await run(exec);
    expect(result).toMatchObject({ status: 0 });
    const rows = result.stdout.trim().split('\n');
    expect(rows).toHaveLength(6);
    expect(rows[0]?.split('\t')).toEqual(['id', 'name', 'email', 'phone']);
    expect(result.stdout).toContain('Customer 1');
    expect(result.stdout).not.toMatch(/person\d|555/);
  }, 120_000);

  test('the connection can be tested as the page says', async () => {
    const check = /`(\.\/weir connections test orders)`/.exec(page)?.[1] ?? '';
    const login = (commands[3] ?? '').replace('--user dev', '--user root-admin');
    expect(await run(`${login} --password-stdin`, 'change-me-please\n')).toMatchObject({ status: 0 });
    const result = await run(check);
    expect(result).toMatchObject({ status: 0 });
    expect(result.stdout + result.stderr).toMatch(/sign-in/);
  });
});

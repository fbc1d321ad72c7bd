import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { superviseChild } from '@weir/embedded-postgres';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDemoChildren } from '../src/launcher/demo-children.ts';
import { choosePorts, loadDemoSettings, preferredPorts } from '../src/launcher/demo-settings.ts';
import { isHealthy } from '../src/launcher/gateway-api.ts';
import { gatewayConfig, tryGatewayRuntime } from '../src/launcher/gateway-config.ts';
import { recordChildren, waitForLeftovers } from '../src/launcher/leftover-children.ts';
import { findPrograms, programEnvironment } from '../src/launcher/node-programs.ts';
import { readyScreen } from '../src/launcher/screen.ts';
import { readStateJson } from '../src/launcher/state-file.ts';
import { createStateLayout, type StateLayout } from '../src/launcher/state-layout.ts';

let folder: string;
let layout: StateLayout;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-demo-'));
  layout = createStateLayout(join(folder, 'state'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Listens on a free port while `use` runs. */
async function withTakenPort<T>(use: (port: number) => Promise<T>): Promise<T> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  try {
    return await use(typeof address === 'object' && address ? address.port : 0);
  } finally {
    server.close();
  }
}

describe('the state folder', () => {
  it('is closed to other accounts', () => {
    for (const path of [layout.root, layout.logs, layout.gatewayState]) expect(statSync(path).mode & 0o777).toBe(0o700);
  });

  it('names a damaged file and how to start over', () => {
    writeFileSync(layout.settings, '{"ports":');
    expect(() => readStateJson(layout.settings)).toThrow(`The file ${layout.settings} is damaged.`);
    expect(readStateJson(layout.demoFile)).toBeUndefined();
  });
});

describe('the settings', () => {
  it('keep passwords and ports from start to start, closed to others', async () => {
    const first = await loadDemoSettings(layout.settings);
    expect(await loadDemoSettings(layout.settings)).toEqual(first);
    expect(statSync(layout.settings).mode & 0o777).toBe(0o600);
    expect(Object.keys(first.passwords)).toEqual(['alice', 'bob', 'admin']);
    expect(new Set(Object.values(first.passwords)).size).toBe(3);
    for (const password of Object.values(first.passwords)) expect(password).toMatch(/^([a-z2-9]{4}-){2}[a-z2-9]{4}$/);
  });

  it('replace a port that is taken and leave the others', async () => {
    await withTakenPort(async (taken) => {
      const free = await choosePorts(preferredPorts);
      const chosen = await choosePorts({ ...free, api: taken });
      expect(chosen.api).not.toBe(taken);
      expect(chosen).toMatchObject({ front: free.front, tunnel: free.tunnel });
    });
  });

  it('never give one port twice', async () => {
    const { api } = preferredPorts;
    const chosen = await choosePorts({
      api,
      front: api,
      tunnel: api,
      postgres: api,
      target: api,
      ssh: api,
      sshHost: api,
    });
    expect(new Set(Object.values(chosen)).size).toBe(7);
  });
});

describe('the gateway of the demo', () => {
  it('is configured for this machine only, with the demo users', async () => {
    const settings = await loadDemoSettings(layout.settings);
    const config = JSON.parse(gatewayConfig(layout, settings, '/shop.yaml'));
    for (const name of ['api', 'front', 'tunnel', 'postgres'] as const) {
      expect(config[name]).toEqual({ host: '127.0.0.1', port: settings.ports[name] });
    }
    expect(config.bootstrap.policyFiles).toEqual(['/shop.yaml']);
    expect(config.bootstrap.users).toContainEqual({
      name: 'alice',
      groups: ['developers'],
      roles: [],
      password: settings.passwords['alice'],
    });
  });

  it('is ready when its runtime file is complete', () => {
    const runtime = { api: 'http://127.0.0.1:1', front: 'a:1', postgres: 'a:2', tunnel: 'a:3', caFile: '/ca.pem' };
    expect(tryGatewayRuntime(runtime)).toEqual(runtime);
    expect(tryGatewayRuntime({ ...runtime, pid: 1, postgres: { host: 'a', port: 2 } })).toEqual(runtime);
    expect(tryGatewayRuntime({ ...runtime, caFile: undefined })).toBeUndefined();
    expect(tryGatewayRuntime({ ...runtime, tunnel: { port: 3 } })).toBeUndefined();
  });

  it('is not healthy while nobody listens', async () => {
    const port = await withTakenPort(async (taken) => taken);
    expect(await isHealthy(`http://127.0.0.1:${port}`)).toBe(false);
  });
});

describe('the programs', () => {
  it('are named when they are not built', () => {
    expect(() => findPrograms(folder)).toThrow('Weir is not built completely.');
  });

  it('get no settings of npm', () => {
    process.env['npm_config_loglevel'] = 'silly';
    try {
      const env = programEnvironment('/var/lib/weir-x');
      expect(Object.keys(env).filter((name) => name.startsWith('npm_'))).toEqual([]);
      expect(env).toMatchObject({ WEIR_SERVER_HOME: '/var/lib/weir-x', PATH: process.env['PATH'] });
    } finally {
      delete process.env['npm_config_loglevel'];
    }
  });
});

describe('the processes of the demo', () => {
  const shell = (name: string, script: string) =>
    superviseChild({ name, command: '/bin/sh', args: ['-c', script], logFile: join(layout.logs, `${name}.log`) });

  it('are stopped, the latest first', async () => {
    const children = createDemoChildren();
    const stopped: string[] = [];
    for (const name of ['target', 'gateway', 'agent']) {
      const child = await shell(name, 'exec sleep 600');
      void child.exited.then(() => stopped.push(name));
      children.add(child, join(layout.logs, `${name}.log`));
    }
    await children.stopAll();
    expect(stopped).toEqual(['agent', 'gateway', 'target']);
  });

  it('fail as a whole when one ends by itself', async () => {
    const children = createDemoChildren();
    children.add(await shell('gateway', 'echo no more disk; exit 9'), join(layout.logs, 'gateway.log'));
    await expect(children.failure).rejects.toMatchObject({
      message: 'gateway ended with exit status 9.',
      why: expect.stringContaining('no more disk'),
    });
  });

  it('cannot be added once they are being stopped', async () => {
    const children = createDemoChildren();
    await children.stopAll();
    const late = await shell('late', 'exec sleep 600');
    children.add(late, join(layout.logs, 'late.log'));
    expect(await late.exited).toMatchObject({ wasStopped: true });
  });
});

describe('what a killed launcher left', () => {
  it('is ended when its watchdog does not, and nothing else is', async () => {
    const { pid, exited } = await superviseChild({
      name: 'left',
      command: '/bin/sh',
      args: ['-c', 'exec sleep 600'],
      logFile: join(layout.logs, 'left.log'),
    });
    recordChildren(layout.children, [pid, 2 ** 22 + 1]);
    writeFileSync(
      layout.children,
      JSON.stringify({
        children: [...JSON.parse(readFileSync(layout.children, 'utf8')).children, { pid: process.pid, identity: 'x' }],
      }),
    );
    await waitForLeftovers(layout.children, 50);
    expect(await exited).toMatchObject({ signal: 'SIGKILL' });
    await waitForLeftovers(join(layout.root, 'none.json'), 50);
  });
});

describe('the last screen', () => {
  it('shows address, users with passwords and commands, and psql only where it is', async () => {
    const settings = await loadDemoSettings(layout.settings);
    const runtime = {
      api: 'http://127.0.0.1:8010',
      front: 'f',
      postgres: '127.0.0.1:15432',
      tunnel: 't',
      caFile: '/ca',
    };
    const facts = { runtime, settings, host: 'there is no sshd', elapsedSeconds: 12.34, hasColour: false };
    const screen = readyScreen({ ...facts, hasPsql: false });
    for (const text of ['http://127.0.0.1:8010', ...Object.values(settings.passwords), './weir exec demo-pg "SELECT']) {
      expect(screen).toContain(text);
    }
    expect(screen).not.toContain('-- psql');
    expect(screen).toContain('No demo-ssh: there is no sshd.');
    expect(screen).not.toContain('weir ssh');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the point of the test
    expect(screen).not.toMatch(/\u001b/);
    expect(readyScreen({ ...facts, hasPsql: true })).toContain('./weir connect demo-pg -- psql');
    const host = { port: 1, user: 'me', hostKey: 'SHA256:x', sample: '/state/customers.csv' };
    expect(readyScreen({ ...facts, host, hasPsql: true })).toContain('./weir ssh demo-ssh -- cat /state/customers.csv');
  });
});

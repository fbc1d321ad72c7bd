import { generateKeyPairSync } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import {
  formatKeyLine,
  issueCertificate,
  parseCertificate,
  parseKeyLine,
  publicKeyOf,
  signWith,
} from '@weir/ssh-certificate';
import { runCommand } from '@weir/testkit';
import { openSshLane } from '@weir/testkit/lane';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GatewayStub, refusal, startGatewayStub } from './fixture/gateway-stub.ts';
import { newFolder, runWeir } from './fixture/run-weir.ts';

const authority = generateKeyPairSync('ed25519');
const authorityKey = publicKeyOf(authority.publicKey);
const line = formatKeyLine(authorityKey.type, authorityKey.blob);
const trust = {
  ...{ listener: { host: 'gate.example', port: 2222 }, hostKeys: [line], hostAuthorities: [line] },
  ...{ targetAuthorities: [`${line} targets`], userAuthorities: [`${line} users`] },
  knownHosts: [`@cert-authority [gate.example]:2222 ${line}`],
};
const sshKey = {
  ...{ id: 'sshkey_1', label: 'laptop', fingerprint: 'SHA256:x', type: 'ssh-ed25519', publicKey: line },
  ...{ createdBy: 'alice', createdAt: '2026-01-01T00:00:00.000Z', lastUsedAt: null, lastUsedFrom: null },
};

/** Signs as the gateway would. */
function certify(_request: unknown, body: string): object {
  const { publicKey } = JSON.parse(body) as { publicKey: string };
  const nowSeconds = Math.floor(Date.now() / 1000);
  const claims = {
    ...{
      kind: 'user' as const,
      key: parseKeyLine(publicKey).key,
      serial: 1n,
      keyId: 'weir:alice',
      principals: ['alice'],
    },
    ...{ validAfter: BigInt(nowSeconds - 60), validBefore: BigInt(nowSeconds + 600), criticalOptions: new Map() },
    extensions: [],
  };
  const blob = issueCertificate(claims, authorityKey, Buffer.alloc(32), (data) =>
    signWith(authority.privateKey, 'ssh-ed25519', data),
  );
  const certificate = formatKeyLine(parseCertificate(blob).type, blob);
  const expiresAt = new Date((nowSeconds + 600) * 1000).toISOString();
  return { certificate, serial: '1', principals: ['alice'], expiresAt };
}

let gateway: GatewayStub;
beforeAll(async () => {
  gateway = await startGatewayStub({
    'GET /api/v1/ssh': trust,
    'POST /api/v1/ssh/certificates': certify,
    'GET /api/v1/ssh/keys': [sshKey],
    'POST /api/v1/ssh/keys': sshKey,
    'DELETE /api/v1/ssh/keys/sshkey_1': 204,
    'GET /api/v1/users/bob/ssh-keys': [],
    'POST /api/v1/users/bob/ssh-keys': sshKey,
    'DELETE /api/v1/users/bob/ssh-keys/sshkey_1': 204,
    'POST /api/v1/ssh/authorities/targets/rotate': {
      ...{ id: 'SHA256:new', purpose: 'targets', publicKey: line, state: 'current', createdBy: 'admin' },
      ...{ createdAt: '2026-01-01T00:00:00.000Z', retiresAt: null },
    },
  });
});
afterAll(() => gateway.close());

const login = (home: string, env: Record<string, string> = {}, more: string[] = []) =>
  runWeir(['login', '--gateway', gateway.url, '--user', 'alice', '--password-stdin', ...more], {
    ...{ home, env },
    input: 'secret\n',
  });
const folderOf = (home: string) => {
  const ssh = join(home, 'ssh');
  return existsSync(ssh) ? readdirSync(ssh).map((name) => join(ssh, name)) : [];
};

describe('without an ssh-agent', () => {
  it('keeps key and certificate in files that are the user’s alone, and says so once', async () => {
    const home = newFolder();
    const first = await login(home);
    expect(first.stderr).toContain('No ssh-agent runs');
    const [folder = ''] = folderOf(home);
    expect(readdirSync(folder).sort()).toEqual(['id', 'id-cert.pub', 'id.pub']);
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777, name).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    const before = readFileSync(join(folder, 'id'), 'utf8');
    const second = await login(home);
    expect(second.stderr).not.toContain('No ssh-agent runs');
    expect(readFileSync(join(folder, 'id'), 'utf8')).not.toBe(before);
    expect((await runWeir(['logout'], { home })).status).toBe(0);
    expect(folderOf(home)).toEqual([]);
  });

  it.each([
    ['an address where nobody listens', 'no-such.sock'],
    ['an agent that does not speak', 'mute.sock'],
  ])('does the same with %s', async (_, name) => {
    const home = newFolder();
    const path = join(home, name);
    const server = createServer((socket) => socket.end('nonsense'));
    if (name === 'mute.sock') await new Promise<void>((resolve) => server.listen(path, resolve));
    const run = await login(home, { SSH_AUTH_SOCK: path });
    server.close();
    expect(run.status).toBe(0);
    expect(folderOf(home).map((folder) => existsSync(join(folder, 'id')))).toEqual([true]);
  });

  it('asks for nothing when told so, or when the gateway does not listen for SSH', async () => {
    const home = newFolder();
    await login(home, {}, ['--no-ssh']);
    gateway.answers['GET /api/v1/ssh'] = { ...trust, listener: null };
    await login(home);
    gateway.answers['GET /api/v1/ssh'] = refusal(404, 'not_found', 'There is no such route.');
    expect((await login(home)).status).toBe(0);
    gateway.answers['GET /api/v1/ssh'] = trust;
    expect(folderOf(home)).toEqual([]);
  });

  it('signs in also when the gateway gives no certificate', async () => {
    const home = newFolder();
    gateway.answers['POST /api/v1/ssh/certificates'] = refusal(403, 'not_permitted', 'No certificates here.');
    const run = await login(home);
    gateway.answers['POST /api/v1/ssh/certificates'] = certify;
    expect(run).toMatchObject({ status: 0, stderr: expect.stringContaining('No certificates here.') });
  });
});

openSshLane()('with an ssh-agent', () => {
  const folder = newFolder();
  const socket = join(folder, 'agent.sock');
  let pid = 0;
  beforeAll(async () => {
    const { stdout } = await runCommand('ssh-agent', ['-a', socket]);
    pid = Number(/SSH_AGENT_PID=(\d+)/.exec(stdout)?.[1]);
  });
  afterAll(() => {
    if (pid > 0) process.kill(pid);
  });
  const env = { SSH_AUTH_SOCK: socket };
  const held = async () => (await runCommand('ssh-add', ['-L'], { env: { ...process.env, ...env } })).stdout;

  it('gives it the key with its certificate, and takes them back', async () => {
    const home = newFolder();
    const run = await login(home, env);
    expect(run.stderr).not.toContain('ssh-agent');
    const [first = ''] = (await held()).trim().split('\n');
    expect(first).toMatch(/^ssh-ed25519-cert-v01@openssh\.com /);
    const [files = ''] = folderOf(home);
    expect(readdirSync(files).sort()).toEqual(['id-cert.pub', 'id.pub']);
    expect(readFileSync(join(files, 'id-cert.pub'), 'utf8').split(' ')[1]?.trim()).toBe(first.split(' ')[1]);

    await login(home, env);
    const again = (await held()).trim().split('\n');
    expect(again).toHaveLength(1);
    expect(again[0]?.split(' ')[1]).not.toBe(first.split(' ')[1]);

    await runWeir(['logout'], { home, env });
    expect(await held()).toContain('no identities');
  });
});

describe('weir ssh-keys', () => {
  const home = newFolder();
  beforeAll(() => login(home, {}, ['--no-ssh']));
  const key = join(newFolder(), 'id.pub');
  writeFileSync(key, `${line} laptop\n`);

  it.each([
    ['ls', ['ls'], 'GET /api/v1/ssh/keys', ''],
    ['add', ['add', key], 'POST /api/v1/ssh/keys', JSON.stringify({ publicKey: `${line} laptop` })],
    ['rm', ['rm', 'sshkey_1'], 'DELETE /api/v1/ssh/keys/sshkey_1', ''],
    ['ls of another', ['ls', '--user', 'bob'], 'GET /api/v1/users/bob/ssh-keys', ''],
    [
      'add to another',
      ['add', key, '--user', 'bob', '--label', 'x'],
      'POST /api/v1/users/bob/ssh-keys',
      JSON.stringify({ publicKey: `${line} laptop`, label: 'x' }),
    ],
    ['rm of another', ['rm', 'sshkey_1', '--user', 'bob'], 'DELETE /api/v1/users/bob/ssh-keys/sshkey_1', ''],
  ])('%s', async (_, args, what, body) => {
    expect(await runWeir(['ssh-keys', ...args], { home })).toMatchObject({ status: 0 });
    const asked = gateway.asked.at(-1);
    expect(asked?.what.split('?')[0]).toBe(what);
    expect(asked?.body).toBe(body);
  });

  it('does not send a private key', async () => {
    const path = join(newFolder(), 'id');
    writeFileSync(path, '-----BEGIN OPENSSH PRIVATE KEY-----\n');
    const before = gateway.asked.length;
    const run = await runWeir(['ssh-keys', 'add', path], { home });
    expect(run).toMatchObject({ status: 2, stderr: expect.stringContaining('private key') });
    expect(gateway.asked).toHaveLength(before);
  });
});

describe('weir ssh', () => {
  const home = newFolder();
  beforeAll(() => login(home, {}, ['--no-ssh']));

  it.each([
    [['ca'], `${line} targets\n`],
    [['ca', '--users'], `${line} users\n`],
    [['ca', '--hosts'], `${line}\n`],
    [['host-keys'], `@cert-authority [gate.example]:2222 ${line}\n`],
  ])('%s prints lines for files', async (args, stdout) => {
    expect(await runWeir(['ssh', ...args], { home })).toMatchObject({ status: 0, stdout });
  });

  it('ca rotate names the CA and what to do', async () => {
    const run = await runWeir(['ssh', 'ca', 'rotate', 'targets', '--overlap', '2h'], { home });
    expect(run).toMatchObject({ status: 0, stderr: expect.stringContaining('SHA256:new') });
    expect(gateway.asked.at(-1)?.body).toBe(JSON.stringify({ overlapSeconds: 7200 }));
    expect((await runWeir(['ssh', 'ca', 'rotate', 'nobody'], { home })).status).toBe(2);
  });
});

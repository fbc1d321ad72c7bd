import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSshKey } from '@weir/testkit';
import { openSshLane } from '@weir/testkit/lane';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createWeirCli, type WeirCli } from './fixture/cli.ts';
import { openSshPolicy } from './fixture/ssh-policy.ts';
import { type SshSystem, startSshSystem } from './fixture/ssh-system.ts';

const describe = openSshLane();

describe('connections to SSH hosts', () => {
  let ssh: SshSystem;
  let admin: WeirCli;
  let agent: string;
  let address: string;
  const steps = async (name: string) => {
    const { stdout } = await admin.run(['connections', 'test', name, '--json']);
    return (JSON.parse(stdout) as { steps: { name: string; ok: boolean; detail: string }[] }).steps;
  };

  beforeAll(async () => {
    ssh = await startSshSystem({ policy: openSshPolicy });
    admin = createWeirCli(ssh.system, 'admin', join(ssh.system.dir, 'cli-admin'));
    expect(await admin.login()).toMatchObject({ status: 0 });
    agent = (await (await ssh.system.as('admin')).getConnection('demo-ssh')).value.agent;
    address = `${ssh.host.user}@127.0.0.1:${ssh.host.port}`;
  }, 180_000);
  afterAll(async () => {
    await ssh?.stop();
  });

  it('are refused until an administrator has decided for the host key, then work by certificate', async () => {
    const { stdout: authority } = await admin.run(['ssh', 'ca', '--users']);
    ssh.host.authorize(`cert-authority ${authority.trim().split('\n').at(-1)}`);
    expect(await admin.run(['connections', 'add', 'demo-web', '--ssh', address, '--agent', agent])).toMatchObject({
      status: 0,
    });
    const [tcp, hostKey] = await steps('demo-web');
    expect([tcp, hostKey]).toMatchObject([
      { name: 'tcp', ok: true },
      { name: 'host key', ok: false },
    ]);
    const fingerprint = /SHA256:[A-Za-z0-9+/]{43}/.exec(hostKey?.detail ?? '')?.[0] ?? '';
    const refused = await admin.run(['ssh', 'demo-web', '--', 'true']);
    expect(refused).toMatchObject({ status: 255, stderr: expect.stringContaining(`is not known yet: ${fingerprint}`) });

    const wrong = `SHA256:${'A'.repeat(43)}`;
    expect(await admin.run(['connections', 'pin', 'demo-web', '--fingerprint', wrong])).toMatchObject({ status: 2 });
    expect(await admin.run(['connections', 'pin', 'demo-web'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('Nobody can be asked'),
    });
    expect(await admin.run(['connections', 'pin', 'demo-web', '--fingerprint', fingerprint])).toMatchObject({
      status: 0,
    });
    expect((await steps('demo-web')).map(({ name, ok }) => [name, ok])).toEqual([
      ['tcp', true],
      ['host key', true],
      [`sign-in as ${ssh.host.user}`, true],
      ['channel', true],
    ]);
    expect(await admin.run(['ssh', 'demo-web', '--', 'echo by certificate'])).toMatchObject({
      ...{ status: 0, stdout: 'by certificate\n' },
    });
    expect(ssh.host.log()).toMatch(/ID weir:admin ses_/);
  });

  it('refuse a host whose key has changed, loudly, and tell the audit log', async () => {
    const client = await ssh.system.as('admin');
    const { value: spec, version } = await client.getConnection('demo-web');
    if (spec.target.protocol !== 'ssh') throw new Error('not SSH');
    const hostKeys = [`SHA256:${'A'.repeat(43)}`];
    await client.putConnection({ ...spec, target: { ...spec.target, hostKeys } }, { version });
    const refused = await admin.run(['ssh', 'demo-web', '--', 'true']);
    expect(refused).toMatchObject({ status: 255, stderr: expect.stringContaining('HAS CHANGED') });
    const events = await admin.json<{ action: string; detail: { message: string } }[]>(
      'audit',
      'ls',
      '--action',
      'target-refused',
    );
    expect(events.at(-1)?.detail.message).toContain('HAS CHANGED');
  });

  it('pass a jump host, and take a private key that the gateway keeps', async () => {
    const key = await createSshKey(ssh.files, 'stored-key');
    ssh.host.authorize(key.publicKey);
    const flags = ['--agent', agent, '--auth', 'private-key', '--password-stored', '--jump', address];
    expect(await admin.run(['connections', 'add', 'demo-inner', '--ssh', address, ...flags])).toMatchObject({
      status: 0,
    });
    const fingerprint = /SHA256:[A-Za-z0-9+/]{43}/.exec((await steps('demo-inner')).at(-1)?.detail ?? '')?.[0] ?? '';
    // The host key can be decided about before there is a key to sign in with.
    const missing = await admin.run(['connections', 'pin', 'demo-inner', '--fingerprint', fingerprint]);
    expect(missing).toMatchObject({ status: 0 });
    const client = await ssh.system.as('admin');
    await client.putCredential('demo-inner', { password: readFileSync(key.path, 'utf8') });
    expect(await admin.run(['connections', 'pin', 'demo-inner', '--fingerprint', fingerprint])).toMatchObject({
      status: 0,
    });
    const again = await admin.run(['ssh', 'demo-inner', '--', 'echo inner']);
    expect(again).toMatchObject({ status: 0, stdout: 'inner\n' });
  });
});

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  type CommandResult,
  createSshKey,
  createTemporaryFolder,
  runCommand,
  type SshKey,
  type SshServer,
  signSshKey,
  startSshServer,
} from '../src/index.ts';
import { openSshLane } from '../src/lane.ts';

openSshLane()('the SSH server of tests', () => {
  const folder = createTemporaryFolder('weir-ssh-keys');
  let server: SshServer;
  let [authority, key, stranger]: SshKey[] = [];
  const keyOf = (which: SshKey | undefined): SshKey => which ?? expect.fail('no key');

  const ssh = (which: SshKey | undefined, command: string, more: readonly string[] = []): Promise<CommandResult> =>
    runCommand('ssh', [
      ...['-F', '/dev/null', '-o', 'BatchMode=yes', '-o', `UserKnownHostsFile=${server.knownHosts}`],
      ...['-o', 'IdentitiesOnly=yes', '-o', 'IdentityAgent=none', '-i', keyOf(which).path, ...more],
      ...['-p', String(server.port), `${server.user}@${server.host}`, command],
    ]);

  beforeAll(async () => {
    authority = await createSshKey(folder.path, 'ca');
    key = await createSshKey(folder.path, 'key');
    stranger = await createSshKey(folder.path, 'stranger', 'ecdsa');
    server = await startSshServer({
      authorizedKeys: [key.publicKey],
      trustedUserCAs: [authority.publicKey],
      hostAuthority: authority,
    });
  });
  afterAll(async () => {
    await server?.stop();
    folder.remove();
  });

  it('lets keys in that it knows, and passes exit statuses', async () => {
    expect(await ssh(key, 'echo out; echo err >&2; exit 7')).toMatchObject({
      status: 7,
      stdout: 'out\n',
      stderr: 'err\n',
    });
    expect((await ssh(stranger, 'true')).status).toBe(255);
    server.authorize(keyOf(stranger).publicKey);
    expect((await ssh(stranger, 'true')).status).toBe(0);
    expect(server.log()).toContain('Accepted publickey');
  });

  it('lets certificates in, and has one of its own', async () => {
    const other = await createSshKey(folder.path, 'certified');
    const { path } = await signSshKey(keyOf(authority), other.publicKey, { principals: [server.user] });
    const more = ['-o', `CertificateFile=${path}`, '-o', 'HostKeyAlgorithms=ssh-ed25519-cert-v01@openssh.com'];
    expect(await ssh(other, 'true', more)).toMatchObject({ status: 0 });
    const wrong = await signSshKey(keyOf(authority), other.publicKey, { principals: ['somebody'] });
    expect((await ssh(other, 'true', ['-o', `CertificateFile=${wrong.path}`])).status).toBe(255);
  });

  it('takes other CAs from one moment to the next', async () => {
    const late = await createSshKey(folder.path, 'late-ca');
    const other = await createSshKey(folder.path, 'late');
    const { path } = await signSshKey(late, other.publicKey, { principals: [server.user] });
    expect((await ssh(other, 'true', ['-o', `CertificateFile=${path}`])).status).toBe(255);
    server.trust([keyOf(authority).publicKey, late.publicKey]);
    expect((await ssh(other, 'true', ['-o', `CertificateFile=${path}`])).status).toBe(0);
  });

  it('drops connections, dies and comes back under the same key', async () => {
    const begun = join(folder.path, 'begun');
    const dropped = ssh(key, `touch ${begun}; sleep 30`);
    while (!existsSync(begun)) await new Promise((resolve) => setTimeout(resolve, 20));
    server.dropConnections();
    expect((await dropped).status).toBe(255);
    await server.kill();
    expect((await ssh(key, 'true')).status).toBe(255);
    await server.start();
    expect((await ssh(key, 'true')).status).toBe(0);
  });
});

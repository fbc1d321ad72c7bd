import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CommandResult, createSshKey, createTemporaryFolder, runCommand, signSshKey } from '@weir/testkit';
import { openSshLane } from '@weir/testkit/lane';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWeirCli, type WeirCli } from './fixture/cli.ts';
import { type SshSystem, startSshSystem } from './fixture/ssh-system.ts';
import { passwords } from './fixture/system.ts';
import { waitFor } from './fixture/wait.ts';

openSshLane()('signing in at the SSH listener with OpenSSH', () => {
  const folder = createTemporaryFolder('weir-ssh-sign-in');
  const socket = join(folder.path, 'agent.sock');
  const at = (name: string) => join(folder.path, name);
  let world: SshSystem;
  let agent = 0;
  let cli: WeirCli;
  beforeAll(async () => {
    world = await startSshSystem();
    const { stdout } = await runCommand('ssh-agent', ['-a', socket]);
    agent = Number(/SSH_AGENT_PID=(\d+)/.exec(stdout)?.[1]);
    cli = createWeirCli(world.system, 'alice', at('alice'), { SSH_AUTH_SOCK: socket });
    const { knownHosts } = await (await world.system.as('admin')).sshTrust();
    const isAuthority = (line: string) => line.startsWith('@cert-authority');
    writeFileSync(at('known-authority'), `${knownHosts.filter(isAuthority).join('\n')}\n`);
    writeFileSync(at('known-keys'), `${knownHosts.filter((line) => !isAuthority(line)).join('\n')}\n`);
  });
  afterAll(async () => {
    if (agent > 0) process.kill(agent);
    await world?.stop();
    folder.remove();
  });

  const options = (more: readonly string[], known = 'known-authority') => [
    ...['-F', '/dev/null', '-p', String(world.system.ssh.port), '-o', 'StrictHostKeyChecking=yes'],
    ...['-o', `UserKnownHostsFile=${at(known)}`, '-o', 'GlobalKnownHostsFile=/dev/null', ...more],
  ];
  const env = (more: Readonly<Record<string, string>> = {}) => ({ ...process.env, SSH_AUTH_SOCK: undefined, ...more });
  const byAgent = (user = 'alice', known?: string, more: string[] = []): Promise<CommandResult> => {
    const args = [...options(['-o', 'BatchMode=yes', ...more], known), `${user}+demo-ssh@127.0.0.1`, 'echo hello'];
    return runCommand('ssh', args, { env: env({ SSH_AUTH_SOCK: socket }) });
  };
  const byFile = (key: string, certificate: string | undefined, user = 'alice'): Promise<CommandResult> => {
    const shown = certificate === undefined ? [] : ['-o', `CertificateFile=${certificate}`];
    const only = ['-o', 'BatchMode=yes', '-o', 'IdentitiesOnly=yes', '-o', 'IdentityAgent=none', '-i', key, ...shown];
    return runCommand('ssh', [...options(only), `${user}+demo-ssh@127.0.0.1`, 'echo hello'], { env: env() });
  };
  const refused = { status: 255, stdout: '' };

  describe('with the certificate that weir login puts into the ssh-agent', () => {
    it('a client that knows the CA for hosts alone is let in', async () => {
      expect(await cli.login()).toMatchObject({ status: 0 });
      expect(await byAgent()).toMatchObject({ status: 0, stdout: 'hello\n' });
      const shown = await byAgent('alice', 'known-authority', ['-v']);
      expect(shown.stderr).toMatch(/Server host certificate: ssh-ed25519-cert-v01@openssh\.com .*ID "weir gateway"/);
    });

    it.each(['ssh-ed25519', 'ecdsa-sha2-nistp256'])('and one that knows the host key %s', async (algorithm) => {
      const more = ['-o', `HostKeyAlgorithms=${algorithm}`];
      expect(await byAgent('alice', 'known-keys', more)).toMatchObject({ status: 0, stdout: 'hello\n' });
    });

    it('a client that knows another CA goes away', async () => {
      const other = await createSshKey(folder.path, 'other-ca');
      writeFileSync(at('known-other'), `@cert-authority * ${other.publicKey}\n`);
      const run = await byAgent('alice', 'known-other');
      expect(run).toMatchObject(refused);
      expect(run.stderr).toContain('Host key verification failed');
    });

    it.each(['bob', 'admin', 'nobody', 'Alice'])('nobody is let in as %s', async (user) => {
      const run = await byAgent(user);
      expect(run).toMatchObject(refused);
      expect(run.stderr).toContain('Permission denied (publickey,keyboard-interactive)');
    });
  });

  describe('with key and certificate in files', () => {
    const key = () => at('stolen');
    const certificate = () => at('stolen-cert.pub');
    let thief: WeirCli;
    beforeAll(async () => {
      thief = createWeirCli(world.system, 'alice', at('alice-without-agent'));
      await thief.login();
      const [name = ''] = readdirSync(join(thief.home, 'ssh'));
      const from = join(thief.home, 'ssh', name);
      copyFileSync(join(from, 'id'), key());
      copyFileSync(join(from, 'id-cert.pub'), certificate());
    });

    it('they let their owner in', async () => {
      expect(await byFile(key(), certificate())).toMatchObject({ status: 0, stdout: 'hello\n' });
    });

    it('the key alone does not', async () => {
      copyFileSync(key(), at('alone'));
      expect(await byFile(at('alone'), undefined)).toMatchObject(refused);
    });

    it('a certificate for it of another CA does not', async () => {
      const own = await createSshKey(folder.path, 'own-key');
      const authority = await createSshKey(folder.path, 'own-ca');
      const { path } = await signSshKey(authority, own.publicKey, { principals: ['alice'] });
      expect(await byFile(own.path, path)).toMatchObject(refused);
    });

    it('a certificate that was changed does not', async () => {
      const [type = '', text = ''] = readFileSync(certificate(), 'utf8').split(' ');
      const blob = Buffer.from(text, 'base64');
      const place = blob.indexOf('alice');
      // The key id and the principal: the name of somebody else.
      for (let found = place; found >= 0; found = blob.indexOf('alice', found + 1)) blob.write('bobby', found);
      writeFileSync(at('changed-cert.pub'), `${type} ${blob.toString('base64')}\n`);
      expect(await byFile(key(), at('changed-cert.pub'), 'bobby')).toMatchObject(refused);
    });

    it('stolen, they let nobody in after weir logout, and what runs ends', async () => {
      const args = [...options(['-o', 'BatchMode=yes', '-o', 'IdentitiesOnly=yes', '-o', 'IdentityAgent=none'])];
      const shown = ['-i', key(), '-o', `CertificateFile=${certificate()}`, 'alice+demo-ssh@127.0.0.1'];
      const running = spawn('ssh', [...args, ...shown, 'echo begun; sleep 60'], { env: env() });
      const ended = new Promise<number | null>((resolve) => running.once('close', resolve));
      await said(running, /begun/);
      expect(await thief.run(['logout'])).toMatchObject({ status: 0 });
      expect(await ended).not.toBe(0);
      expect(await byFile(key(), certificate())).toMatchObject(refused);
      const [event] = (
        await (await world.system.as('admin')).listAuditEvents({ action: 'login-failed', limit: 1000 })
      ).slice(-1);
      expect(event?.detail).toMatchObject({ by: ['ssh-certificate'], why: 'The sign-in was ended.' });
    });
  });

  it('with a registered key, until it is removed', async () => {
    const alice = await world.system.as('alice');
    const key = await createSshKey(folder.path, 'registered');
    expect(await byFile(key.path, undefined)).toMatchObject(refused);
    const { id } = await alice.addSshKey({ publicKey: key.publicKey });
    expect(await byFile(key.path, undefined)).toMatchObject({ status: 0, stdout: 'hello\n' });
    expect(await byFile(key.path, undefined, 'bob')).toMatchObject(refused);
    await alice.removeSshKey(id);
    expect(await byFile(key.path, undefined)).toMatchObject(refused);
  });

  describe('with a page in the browser', () => {
    const start = async () => {
      const only = ['-o', 'PreferredAuthentications=keyboard-interactive', '-o', 'IdentityAgent=none'];
      const args = [...options(only), 'alice+demo-ssh@127.0.0.1', 'echo hello'];
      const child = spawn('ssh', args, { env: env(), stdio: ['ignore', 'pipe', 'pipe'] });
      const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
      const text = await said(child, /code [A-Z0-9]{4}-[A-Z0-9]{4}/, 'stderr');
      const link = /http:\/\/\S+\/ssh\/sign-in\/[\w-]+/.exec(text)?.[0] ?? '';
      const code = /code (\S+)/.exec(text)?.[1] ?? '';
      return { child, ended, link, code };
    };

    it('a client that is confirmed goes on', async () => {
      const { child, ended, link, code } = await start();
      const hello = said(child, /hello/);
      const page = await open(link);
      expect(page.text).toContain(code);
      await page.decide('confirm');
      expect(await hello).toBe('hello\n');
      expect(await ended).toBe(0);
    });

    it('one that is denied is told so', async () => {
      const { child, ended, link } = await start();
      const told = said(child, /denied in the browser/, 'stderr');
      await (await open(link)).decide('deny');
      await told;
      expect(await ended).toBe(255);
    });
  });

  /** A browser without scripts in which alice signs in on the way to the page. */
  async function open(link: string): Promise<{ text: string; decide(decision: string): Promise<string> }> {
    const cookies = new Map<string, string>();
    const go = async (url: string, fields?: Record<string, string>): Promise<{ url: string; text: string }> => {
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const response = await fetch(url, {
        ...(fields === undefined ? {} : { method: 'POST', body: new URLSearchParams(fields) }),
        ...{ redirect: 'manual', headers: { accept: 'text/html', cookie } },
      });
      for (const line of response.headers.getSetCookie()) {
        const [name = '', value = ''] = (line.split(';', 1)[0] ?? '').split('=', 2);
        cookies.set(name, value);
      }
      const next = response.headers.get('location');
      if (next !== null) return go(new URL(next, url).href);
      return { url, text: await response.text() };
    };
    const csrfOf = (text: string) => /name="csrf" value="([^"]*)"/.exec(text)?.[1] ?? '';
    const signIn = await go(link);
    const page = await go(signIn.url, { csrf: csrfOf(signIn.text), user: 'alice', password: passwords.alice });
    return {
      text: page.text,
      decide: async (decision) => (await go(link, { csrf: csrfOf(page.text), decision })).text,
    };
  }
});

/** What a program has said until it said this. */
async function said(child: ChildProcess, what: RegExp, stream: 'stdout' | 'stderr' = 'stdout'): Promise<string> {
  let text = '';
  child[stream]?.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
  });
  return waitFor(`${what}`, () => {
    if (what.test(text)) return text;
    if (child.exitCode !== null) throw new Error(`the program ended with ${child.exitCode}: ${text}`);
    return undefined;
  });
}

import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { SshTarget } from '@weir/proto';
import { fingerprintOf, formatKeyLine, parseKeyLine, publicKeyOf } from '@weir/ssh-certificate';
import {
  createSshKey,
  createTemporaryFolder,
  type SshKey,
  type SshServer,
  signSshKey,
  startSshServer,
} from '@weir/testkit';
import { openSshLane } from '@weir/testkit/lane';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { dialSsh, type SshDialOptions } from '../src/targets/ssh.ts';

const folder = createTemporaryFolder('weir-dial-ssh');
const agentKey = generateKeyPairSync('ed25519').privateKey;
const agentLine = formatKeyLine('ssh-ed25519', publicKeyOf(agentKey).blob);

openSshLane()('dialling an SSH host', () => {
  let authority: SshKey;
  let hostAuthority: SshKey;
  let server: SshServer;
  const blobOf = (line: string) => line.split(' ')[1] ?? '';
  const fingerprint = () => fingerprintOf(parseKeyLine(server.hostKey).key);

  beforeAll(async () => {
    authority = await createSshKey(folder.path, 'user_ca');
    hostAuthority = await createSshKey(folder.path, 'host_ca');
    server = await startSshServer({ trustedUserCAs: [authority.publicKey], hostAuthority });
  });
  afterAll(async () => {
    await server?.stop();
    folder.remove();
  });

  const target = (change: Partial<SshTarget> = {}): SshTarget => ({
    ...{ protocol: 'ssh', host: server.host, port: server.port, user: server.user, auth: 'private-key' },
    ...{ secret: { from: 'none' }, hostKeys: [fingerprint()], jumps: [], keepaliveSeconds: 30 },
    ...change,
  });
  const dial = async (to: SshTarget, change: Partial<SshDialOptions> = {}) => {
    const steps: string[] = [];
    const dialled = await dialSsh(to, {
      ...{ secret: async () => null, sshKey: agentKey, timeoutMs: 5000, now: Date.now },
      onStep: ({ name, ok }) => void steps.push(`${name}: ${ok ? 'ok' : 'failed'}`),
      ...change,
    }).catch((error: Error) => Object.assign(error, { steps }));
    if (dialled instanceof Error) throw dialled;
    dialled.close();
    return { ...dialled, steps };
  };
  const certificate = async (principals: readonly string[], validity = '-1m:+5m', by = authority) => ({
    auth: 'certificate' as const,
    certificates: { [server.user]: blobOf((await signSshKey(by, agentLine, { principals, validity })).line) },
  });

  it('signs in by a certificate for the key of the agent', async () => {
    const { hostKey, serverVersion, steps } = await dial(target(await certificate([server.user])));
    expect(hostKey).toBe(fingerprint());
    expect(serverVersion).toMatch(/^OpenSSH_/);
    expect(steps).toEqual(['tcp: ok', 'host key: ok', `sign-in as ${server.user}: ok`]);
  });

  it.each<[string, () => Promise<Partial<SshTarget>>]>([
    ['for somebody else', () => certificate(['somebody'])],
    ['that has expired', () => certificate([server.user], '-2h:-1h')],
    ['of another authority', () => certificate([server.user], undefined, hostAuthority)],
    ['that is missing', async () => ({ auth: 'certificate', certificates: {} })],
  ])('is refused with a certificate %s', async (_what, change) => {
    const error = await dial(target(await change())).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: 'target_unavailable' });
    expect((error as { steps: string[] }).steps.at(-1)).toBe(`sign-in as ${server.user}: failed`);
  });

  it.each<[string, string, () => Promise<string>]>([
    ['ed25519 in the format of OpenSSH', 'ed25519', async () => ''],
    ['ecdsa in the format of OpenSSH', 'ecdsa', async () => ''],
    ['RSA in the format of OpenSSH', 'rsa', async () => ''],
    ['ed25519 as PKCS #8', 'ed25519', async () => 'pkcs8'],
    ['RSA as PKCS #1', 'rsa', async () => 'pkcs1'],
  ])('signs in by a private key: %s', async (_what, type, format) => {
    const key = await createSshKey(folder.path, `key-${crypto.randomUUID()}`, type);
    server.authorize(key.publicKey);
    const text = readFileSync(key.path, 'utf8');
    const wanted = await format();
    const { readPrivateKey } = await import('../src/targets/ssh-private-key.ts');
    const secret =
      wanted === ''
        ? text
        : createPrivateKey(readPrivateKey(text).export({ type: 'pkcs8', format: 'pem' }))
            .export({ type: wanted as 'pkcs8', format: 'pem' })
            .toString();
    await dial(target(), { secret: async () => secret });
  });

  it('asks for no secret of a host that shows another key', async () => {
    let isAsked = false;
    const secret = async () => {
      isAsked = true;
      return null;
    };
    const other = `SHA256:${'A'.repeat(43)}`;
    const error = await dial(target({ hostKeys: [other] }), { secret }).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: 'target_unavailable', message: expect.stringContaining('HAS CHANGED') });
    expect(error).toMatchObject({
      steps: ['tcp: ok', 'host key: failed'],
      fix: expect.stringContaining(fingerprint()),
    });
    expect(isAsked).toBe(false);
  });

  it('refuses a host that nobody has pinned, with its fingerprint and the command that pins it', async () => {
    await expect(dial(target({ hostKeys: [] }))).rejects.toMatchObject({
      message: expect.stringContaining(`is not known yet: ${fingerprint()}`),
      fix: expect.stringContaining(`weir connections pin NAME --fingerprint ${fingerprint()}`),
    });
  });

  it('takes a host certificate of a pinned authority', async () => {
    const pin = `@cert-authority ${hostAuthority.publicKey.split(' ').slice(0, 2).join(' ')}`;
    await dial(target({ hostKeys: [pin], ...(await certificate([server.user])) }));
    const wrong = `@cert-authority ${authority.publicKey.split(' ').slice(0, 2).join(' ')}`;
    await expect(dial(target({ hostKeys: [wrong] }))).rejects.toMatchObject({
      message: expect.stringContaining('its authority is not trusted'),
    });
  });

  it('passes jump hosts, each one pinned', async () => {
    const { host, port, user } = target();
    const jump = { host, port, user, hostKeys: [fingerprint()] };
    const { steps } = await dial(target({ jumps: [jump, jump], ...(await certificate([user])) }));
    expect(steps.filter((step) => step.startsWith('host key'))).toHaveLength(3);
    const unknown = { ...jump, hostKeys: [] };
    await expect(dial(target({ jumps: [jump, unknown], ...(await certificate([user])) }))).rejects.toMatchObject({
      message: expect.stringContaining('is not known yet'),
    });
  });
});

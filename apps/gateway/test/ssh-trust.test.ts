import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SshTarget } from '@weir/proto';
import {
  checkCertificate,
  fingerprintOf,
  formatKeyLine,
  formatPrivateKey,
  parseCertificate,
  parseKeyLine,
  parseKnownHost,
  publicKeyOf,
  type SshPublicKey,
} from '@weir/ssh-certificate';
import { createTemporaryFolder, runCommand, startSshServer } from '@weir/testkit';
import { openSshLane } from '@weir/testkit/lane';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { failure, startTestGateway, type TestGateway } from './fixture/test-gateway.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(() => gateway.close());

interface Row {
  readonly purpose: string;
  readonly public_key: string;
  readonly content: Buffer | null;
}
const rows = async () =>
  (await sql<Row>`SELECT * FROM ssh_authorities ORDER BY created_at, id`.execute(gateway.gateway.store.db)).rows;
const keysOf = async (purpose: string): Promise<SshPublicKey[]> =>
  (await rows()).filter((row) => row.purpose === purpose).map((row) => parseKeyLine(row.public_key).key);

const target: SshTarget = {
  protocol: 'ssh',
  host: 'web-1',
  port: 22,
  user: 'deploy',
  hostKeys: ['SHA256:x'],
  auth: 'certificate',
  secret: { from: 'none' },
  jumps: [{ host: 'bastion', port: 22, user: 'jump', hostKeys: ['SHA256:y'] }],
  keepaliveSeconds: 0,
};
const agentKey = publicKeyOf(generateKeyPairSync('ed25519').publicKey);
const seal = (changes: Partial<SshTarget> = {}, sshKey: Uint8Array | undefined = agentKey.blob, use = 'test') =>
  gateway.dataPlane.controlPlane.sealTarget(
    { name: 'web', agent: 'local' },
    { ...target, ...changes },
    { name: 'local', sealingKey: undefined, sshKey },
    use,
  );

describe('the SSH keys of the gateway', () => {
  test('are there from the first start: a CA for each purpose and two host keys', async () => {
    const found = (await rows()).map(({ purpose, public_key: line }) => `${purpose} ${line.split(' ')[0]}`).sort();
    expect(found).toEqual([
      'hosts ssh-ed25519',
      'listener ecdsa-sha2-nistp256',
      'listener ssh-ed25519',
      'targets ssh-ed25519',
      'users ssh-ed25519',
    ]);
  });

  test('stay the same after a restart', async () => {
    const before = await rows();
    await gateway.restart();
    expect(await rows()).toEqual(before);
  });

  test('serve no other purpose than theirs, whoever writes to the store', async () => {
    const { db } = gateway.gateway.store;
    await sql`UPDATE ssh_authorities SET purpose = 'users' WHERE purpose = 'hosts'`.execute(db);
    await expect(gateway.restart()).rejects.toMatchObject({ code: 'evidence_broken' });
    // Nothing answers now: the store goes with the gateway, so this is the last test of it.
  });
});

describe('certificates for targets', () => {
  beforeAll(async () => {
    await gateway.close();
    gateway = await startTestGateway();
  });

  test('are issued for the users on the way, for minutes, by the CA for targets alone', async () => {
    const { certificates = {} } = await seal();
    expect(Object.keys(certificates).sort()).toEqual(['deploy', 'jump']);
    const certificate = parseCertificate(Buffer.from(certificates['deploy'] ?? '', 'base64'));
    expect(certificate).toMatchObject({ keyId: 'weir:gateway test', principals: ['deploy', 'weir:web'], kind: 'user' });
    expect(certificate.key.blob).toEqual(agentKey.blob);
    expect(Number(certificate.validBefore) * 1000 - gateway.now()).toBeLessThanOrEqual(300_000);
    const expected = { kind: 'user', nowMs: gateway.now(), principal: 'deploy', address: '10.0.0.1' } as const;
    expect(checkCertificate(certificate, { ...expected, authorities: await keysOf('targets') }).isValid).toBe(true);
    for (const other of ['users', 'hosts', 'listener']) {
      expect(checkCertificate(certificate, { ...expected, authorities: await keysOf(other) }).isValid).toBe(false);
    }
  });

  test('are not given to targets that take a key or a password', async () => {
    expect(await seal({ auth: 'private-key', secret: { from: 'env', name: 'X' } })).not.toHaveProperty('certificates');
  });

  test.each([
    ['told no key', undefined],
    ['told nonsense', Buffer.from('nonsense')],
  ])('are not given to an agent that %s', async (_, sshKey) => {
    const refused = gateway.dataPlane.controlPlane.sealTarget(
      { name: 'web', agent: 'local' },
      target,
      { name: 'local', sealingKey: undefined, sshKey },
      'test',
    );
    await expect(refused).rejects.toMatchObject({ code: 'agent_unavailable' });
  });

  test.each(['', 'a b', 'a,b', 'a\nb'])('are not given for the user %j', async (user) => {
    await expect(seal({ user })).rejects.toMatchObject({ code: 'invalid_request' });
  });
});

describe('what clients and hosts have to know', () => {
  test('is told to everybody: CAs, host keys and lines for known_hosts', async () => {
    const trust = await gateway.anonymous().sshTrust();
    const shown = Object.fromEntries(
      await Promise.all(
        (['users', 'targets', 'hosts', 'listener'] as const).map(async (purpose) => [
          purpose,
          (await rows()).filter((row) => row.purpose === purpose).map((row) => row.public_key),
        ]),
      ),
    );
    expect(trust).toMatchObject({
      listener: { host: '127.0.0.1', port: 7022 },
      hostKeys: shown['listener'],
      hostAuthorities: shown['hosts'],
      targetAuthorities: shown['targets'],
      userAuthorities: shown['users'],
    });
    const lines = trust.knownHosts.map((line) => parseKnownHost(line));
    expect(lines.map((line) => line?.marker)).toEqual(['cert-authority', undefined, undefined]);
    expect(lines.every((line) => line?.hosts.includes('[127.0.0.1]:7022'))).toBe(true);
  });

  test('is what the listener shows: stable keys with certificates for its names', async () => {
    const keys = gateway.dataPlane.sshAuthenticator.hostKeys();
    expect(keys.map(({ privateKey }) => privateKey.split('\n')[0])).toEqual([
      '-----BEGIN OPENSSH PRIVATE KEY-----',
      '-----BEGIN EC PRIVATE KEY-----',
    ]);
    const authorities = await keysOf('hosts');
    const own = (await keysOf('listener')).map(fingerprintOf);
    for (const [index, { certificate = Buffer.alloc(0) }] of keys.entries()) {
      const read = parseCertificate(certificate);
      expect(fingerprintOf(read.key)).toBe(own[index]);
      for (const principal of ['localhost', '127.0.0.1']) {
        const expected = { kind: 'host', nowMs: gateway.now(), principal, address: undefined, authorities } as const;
        expect(checkCertificate(read, expected)).toMatchObject({ isValid: true });
      }
    }
    expect(gateway.dataPlane.sshAuthenticator.hostKeys()).toBe(keys);
  });

  test('has certificates that are renewed before they end', () => {
    const before = gateway.dataPlane.sshAuthenticator.hostKeys();
    gateway.advance(11 * 86_400_000);
    gateway.forget('admin');
    const after = gateway.dataPlane.sshAuthenticator.hostKeys();
    expect(after.map(({ privateKey }) => privateKey)).toEqual(before.map(({ privateKey }) => privateKey));
    const endOf = (keys: typeof after) => parseCertificate(keys[0]?.certificate ?? Buffer.alloc(0)).validBefore;
    expect(endOf(after)).toBeGreaterThan(endOf(before));
  });
});

test('the names of the listener are those by which it is reached', async () => {
  const named = await startTestGateway((config) => ({
    ...config,
    publicHost: ['gate.example', '192.0.2.4'],
    ssh: { host: '0.0.0.0', port: 2222 },
    identity: { ...config.identity, issuer: 'https://weir.example:8443' },
  }));
  const [key] = named.dataPlane.sshAuthenticator.hostKeys();
  const { principals } = parseCertificate(key?.certificate ?? Buffer.alloc(0));
  await named.close();
  expect(principals).toEqual(['localhost', '127.0.0.1', '::1', 'gate.example', '192.0.2.4', 'weir.example']);
});

describe('a CA that is replaced', () => {
  const signerOf = async (): Promise<string> => {
    const { certificates = {} } = await seal();
    return fingerprintOf(parseCertificate(Buffer.from(certificates['deploy'] ?? '', 'base64')).authority);
  };
  const hostSigner = (): string =>
    fingerprintOf(
      parseCertificate(gateway.dataPlane.sshAuthenticator.hostKeys()[0]?.certificate ?? Buffer.alloc(0)).authority,
    );
  const userSigner = async (): Promise<string> => {
    const { publicKey } = generateKeyPairSync('ed25519');
    const { type, blob } = publicKeyOf(publicKey);
    const { certificate } = await (await gateway.as('admin')).issueSshCertificate({
      publicKey: formatKeyLine(type, blob),
    });
    return fingerprintOf(parseKeyLine(certificate).certificate?.authority ?? { blob: Buffer.alloc(0) });
  };
  const idOf = async (purpose: string, state: string) =>
    (await (await gateway.as('admin')).listSshAuthorities()).find(
      (one) => one.purpose === purpose && one.state === state,
    )?.id;

  test.each([
    ['targets', 'old', signerOf],
    ['hosts', 'old', async () => hostSigner()],
    ['users', 'new', userSigner],
  ] as const)('%s: the %s one signs while both are trusted', async (purpose, which, signer) => {
    const admin = await gateway.as('admin');
    const before = await signer();
    const made = await admin.rotateSshAuthority(purpose, { overlapSeconds: 60 });
    expect(made).toMatchObject({ purpose, state: 'current', createdBy: 'admin' });
    expect(await idOf(purpose, 'leaving')).toBe(before);
    expect(await signer()).toBe(which === 'old' ? before : made.id);
    const trust = await gateway.anonymous().sshTrust();
    const known = { users: trust.userAuthorities, targets: trust.targetAuthorities, hosts: trust.hostAuthorities };
    expect(known[purpose].map((line) => fingerprintOf(parseKeyLine(line).key))).toEqual([made.id, before]);
    expect((await failure(admin.rotateSshAuthority(purpose))).code).toBe('conflict');

    await gateway.restart();
    gateway.forget('admin');
    expect(await signer()).toBe(which === 'old' ? before : made.id);
    gateway.advance(61_000);
    await gateway.restart();
    gateway.forget('admin');
    expect(await signer()).toBe(made.id);
    expect(await idOf(purpose, 'leaving')).toBeUndefined();
    const dropped = (await rows()).find((row) => row.public_key.length > 0 && row.content === null);
    expect(dropped).toBeDefined();
  });
});

openSshLane()('a host that trusts the CA for targets', () => {
  const folder = createTemporaryFolder('weir-target');
  const at = (name: string) => join(folder.path, name);
  beforeAll(async () => {
    // With the real clock, which sshd has, too.
    await gateway.close();
    gateway = await startTestGateway();
  });
  afterAll(() => folder.remove());

  test.each([
    ['without more settings', null, true],
    ['that takes its own connection alone', 'weir:web', true],
    ['that takes another connection alone', 'weir:other', false],
  ])('lets the agent in %s: %s, %s', async (_, principal, isLetIn) => {
    writeFileSync(at('principals'), `${principal}\n`);
    const host = await startSshServer({
      trustedUserCAs: (await gateway.anonymous().sshTrust()).targetAuthorities,
      settings: principal === null ? [] : [`AuthorizedPrincipalsFile ${at('principals')}`],
    });
    try {
      const { privateKey, publicKey } = generateKeyPairSync('ed25519');
      const { certificates = {} } = await seal({ user: host.user, jumps: [] }, publicKeyOf(publicKey).blob);
      writeFileSync(at('id'), formatPrivateKey(privateKey), { mode: 0o600 });
      writeFileSync(at('id-cert.pub'), `ssh-ed25519-cert-v01@openssh.com ${certificates[host.user]}\n`);
      const own = [
        '-F',
        '/dev/null',
        '-i',
        at('id'),
        '-p',
        String(host.port),
        '-o',
        'BatchMode=yes',
        '-o',
        'IdentityAgent=none',
      ];
      const known = ['-o', `UserKnownHostsFile=${host.knownHosts}`, `${host.user}@127.0.0.1`, 'echo in'];
      const run = await runCommand('ssh', [...own, ...known]);
      expect(run).toMatchObject(isLetIn ? { status: 0, stdout: 'in\n' } : { status: 255, stdout: '' });
      if (isLetIn) expect(host.log()).toContain('ID weir:gateway test');
    } finally {
      await host.stop();
    }
  });
});

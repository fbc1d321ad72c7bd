import { generateKeyPairSync } from 'node:crypto';
import type { SshTarget } from '@weir/proto';
import {
  checkCertificate,
  parseCertificate,
  parseKeyLine,
  publicKeyOf,
  type SshPublicKey,
} from '@weir/ssh-certificate';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestGateway, type TestGateway } from './fixture/test-gateway.ts';

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
    expect(certificate).toMatchObject({ keyId: 'weir:gateway test', principals: ['deploy'], kind: 'user' });
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

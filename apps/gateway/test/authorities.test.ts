import 'reflect-metadata';
import { randomBytes, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { tryJoinToken } from '@weir/proto';
import { createTemporaryFolder } from '@weir/testkit';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAuthorityVault, type VaultParts } from '../src/agents/authority-vault.ts';
import { createCertificateAuthority } from '../src/agents/certificate-authority.ts';
import type { AuditLog } from '../src/audit/audit-log.ts';
import { createLocalKeyProvider } from '../src/credentials/key-provider.ts';
import type { AuthorityRepository, AuthorityRow } from '../src/store/authorities.ts';
import { failure, startTestGateway, type TestGateway } from './fixture/test-gateway.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(() => gateway.close());

const admin = () => gateway.as('admin');
const plane = () => gateway.dataPlane.controlPlane;
const caFile = () => readFileSync(gateway.gateway.addresses.caFile, 'utf8');
const keyFile = () => join(gateway.config.stateDir, 'ca', 'ca.key');
const pinsIn = (pem: string) =>
  (pem.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g) ?? []).map((text) =>
    new X509Certificate(text).fingerprint256.replaceAll(':', '').toLowerCase(),
  );
const audit = async (action: string) => (await admin()).listAuditEvents({ action, limit: 1000 });
const dump = async () =>
  JSON.stringify((await sql`SELECT * FROM authorities ORDER BY created_at`.execute(gateway.gateway.store.db)).rows);

const p256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
async function requestOf(): Promise<Buffer> {
  const keys = await crypto.subtle.generateKey(p256, true, ['sign', 'verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ name: 'CN=x', keys, signingAlgorithm: p256 });
  return Buffer.from(request.rawData);
}
async function enrolled(agent: string) {
  const { token } = await (await admin()).createJoinToken({ agent });
  const request = { joinToken: token, certificateRequest: await requestOf(), agentVersion: '0.1.0' };
  const { agentId, certificate, ca } = await plane().enrol(request, '192.0.2.7:1');
  return { agentId, ca, serial: new X509Certificate(certificate).serialNumber, certificate };
}
const issuedBy = (leaf: string, ca: string) => {
  const authority = new X509Certificate(ca);
  return new X509Certificate(leaf).checkIssued(authority) && new X509Certificate(leaf).verify(authority.publicKey);
};
const until = async (isSo: () => Promise<boolean>) => {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 50));
};

describe('the key of the CA', () => {
  test('is in no file, and in the store under the key-encryption key alone', async () => {
    expect(existsSync(keyFile())).toBe(false);
    const { rows } = await sql<{ content: Buffer; certificate: string }>`SELECT * FROM authorities`.execute(
      gateway.gateway.store.db,
    );
    expect(rows).toHaveLength(1);
    // What every P-256 key in PKCS#8 holds: the name of its algorithm.
    expect(rows[0]?.content.includes(Buffer.from('06072a8648ce3d0201', 'hex'))).toBe(false);
    expect(pinsIn(rows[0]?.certificate ?? '')).toEqual(pinsIn(caFile()));
    const before = caFile();
    await gateway.restart();
    expect(caFile()).toBe(before);
    expect(await audit('ca-created')).toHaveLength(1);
  });

  test('is taken over from the file of earlier versions, which goes', async () => {
    const { authority, key } = await createCertificateAuthority(Date.now());
    const folder = createTemporaryFolder('weir-ca');
    const ca = join(folder.path, 'ca');
    mkdirSync(ca);
    const pem = key.toString('base64').replaceAll(/.{64}/g, '$&\n');
    writeFileSync(join(ca, 'ca.key'), `-----BEGIN PRIVATE KEY-----\n${pem}\n-----END PRIVATE KEY-----\n`);
    writeFileSync(join(ca, 'ca.crt'), authority.certificate);
    const stored = storedAuthorities();
    const keys = createLocalKeyProvider(randomBytes(32));
    const [loaded] = await vaultOf(stored, { keys, stateDir: folder.path }).load();
    expect(existsSync(join(ca, 'ca.key'))).toBe(false);
    const { certificate } =
      (await loaded?.signAgent(
        { agentId: 'agt_1', pool: 'edge', renewal: 0, serves: [] },
        await requestOf(),
        Date.now(),
        300,
      )) ?? {};
    expect(issuedBy(certificate ?? '', authority.certificate)).toBe(true);
    const [again] = await vaultOf(stored, { keys, stateDir: folder.path }).load();
    expect(again?.pin).toBe(authority.pin);
    folder.remove();
  });

  test('is not made anew when the certificate of the file is missing', async () => {
    const folder = createTemporaryFolder('weir-ca');
    mkdirSync(join(folder.path, 'ca'));
    writeFileSync(join(folder.path, 'ca', 'ca.key'), 'x');
    const error = await failure(vaultOf(storedAuthorities(), { stateDir: folder.path }).load());
    expect(error.why).toContain('ca.crt is missing');
    folder.remove();
  });

  test('follows a new key-encryption key, and is lost without the old one', async () => {
    const [first, second] = [randomBytes(32), randomBytes(32)];
    const stored = storedAuthorities();
    const pinWith = async (...[current, ...previous]: [Buffer, ...Buffer[]]) =>
      (await vaultOf(stored, { keys: createLocalKeyProvider(current, previous) }).load()).map(({ pin }) => pin);
    const pins = await pinWith(first);
    expect((await failure(pinWith(second))).fix).toContain('keys.previous');
    expect(await pinWith(second, first)).toEqual(pins);
    expect(await pinWith(second)).toEqual(pins);
  });

  test.each<[string, (row: AuthorityRow, pem: string) => void]>([
    ['another certificate beside it', (row, pem) => Object.assign(row, { certificate: pem })],
    [
      'another certificate beside it, named as it is named',
      (row, pem) => Object.assign(row, { certificate: pem, id: pinsIn(pem)[0] }),
    ],
    [
      'a changed key',
      (row) => Object.assign(row, { content: Buffer.concat([row.content ?? Buffer.of(), Buffer.of(0)]) }),
    ],
    ['no key', (row) => Object.assign(row, { content: null })],
  ])('cannot be exchanged by who can write to the store: %s', async (_what, change) => {
    const keys = createLocalKeyProvider(randomBytes(32));
    const stored = storedAuthorities();
    await vaultOf(stored, { keys }).load();
    const { authority } = await createCertificateAuthority(Date.now());
    change(stored.rows[0] as AuthorityRow, authority.certificate);
    expect((await failure(vaultOf(stored, { keys }).load())).code).toBe('evidence_broken');
  });
});

/** The store's table in memory. */
function storedAuthorities(): AuthorityRepository & { readonly rows: AuthorityRow[] } {
  const rows: AuthorityRow[] = [];
  return {
    rows,
    list: async () => [...rows],
    insert: async ({ id, certificate, keyId, wrappedKey, content, by, at }) => {
      const sealed = { key_id: keyId, wrapped_key: wrappedKey, content };
      rows.push({ id, certificate, ...sealed, created_by: by, created_at: at, retires_at: null, retired_at: null });
    },
    reseal: async (id, { keyId, wrappedKey, content }) => {
      const row = rows.find((candidate) => candidate.id === id);
      if (row !== undefined) Object.assign(row, { key_id: keyId, wrapped_key: wrappedKey, content });
    },
    retire: async () => undefined,
  };
}
const vaultOf = (authorities: AuthorityRepository, change: Partial<VaultParts> = {}) =>
  createAuthorityVault({
    ...{ authorities, stateDir: '/nowhere', keys: createLocalKeyProvider(randomBytes(32)), now: Date.now },
    audit: { append: async () => undefined } as unknown as AuditLog,
    ...change,
  });

test('a new CA is trusted beside the old one, signs agents, and replaces it at the end of the overlap', async () => {
  const old = caFile();
  const staying = await enrolled('staying');
  const away = await enrolled('away');
  const api = await admin();
  await api.rotateAuthority({ overlapSeconds: 3600 });
  expect((await failure(api.rotateAuthority())).code).toBe('conflict');
  expect(gateway.dataPlane.trust).toHaveLength(1);
  const [newest, oldest] = pinsIn(caFile());
  expect(oldest).toBe(pinsIn(old)[0]);
  expect(await api.listAuthorities()).toEqual([
    expect.objectContaining({ id: oldest, state: 'leaving', agents: ['away', 'staying'] }),
    expect.objectContaining({ id: newest, state: 'current', createdBy: 'admin', agents: [] }),
  ]);
  expect(tryJoinToken((await api.createJoinToken({ agent: 'edge' })).token)?.caPins).toEqual([newest, oldest]);
  expect(await plane().agentTrust(staying.agentId)).toEqual({ ca: caFile(), isRotating: true, isRenewalDue: true });

  const renewed = await plane().renewAgent(staying.agentId, staying.serial, await requestOf());
  expect(renewed.ca).toBe(caFile());
  expect(issuedBy(renewed.certificate, caFile())).toBe(true);
  expect(issuedBy((await enrolled('new')).certificate, caFile())).toBe(true);
  expect(await plane().agentTrust(staying.agentId)).toMatchObject({ isRenewalDue: false });
  await gateway.restart();
  expect(pinsIn(caFile())).toEqual([newest, oldest]);

  gateway.advance(3_601_000);
  await until(async () => pinsIn(caFile()).length === 1);
  expect(pinsIn(caFile())).toEqual([newest]);
  expect((await audit('ca-dropped')).at(-1)).toMatchObject({
    subject: oldest,
    detail: { agentsLeftBehind: ['away'] },
  });
  expect(await audit('ca-rotated')).toEqual([
    expect.objectContaining({ actor: 'admin', subject: newest, detail: expect.objectContaining({ before: oldest }) }),
  ]);
  await until(async () => gateway.dataPlane.disconnected.includes('away (for-now)'));
  expect(gateway.dataPlane.disconnected).not.toContain('staying (for-now)');
  // Its key is gone for good.
  expect(JSON.parse(await dump())[0]).toMatchObject({ id: oldest, content: null, wrapped_key: null });

  const recovery = {
    ...{ agentId: away.agentId, certificate: new X509Certificate(away.certificate).raw },
    ...{ certificateRequest: await requestOf(), nonce: new Uint8Array(), sentAtMs: gateway.now() },
    ...{ instanceId: 'one', signature: new Uint8Array() },
  };
  expect((await failure(plane().recoverAgent(recovery, '192.0.2.7:9'))).why).toContain('was dropped at');
  gateway.advance(-3_601_000);
});

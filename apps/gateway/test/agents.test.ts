import 'reflect-metadata';
import { type webcrypto, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import * as x509 from '@peculiar/x509';
import { tryJoinToken } from '@weir/proto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { failure, startTestGateway, type TestGateway } from './fixture/test-gateway.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(() => gateway.close());

const p256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
async function requestOf(
  name = 'CN=whatever',
  algorithm: webcrypto.EcKeyGenParams & { hash: string } = p256,
): Promise<Buffer> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ name, keys, signingAlgorithm: algorithm });
  return Buffer.from(request.rawData);
}
const joinToken = async (agent = 'edge') => (await (await gateway.as('admin')).createJoinToken({ agent })).token;
const enrol = async (token: string, certificateRequest?: Buffer) =>
  gateway.dataPlane.controlPlane.enrol(
    { joinToken: token, certificateRequest: certificateRequest ?? (await requestOf()), agentVersion: '0.1.0' },
    '192.0.2.7:1234',
  );
const audit = async (action: string) => (await gateway.as('admin')).listAuditEvents({ action, limit: 1000 });

describe('join tokens', () => {
  test('say where to go and which CA to trust', async () => {
    const token = tryJoinToken(await joinToken());
    const ca = new X509Certificate(await readFile(gateway.gateway.addresses.caFile));
    expect(token?.address).toBe('127.0.0.1:7001');
    expect(token?.caPin).toBe(ca.fingerprint256.replaceAll(':', '').toLowerCase());
  });

  test('of the configuration are written for their owner alone, until the agent is enrolled', async () => {
    const file = gateway.config.bootstrap.joinTokens[0]?.tokenFile ?? '';
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const first = await readFile(file, 'utf8');
    const { agentName } = await enrol(first);
    expect(agentName).toBe('local');
    await gateway.restart();
    expect(await readFile(file, 'utf8')).toBe(first);
  });

  test('buy one identity, also when they are used many times at once', async () => {
    const token = await joinToken();
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => enrol(token)));
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
    for (const result of results) if (result.status === 'rejected') expect(result.reason.code).toBe('not_permitted');
    expect((await failure(enrol(token))).why).toContain('used already');
  });

  test('expire', async () => {
    const token = await joinToken();
    gateway.advance(3_601_000);
    expect((await failure(enrol(token))).code).toBe('not_permitted');
    gateway.advance(-3_601_000);
    expect((await audit('enrolment-refused')).at(-1)).toMatchObject({ detail: { address: '192.0.2.7:1234' } });
  });

  test('live half an hour unless told otherwise', async () => {
    const token = await joinToken();
    gateway.advance(1_801_000);
    expect((await failure(enrol(token))).code).toBe('not_permitted');
    gateway.advance(-1_801_000);
  });

  test('are listed without their secret, and revoked before they are used', async () => {
    const admin = await gateway.as('admin');
    const listed = async () => (await admin.listJoinTokens()).find(({ agent }) => agent === 'listed');
    const token = await joinToken('listed');
    const made = await listed();
    expect(made).toMatchObject({ id: expect.stringMatching(/^[0-9a-f]{12}$/), createdBy: 'admin', used: false });
    expect(JSON.stringify(made)).not.toContain(tryJoinToken(token)?.secret);
    const id = made?.id ?? '';
    await admin.revokeJoinToken(id);
    expect((await failure(enrol(token))).code).toBe('not_permitted');
    expect((await failure(admin.revokeJoinToken(id))).code).toBe('not_found');
    expect((await audit('join-token-revoked')).at(-1)).toMatchObject({ actor: 'admin', detail: { id } });
    await enrol(await joinToken('listed'));
    const used = await listed();
    expect(used?.used).toBe(true);
    expect((await failure(admin.revokeJoinToken(used?.id ?? ''))).code).toBe('not_found');
  });

  test.each(['', 'x', 'weir-join.AAAA'])('%j is none', async (token) => {
    expect((await failure(enrol(token))).code).toBe('not_permitted');
  });
});

describe('certificate requests', () => {
  test.each([
    ['bytes that are no request', async () => Buffer.from('hello')],
    ['an empty one', async () => Buffer.alloc(0)],
    ['a too long one', async () => Buffer.alloc(20_000, 0x30)],
    ['one whose signature was changed', async () => changed(await requestOf(), -1)],
    ['one whose key was exchanged', async () => changed(await requestOf(), -90)],
    ['one with a curve that is not allowed', () => requestOf('CN=x', { ...p256, namedCurve: 'P-521' })],
  ])('%s is refused, and the token stays good', async (_name, make) => {
    const token = await joinToken();
    expect((await failure(enrol(token, await make()))).code).toBe('invalid_request');
    expect((await enrol(token)).agentName).toBe('edge');
  });

  function changed(der: Buffer, at: number): Buffer {
    const index = der.length + at;
    der[index] = (der[index] ?? 0) ^ 1;
    return der;
  }
});

describe('agents’ certificates', () => {
  test('name the agent, live a day, and are good for clients alone, whatever the request asked for', async () => {
    const keys = await crypto.subtle.generateKey(p256, true, ['sign', 'verify']);
    const request = await x509.Pkcs10CertificateRequestGenerator.create({
      name: 'CN=admin,O=evil',
      keys,
      signingAlgorithm: p256,
      extensions: [
        new x509.BasicConstraintsExtension(true, 2, true),
        new x509.SubjectAlternativeNameExtension([{ type: 'url', value: 'weir://agent/other' }]),
      ],
    });
    const enrolled = await enrol(await joinToken(), Buffer.from(request.rawData));
    const leaf = new X509Certificate(enrolled.certificate);
    const ca = new X509Certificate(enrolled.ca);
    expect(enrolled).toMatchObject({ agentName: 'edge', tunnelAddress: '127.0.0.1:7002' });
    expect(leaf.subjectAltName).toBe(`URI:weir://agent/${enrolled.agentId}`);
    expect(leaf.subject).toBe(`CN=${enrolled.agentId}`);
    expect(leaf.ca).toBe(false);
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(leaf.verify(ca.publicKey) && leaf.checkIssued(ca)).toBe(true);
    const lifeMs = Date.parse(leaf.validTo) - Date.now();
    expect(lifeMs).toBeLessThanOrEqual(86_400_000);
    expect(lifeMs).toBeGreaterThan(86_000_000);
    expect(ca.ca).toBe(true);
  });

  test('let their agent connect; unknown, revoked and replaced ones do not', async () => {
    const { controlPlane } = gateway.dataPlane;
    const { agentId, certificate } = await enrol(await joinToken());
    const { serialNumber } = new X509Certificate(certificate);
    expect(await controlPlane.authoriseAgent(agentId, serialNumber)).toEqual({ name: 'edge' });
    expect((await failure(controlPlane.authoriseAgent('agt_unknown', serialNumber))).code).toBe('not_permitted');
    expect((await failure(controlPlane.authoriseAgent(agentId, 'AB12'))).code).toBe('not_permitted');
    const second = await enrol(await joinToken());
    expect(gateway.dataPlane.disconnected.at(-1)).toBe('edge');
    expect((await failure(controlPlane.authoriseAgent(agentId, serialNumber))).why).toBe('It was revoked.');
    await (await gateway.as('admin')).revokeAgent('edge');
    const serial = new X509Certificate(second.certificate).serialNumber;
    expect((await failure(controlPlane.authoriseAgent(second.agentId, serial))).why).toBe('It was revoked.');
    expect((await failure(controlPlane.renewAgent(second.agentId, serial, await requestOf()))).code).toBe(
      'not_permitted',
    );
    expect((await failure((await gateway.as('admin')).revokeAgent('edge'))).code).toBe('not_found');
  });

  test('after a renewal the old one is good for one reconnect, and for none once the new one was seen', async () => {
    const { controlPlane } = gateway.dataPlane;
    const { agentId, certificate } = await enrol(await joinToken());
    const serialOf = (pem: string) => new X509Certificate(pem).serialNumber;
    const old = serialOf(certificate);
    const renewed = serialOf((await controlPlane.renewAgent(agentId, old, await requestOf())).certificate);
    await controlPlane.authoriseAgent(agentId, old);
    await controlPlane.authoriseAgent(agentId, old);
    gateway.advance(61_000);
    expect((await failure(controlPlane.authoriseAgent(agentId, old))).code).toBe('not_permitted');
    gateway.advance(-61_000);
    await controlPlane.authoriseAgent(agentId, renewed);
    expect((await failure(controlPlane.authoriseAgent(agentId, old))).why).toContain('copy');
    expect((await audit('agent-refused')).at(-1)).toMatchObject({ actor: 'edge', detail: { serial: old } });
  });

  test('of two renewals at the same moment one wins', async () => {
    const { controlPlane } = gateway.dataPlane;
    const { agentId, certificate } = await enrol(await joinToken());
    const { serialNumber } = new X509Certificate(certificate);
    const results = await Promise.allSettled(
      [await requestOf(), await requestOf()].map((request) => controlPlane.renewAgent(agentId, serialNumber, request)),
    );
    expect(results.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected']);
  });
});

import 'reflect-metadata';
import { KeyObject, sign, type webcrypto, X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { recoveryClaim } from '@weir/proto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RecoveryRequest } from '../src/dataplane/ports.ts';
import { failure, startTestGateway, type TestGateway } from './fixture/test-gateway.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(() => gateway.close());

const p256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const hourMs = 3_600_000;
async function newKey() {
  const keys = (await crypto.subtle.generateKey(p256, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ name: 'CN=x', keys, signingAlgorithm: p256 });
  return { key: KeyObject.from(keys.privateKey), request: Buffer.from(request.rawData) };
}
type Key = Awaited<ReturnType<typeof newKey>>;

const plane = () => gateway.dataPlane.controlPlane;
const now = () => gateway.now();
/** Moves the clock for one action and back. */
async function after<T>(ms: number, action: () => Promise<T>): Promise<T> {
  gateway.advance(ms);
  try {
    return await action();
  } finally {
    gateway.advance(-ms);
  }
}

/** An enrolled agent with one stored nonce. */
async function enrolled(name: string) {
  const { token } = await (await gateway.as('admin')).createJoinToken({ agent: name });
  const { key, request } = await newKey();
  const identity = { joinToken: token, certificateRequest: request, agentVersion: '0.1.0' };
  const { agentId, certificate } = await plane().enrol(identity, '192.0.2.7:1');
  const nonce = await plane().nextAgentNonce(agentId);
  await plane().agentNonceStored(agentId, nonce);
  return { agentId, name, key, nonce, certificate: new X509Certificate(certificate) };
}
type Agent = Awaited<ReturnType<typeof enrolled>>;

interface Change {
  readonly next?: Key;
  readonly signer?: KeyObject;
  readonly claim?: Partial<Omit<RecoveryRequest, 'signature'>>;
  /** What is exchanged after it was signed. */
  readonly forged?: Partial<RecoveryRequest>;
}
async function requestOf(agent: Agent, change: Change = {}): Promise<RecoveryRequest> {
  const { request } = change.next ?? (await newKey());
  const claim = {
    ...{ agentId: agent.agentId, certificate: agent.certificate.raw, certificateRequest: request },
    ...{ nonce: agent.nonce, sentAtMs: now(), instanceId: 'one', ...change.claim },
  };
  return { ...claim, signature: sign('sha256', recoveryClaim(claim), change.signer ?? agent.key), ...change.forged };
}
const recover = (request: RecoveryRequest) => plane().recoverAgent(request, '192.0.2.7:9');
const lockedState = async (name: string) =>
  (await (await gateway.as('admin')).listAgents()).find((agent) => agent.name === name)?.locked;
const lastEvent = async (action: string) =>
  (await (await gateway.as('admin')).listAuditEvents({ action, limit: 1000 })).at(-1);

describe('an agent that was away when its certificate ended', () => {
  test.each([
    ['an hour', 2 * hourMs],
    ['a night', 12 * hourMs],
    ['nearly thirty days', 30 * 24 * hourMs],
  ])('gets a new one after %s, and connects with it', async (_what, awayMs) => {
    const agent = await enrolled('away');
    await after(awayMs, async () => {
      const renewed = await recover(await requestOf(agent));
      const certificate = new X509Certificate(renewed.certificate);
      expect(certificate.subjectAltName).toContain(`URI:weir://agent/${agent.agentId}, URI:weir://pool/away`);
      expect(Date.parse(certificate.validTo) - now()).toBeLessThanOrEqual(hourMs);
      expect(renewed).toMatchObject({ ca: expect.stringContaining('CERTIFICATE'), frontAddress: '127.0.0.1:7001' });
      await plane().authoriseAgent(agent.agentId, certificate.serialNumber);
      await plane().identifyAgent(agent.agentId, agent.nonce, { remoteAddress: 'x', instanceId: 'one' });
    });
    expect(await lastEvent('agent-recovered')).toMatchObject({
      actor: 'away',
      detail: { agentId: agent.agentId, address: '192.0.2.7:9', ended: expect.any(String) },
    });
    expect(await lockedState('away')).toBeNull();
  });

  test('gets another one when the answer was lost, however often', async () => {
    const agent = await enrolled('unlucky');
    for (let time = 1; time <= 3; time++) await after(time * 2 * hourMs, async () => recover(await requestOf(agent)));
    expect(await lockedState('unlucky')).toBeNull();
  });

  test('of two requests at the same moment one wins at most', async () => {
    const agent = await enrolled('racing');
    const results = await Promise.allSettled([recover(await requestOf(agent)), recover(await requestOf(agent))]);
    expect(results.filter(({ status }) => status === 'fulfilled').length).toBeLessThanOrEqual(1);
  });
});

describe('an attacker who asks for the certificate of an agent gets none', () => {
  test.each<[string, string, (agent: Agent) => Promise<Change>]>([
    ['with another key', 'not signed by the key', async () => ({ signer: (await newKey()).key })],
    ['with a request from an hour ago', 'too old', async () => ({ claim: { sentAtMs: now() - hourMs } })],
    ['with a request from the future', 'too old', async () => ({ claim: { sentAtMs: now() + hourMs } })],
    [
      'with a certificate request of a key of his own in a recorded request',
      'not signed by the key',
      async () => ({ forged: { certificateRequest: (await newKey()).request } }),
    ],
    ['with a new time in a recorded request', 'not signed', async () => ({ forged: { sentAtMs: now() + 10_000 } })],
    ['with another nonce in a recorded request', 'not signed', async () => ({ forged: { nonce: Buffer.alloc(32) } })],
    ['with another process in a recorded request', 'not signed', async () => ({ forged: { instanceId: 'two' } })],
    ['without a signature', 'not signed', async () => ({ forged: { signature: Buffer.alloc(0) } })],
    ['without a certificate', 'no certificate', async () => ({ claim: { certificate: Buffer.alloc(0) } })],
    ['with bytes as a certificate', 'no certificate', async () => ({ claim: { certificate: Buffer.from('MII') } })],
    [
      "with an identity of his own and the other agent's id",
      'of another agent',
      async () => {
        const other = await enrolled('other');
        return { signer: other.key, claim: { certificate: other.certificate.raw } };
      },
    ],
    [
      'with a certificate that he signed himself',
      'not of this gateway',
      async (agent) => {
        const keys = (await crypto.subtle.generateKey(p256, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
        const forged = await x509.X509CertificateGenerator.createSelfSigned({
          ...{ name: 'CN=Weir gateway CA', keys, signingAlgorithm: p256 },
          serialNumber: agent.certificate.serialNumber,
          extensions: [
            new x509.SubjectAlternativeNameExtension([{ type: 'url', value: `weir://agent/${agent.agentId}` }]),
          ],
        });
        return { signer: KeyObject.from(keys.privateKey), claim: { certificate: Buffer.from(forged.rawData) } };
      },
    ],
  ])('%s', async (_what, why, attack) => {
    const agent = await enrolled('target');
    const request = await requestOf(agent, await attack(agent));
    const refused = await failure(recover(request));
    expect(refused).toMatchObject({ code: 'not_permitted', why: expect.stringContaining(why) });
    expect(await lastEvent('agent-refused')).toMatchObject({
      subject: agent.agentId,
      detail: { address: '192.0.2.7:9', reason: expect.stringContaining(why) },
    });
    // Nor does he get the agent locked.
    expect(await lockedState('target')).toBeNull();
    await recover(await requestOf(agent));
  });

  test.each<[string, () => Promise<Buffer>]>([
    ['no request', async () => Buffer.from('hello')],
    [
      'a request whose key was exchanged',
      async () => {
        const { request } = await newKey();
        const at = request.length - 90;
        request[at] = (request[at] ?? 0) ^ 1;
        return request;
      },
    ],
  ])('with %s for a certificate', async (_what, make) => {
    const agent = await enrolled('target');
    const certificateRequest = await make();
    const asked = recover(await requestOf(agent, { claim: { certificateRequest } }));
    expect((await failure(asked)).code).toBe('invalid_request');
  });

  test('with the same request again, before and after the agent has used its certificate', async () => {
    const agent = await enrolled('recorded');
    const request = await requestOf(agent);
    const { certificate } = await recover(request);
    expect((await failure(recover(request))).why).toBe('Its request was seen before.');
    await plane().authoriseAgent(agent.agentId, new X509Certificate(certificate).serialNumber);
    expect((await failure(recover(request))).code).toBe('not_permitted');
  });

  test('with an old copy of the disk: its nonce locks the identity', async () => {
    const agent = await enrolled('copied');
    const newest = await plane().nextAgentNonce(agent.agentId);
    await plane().agentNonceStored(agent.agentId, newest);
    expect((await failure(recover(await requestOf(agent)))).why).toContain('It is locked');
    expect((await lockedState('copied'))?.reason).toContain('old nonce');
    const honest = await requestOf({ ...agent, nonce: newest });
    expect((await failure(recover(honest))).why).toContain('It is locked');
  });

  test('with a certificate from before a renewal that was used: the identity is locked', async () => {
    const agent = await enrolled('renewed');
    const { certificate } = await recover(await requestOf(agent));
    await plane().authoriseAgent(agent.agentId, new X509Certificate(certificate).serialNumber);
    const again = await requestOf(agent, { claim: { sentAtMs: now() + 1 } });
    expect((await failure(recover(again))).code).toBe('not_permitted');
    expect((await lockedState('renewed'))?.reason).toContain('before its last renewal');
  });

  test('that is locked, revoked, or away for too long', async () => {
    const admin = await gateway.as('admin');
    const agent = await enrolled('gone');
    await admin.lockAgent('gone', { reason: 'stolen' });
    expect((await failure(recover(await requestOf(agent)))).why).toContain('stolen');
    await admin.unlockAgent('gone');
    const tooLate = after(30 * 24 * hourMs + 2 * hourMs, async () => failure(recover(await requestOf(agent))));
    expect((await tooLate).why).toContain('more than 30 days ago');
    await admin.revokeAgent('gone');
    expect((await failure(recover(await requestOf(agent)))).why).toBe('It was revoked.');
  });
});

import 'reflect-metadata';
import { type webcrypto, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import * as x509 from '@peculiar/x509';
import { tryJoinToken } from '@weir/proto';
import { tryAgentClaims } from '@weir/tunnel';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AgentHolder } from '../src/dataplane/ports.ts';
import { failure, startTestGateway, type TestGateway, until } from './fixture/test-gateway.ts';

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
const enrol = async (token: string, certificateRequest?: Buffer, pool?: string) =>
  gateway.dataPlane.controlPlane.enrol(
    {
      ...{ joinToken: token, certificateRequest: certificateRequest ?? (await requestOf()), agentVersion: '0.1.0' },
      ...(pool === undefined ? {} : { pool }),
    },
    '192.0.2.7:1234',
  );
const audit = async (action: string) => (await gateway.as('admin')).listAuditEvents({ action, limit: 1000 });

describe('join tokens', () => {
  test('say where to go and which CA to trust', async () => {
    const token = tryJoinToken(await joinToken());
    const ca = new X509Certificate(await readFile(gateway.gateway.addresses.caFile));
    expect(token?.address).toBe('127.0.0.1:7001');
    expect(token?.caPins).toEqual([ca.fingerprint256.replaceAll(':', '').toLowerCase()]);
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

describe('pools', () => {
  const poolToken = async (pool: string, uses: number) =>
    (await (await gateway.as('admin')).createJoinToken({ pool, uses })).token;
  const claimsOf = (pem: string) => tryAgentClaims(new X509Certificate(pem).subjectAltName);

  test('a token for a pool enrols as many agents as it has uses, also at once, each under a name of its own', async () => {
    const token = await poolToken('edge-pool', 3);
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => enrol(token)));
    const enrolled = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(enrolled).toHaveLength(3);
    expect(new Set(enrolled.map(({ agentName }) => agentName)).size).toBe(3);
    for (const { agentName, pool, certificate } of enrolled) {
      expect(agentName).toMatch(/^edge-pool-[a-z0-9]{8}$/);
      expect(pool).toBe('edge-pool');
      expect(claimsOf(certificate)).toMatchObject({ pool: 'edge-pool', renewal: 0, serves: ['postgres', 'ssh'] });
    }
    const admin = await gateway.as('admin');
    expect((await admin.listAgents()).filter(({ pool }) => pool === 'edge-pool')).toHaveLength(3);
    expect((await admin.listJoinTokens())[0]).toMatchObject({ agent: null, pool: 'edge-pool', uses: 3, usedCount: 3 });
  });

  test('a renewal counts, and keeps the pool', async () => {
    const { controlPlane } = gateway.dataPlane;
    const { agentId, certificate } = await enrol(await poolToken('counted', 1));
    const { serialNumber } = new X509Certificate(certificate);
    const renewed = await controlPlane.renewAgent(agentId, serialNumber, await requestOf());
    expect(claimsOf(renewed.certificate)).toMatchObject({ agentId, pool: 'counted', renewal: 1 });
  });

  test('a certificate with an old count locks the identity, also when the newest was not shown yet', async () => {
    const { controlPlane } = gateway.dataPlane;
    const { agentId, agentName, certificate } = await enrol(await poolToken('old-count', 1));
    const [first, claims] = [new X509Certificate(certificate).serialNumber, claimsOf(certificate)];
    const second = (await controlPlane.renewAgent(agentId, first, await requestOf(), claims)).certificate;
    await controlPlane.renewAgent(agentId, new X509Certificate(second).serialNumber, await requestOf());
    const copy = controlPlane.renewAgent(agentId, first, await requestOf(), claims);
    expect((await failure(copy)).code).toBe('not_permitted');
    expect(await lockedState(agentName)).toMatchObject({ reason: expect.stringContaining('before its last renewal') });
    expect((await audit('agent-locked')).at(-1)).toMatchObject({ detail: { serial: first, renewal: 0 } });
  });

  test('an agent that says it serves another pool is refused', async () => {
    const { controlPlane } = gateway.dataPlane;
    const { agentId, agentName } = await enrol(await poolToken('own-pool', 1));
    const nonce = Buffer.alloc(0);
    await controlPlane.identifyAgent(agentId, nonce, holder, 'own-pool');
    await controlPlane.identifyAgent(agentId, nonce, holder, '');
    expect((await failure(controlPlane.identifyAgent(agentId, nonce, holder, 'local'))).why).toContain('local');
    expect((await audit('agent-refused')).at(-1)).toMatchObject({
      actor: agentName,
      detail: { agentId, claimed: 'local', pool: 'own-pool', ...holder },
    });
  });

  test.each([
    [{}, 'name an agent or a pool'],
    [{ agent: 'x', uses: 2 }, 'good once'],
    [{ pool: 'x', uses: 0 }, ''],
    [{ pool: 'x', uses: 1001 }, ''],
    [{ pool: 'x', ttlSeconds: 59 }, ''],
  ])('there is no token of %j', async (body, why) => {
    const refused = await failure((await gateway.as('admin')).createJoinToken(body));
    expect(refused).toMatchObject({ code: 'invalid_request', why: expect.stringContaining(why) });
  });
});

describe('a stolen join token buys nothing', () => {
  const revoke = async (agent: string) => {
    const admin = await gateway.as('admin');
    const token = (await admin.listJoinTokens()).find((candidate) => candidate.agent === agent);
    await admin.revokeJoinToken(token?.id ?? '');
  };
  test.each<[string, string, (token: string) => Promise<unknown>]>([
    [
      'after its count',
      'token used up',
      async (token) => {
        await enrol(token);
        return enrol(token);
      },
    ],
    [
      'after its end',
      'expired token',
      async (token) => {
        gateway.advance(1_801_000);
        return enrol(token).finally(() => gateway.advance(-1_801_000));
      },
    ],
    [
      'after it was revoked',
      'revoked token',
      async (token) => {
        await revoke('stolen');
        return enrol(token);
      },
    ],
    ['for another pool', 'token of another pool', (token) => enrol(token, undefined, 'local')],
    ['with another secret', 'unknown token', (token) => enrol(`${token.slice(0, -9)}AAAAAAAAA`)],
    ['with a certificate request that is none', 'not a PKCS#10', (token) => enrol(token, Buffer.from('x'))],
  ])('%s', async (_what, reason, attack) => {
    const before = (await (await gateway.as('admin')).listAgents()).length;
    const refused = await failure(attack(await joinToken('stolen')));
    expect(['not_permitted', 'invalid_request']).toContain(refused.code);
    const event = (await audit('enrolment-refused')).at(-1);
    expect(event).toMatchObject({ detail: { address: '192.0.2.7:1234', reason: expect.stringContaining(reason) } });
    const gained = (await (await gateway.as('admin')).listAgents()).length - before;
    expect(gained).toBe(reason === 'token used up' ? 1 : 0);
    await (await gateway.as('admin')).revokeAgent('stolen').catch(() => undefined);
  });
});

test('clients that are turned away cannot fill the audit log', async () => {
  const knock = (why: string) =>
    gateway.dataPlane.controlPlane.agentTurnedAway({
      ...{ remoteAddress: '192.0.2.66:1', why, agentId: undefined, certificateSerial: undefined },
    });
  const noted = async (why: string) => (await audit('agent-refused')).filter(({ detail }) => detail['reason'] === why);
  for (let time = 0; time < 200; time++) knock('FLOOD');
  await until(async () => (await noted('FLOOD')).length === 60);
  gateway.advance(60_000);
  knock('LATER');
  gateway.advance(-60_000);
  await until(async () => (await noted('LATER')).length === 1);
  expect((await noted('LATER'))[0]?.detail).toMatchObject({ address: '192.0.2.66:1', unnoted: 140 });
  expect(await noted('FLOOD')).toHaveLength(60);
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
  test('name the agent, live an hour, and are good for clients alone, whatever the request asked for', async () => {
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
    expect(leaf.subjectAltName).toBe(
      `URI:weir://agent/${enrolled.agentId}, URI:weir://pool/edge, URI:weir://renewal/0, URI:weir://serves/postgres, URI:weir://serves/ssh`,
    );
    expect(leaf.subject).toBe(`CN=${enrolled.agentId}`);
    expect(leaf.ca).toBe(false);
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(leaf.verify(ca.publicKey) && leaf.checkIssued(ca)).toBe(true);
    const lifeMs = Date.parse(leaf.validTo) - Date.now();
    expect(lifeMs).toBeLessThanOrEqual(3_600_000);
    expect(lifeMs).toBeGreaterThan(3_500_000);
    expect(ca.ca).toBe(true);
  });

  test('let their agent connect; unknown, revoked and replaced ones do not', async () => {
    const { controlPlane } = gateway.dataPlane;
    const { agentId, certificate } = await enrol(await joinToken());
    const { serialNumber } = new X509Certificate(certificate);
    expect(await controlPlane.authoriseAgent(agentId, serialNumber)).toEqual({ name: 'edge', pool: 'edge' });
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

  test('end the link of an agent that did not renew', async () => {
    const { controlPlane, disconnected } = gateway.dataPlane;
    const { agentId, certificate } = await enrol(await joinToken('late'));
    await controlPlane.nextAgentNonce(agentId);
    gateway.advance(3_601_000);
    try {
      expect((await failure(controlPlane.nextAgentNonce(agentId))).code).toBe('not_permitted');
      expect(disconnected.at(-1)).toBe('late (for-now)');
      expect((await audit('agent-refused')).at(-1)).toMatchObject({
        subject: 'late',
        detail: { reason: 'its certificate has ended' },
      });
    } finally {
      gateway.advance(-3_601_000);
    }
    const { serialNumber } = new X509Certificate(certificate);
    await controlPlane.renewAgent(agentId, serialNumber, await requestOf());
    await controlPlane.nextAgentNonce(agentId);
  });

  test.each<[string, string, () => Promise<Buffer>]>([
    [
      'a key that is not its own',
      'does not belong to its key',
      async () => {
        const [own, others] = [await requestOf(), new x509.Pkcs10CertificateRequest(await requestOf())];
        const request = new x509.Pkcs10CertificateRequest(own);
        // Another agent's public key under its own signature.
        const [from, to] = [Buffer.from(request.publicKey.rawData), Buffer.from(others.publicKey.rawData)];
        to.copy(own, own.indexOf(from));
        return own;
      },
    ],
    ['a weak key', 'must be', () => requestOf('CN=x', { ...p256, namedCurve: 'P-521' })],
    ['no key', 'not a PKCS#10', async () => Buffer.from('hello')],
  ])('are not renewed for %s', async (_what, reason, make) => {
    const { controlPlane } = gateway.dataPlane;
    const { agentId, certificate } = await enrol(await joinToken('renewing'));
    const { serialNumber } = new X509Certificate(certificate);
    const refused = await failure(controlPlane.renewAgent(agentId, serialNumber, await make()));
    expect(refused.code).toBe('invalid_request');
    expect((await audit('agent-refused')).at(-1)).toMatchObject({
      subject: 'renewing',
      detail: { agentId, serial: serialNumber, reason: expect.stringContaining(reason) },
    });
    // The certificate that it has stays good.
    await controlPlane.authoriseAgent(agentId, serialNumber);
    await controlPlane.renewAgent(agentId, serialNumber, await requestOf());
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

const holder: AgentHolder = { remoteAddress: '192.0.2.7:1', instanceId: 'a' };
/** An agent as the gateway sees it: what it has on its disk, and what it was given. */
async function holderOfNew(name: string) {
  const { agentId, certificate } = await enrol(await joinToken(name));
  const disk: { nonce: Buffer } = { nonce: Buffer.alloc(0) };
  // Asked anew each time: the gateway may have been started again.
  const plane = () => gateway.dataPlane.controlPlane;
  return {
    agentId,
    serial: new X509Certificate(certificate).serialNumber,
    disk,
    show: (nonce: Buffer = disk.nonce) => plane().identifyAgent(agentId, nonce, holder),
    give: () => plane().nextAgentNonce(agentId),
    store: (nonce: Buffer) => {
      disk.nonce = nonce;
    },
    confirm: (nonce: Buffer) => plane().agentNonceStored(agentId, nonce),
    rotate: async () => {
      const nonce = await plane().nextAgentNonce(agentId);
      disk.nonce = nonce;
      await plane().agentNonceStored(agentId, nonce);
      return nonce;
    },
  };
}
type Holder = Awaited<ReturnType<typeof holderOfNew>>;
const lockedState = async (name: string) =>
  (await (await gateway.as('admin')).listAgents()).find((agent) => agent.name === name)?.locked;

describe('copies of an agent', () => {
  test.each<[string, (agent: Holder) => Promise<void>]>([
    [
      'a copy of the disk from before the last nonce',
      async (agent) => {
        const copied = await agent.rotate();
        await agent.rotate();
        await agent.show(copied);
      },
    ],
    [
      'the copied agent, after its copy has connected',
      async (agent) => {
        const copied = await agent.rotate();
        await agent.show(copied);
        await agent.confirm(await agent.give());
        await agent.show(copied);
      },
    ],
    [
      'a disk from before the first nonce',
      async (agent) => {
        await agent.rotate();
        await agent.show(Buffer.alloc(0));
      },
    ],
    [
      'a nonce that was never given',
      async (agent) => {
        await agent.rotate();
        await agent.show(Buffer.alloc(32, 7));
      },
    ],
    [
      'a nonce that another one has replaced since, confirmed or not',
      async (agent) => {
        await agent.rotate();
        const lost = await agent.give();
        await agent.show();
        await agent.give();
        await agent.show(lost);
      },
    ],
  ])('%s: the identity is locked', async (_what, attack) => {
    const agent = await holderOfNew('copied');
    await agent.show();
    expect(await failure(attack(agent))).toMatchObject({
      code: 'not_permitted',
      why: expect.stringContaining('It is locked'),
      fix: expect.stringContaining('weir agent unlock'),
    });
    const { controlPlane } = gateway.dataPlane;
    expect((await failure(controlPlane.authoriseAgent(agent.agentId, agent.serial))).why).toContain('It is locked');
    const renewal = controlPlane.renewAgent(agent.agentId, agent.serial, await requestOf());
    expect((await failure(renewal)).code).toBe('not_permitted');
    expect(await lockedState('copied')).toMatchObject({ reason: expect.stringContaining('old nonce') });
    expect((await audit('agent-locked')).at(-1)).toMatchObject({
      actor: 'gateway',
      subject: 'copied',
      detail: { agentId: agent.agentId, holder },
    });
    expect(gateway.dataPlane.disconnected.at(-1)).toBe('copied (for-now)');
  });

  test.each<[string, (agent: Holder) => Promise<void>]>([
    ['killed before it stored the nonce', async (agent) => void (await agent.give())],
    ['killed after it stored the nonce, before it said so', async (agent) => agent.store(await agent.give())],
    [
      'killed after it said so, before the gateway noted it',
      async (agent) => {
        const nonce = await agent.give();
        agent.store(nonce);
        // The gateway stopped at this moment, too.
        await gateway.restart({ crash: true });
      },
    ],
    ['killed when all was noted', async (agent) => void (await agent.rotate())],
  ])('an honest agent that was %s comes back', async (_what, crash) => {
    const agent = await holderOfNew('honest');
    for (let round = 0; round < 3; round++) {
      await agent.show();
      await crash(agent);
    }
    await agent.show();
    expect(await lockedState('honest')).toBeNull();
  });

  test('two living processes lock the identity and end its sessions; unlocked, the next holder is believed', async () => {
    const agent = await holderOfNew('local');
    const { id } = await gateway.openSession('alice');
    await agent.show();
    const stale = await agent.rotate();
    await agent.rotate();
    const other = { remoteAddress: '203.0.113.9:2', instanceId: 'b' };
    await gateway.dataPlane.controlPlane.agentTwins(agent.agentId, holder, other);
    expect(gateway.dataPlane.killed.get(id)).toContain('its agent was locked: two processes hold its identity');
    expect((await audit('agent-locked')).at(-1)).toMatchObject({ detail: { holders: [holder, other] } });
    const admin = await gateway.as('admin');
    expect((await failure(admin.lockAgent('local'))).code).toBe('conflict');
    await admin.unlockAgent('local');
    expect((await failure(admin.unlockAgent('local'))).code).toBe('conflict');
    await gateway.dataPlane.controlPlane.authoriseAgent(agent.agentId, agent.serial);
    await agent.show();
    await agent.rotate();
    expect((await failure(agent.show(stale))).code).toBe('not_permitted');
    await admin.unlockAgent('local');
    expect((await audit('agent-unlocked')).at(-1)).toMatchObject({ actor: 'admin', subject: 'local' });
  });

  test('an administrator locks an agent with a reason', async () => {
    const agent = await holderOfNew('lost');
    const admin = await gateway.as('admin');
    await admin.lockAgent('lost', { reason: 'laptop stolen' });
    const refused = await failure(gateway.dataPlane.controlPlane.authoriseAgent(agent.agentId, agent.serial));
    expect(refused.why).toBe('It is locked: admin locked it: laptop stolen.');
    expect((await failure(admin.lockAgent('nobody'))).code).toBe('not_found');
  });

  test('a certificate from before the last renewal locks the identity', async () => {
    const { controlPlane } = gateway.dataPlane;
    const agent = await holderOfNew('renewed');
    const { certificate } = await controlPlane.renewAgent(agent.agentId, agent.serial, await requestOf());
    await controlPlane.authoriseAgent(agent.agentId, new X509Certificate(certificate).serialNumber);
    expect((await failure(controlPlane.authoriseAgent(agent.agentId, agent.serial))).code).toBe('not_permitted');
    expect(await lockedState('renewed')).toMatchObject({ reason: expect.stringContaining('before its last renewal') });
  });
});

test('an honest agent that is killed 1,000 times, each time at another point, is never locked', {
  timeout: 120_000,
}, async () => {
  const agent = await holderOfNew('honest-thousand');
  const { controlPlane } = gateway.dataPlane;
  let seed = 1;
  const random = (below: number) => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % below;
  };
  /** Runs until it is killed, after so many steps; what is on the disk stays. */
  const live = async (steps: number) => {
    let left = steps;
    const isKilled = () => left-- <= 0;
    await controlPlane.authoriseAgent(agent.agentId, agent.serial);
    await controlPlane.identifyAgent(agent.agentId, agent.disk.nonce, holder);
    for (;;) {
      if (isKilled()) return;
      const nonce = await controlPlane.nextAgentNonce(agent.agentId);
      if (isKilled()) return;
      agent.store(nonce);
      if (isKilled()) return;
      await controlPlane.agentNonceStored(agent.agentId, nonce);
    }
  };
  const died = new Map<number, number>();
  for (let life = 0; life < 1_000; life++) {
    const steps = random(8);
    died.set(steps % 3, (died.get(steps % 3) ?? 0) + 1);
    await live(steps);
  }
  expect([...died.keys()].sort()).toEqual([0, 1, 2]);
  expect(await lockedState('honest-thousand')).toBeNull();
});

// Wanted by the certificate library before it is loaded.
import 'reflect-metadata';
import { createPublicKey, createSign, createVerify, X509Certificate } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Pkcs10CertificateRequest, X509CertificateGenerator } from '@peculiar/x509';
import { createTemporaryFolder, type TemporaryFolder } from '@weir/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { renewalDelayMs } from '../src/certificate-keeper.ts';
import { createCertificateRequest } from '../src/certificate-request.ts';
import { enrol } from '../src/enrol.ts';
import { type AgentState, readAgentState, writeAgentState } from '../src/state.ts';

let folder: TemporaryFolder;
beforeEach(() => {
  folder = createTemporaryFolder('weir-agent');
});
afterEach(() => folder.remove());

describe('the state', () => {
  const state: AgentState = {
    ...{ agentId: 'agt_1', agentName: 'local', tunnelAddress: '127.0.0.1:7402' },
    ...{ ca: 'CA', certificate: 'CERT', key: 'KEY' },
  };

  test('comes back as it was written; only its owner can read it', async () => {
    const dir = join(folder.path, 'deep', 'state');
    await writeAgentState(dir, state);
    expect(await readAgentState(dir)).toEqual(state);
    expect(statSync(join(dir, 'agent.json')).mode & 0o777).toBe(0o600);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    expect(readdirSync(dir)).toEqual(['agent.json']);
  });

  test('is replaced as a whole', async () => {
    await writeAgentState(folder.path, state);
    // What an earlier, interrupted write left may have other rights and other content.
    writeFileSync(join(folder.path, 'agent.json.new'), '{"half', { mode: 0o644 });
    await writeAgentState(folder.path, { ...state, key: 'NEW' });
    expect((await readAgentState(folder.path)).key).toBe('NEW');
    expect(statSync(join(folder.path, 'agent.json')).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder.path)).toEqual(['agent.json']);
  });

  test('a write that fails leaves the old one', async () => {
    await writeAgentState(folder.path, state);
    mkdirSync(join(folder.path, 'agent.json.new'));
    await expect(writeAgentState(folder.path, { ...state, key: 'NEW' })).rejects.toThrow();
    expect(await readAgentState(folder.path)).toEqual(state);
  });

  test('a folder that was never enrolled says how to enrol', async () => {
    const error = await readAgentState(folder.path).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: 'sign_in_required', fix: expect.stringContaining('weir agent enrol') });
  });

  test.each(['', '{"agentId": "agt', 'null', '[]', '{}', '{"agentId": 7}'])(
    'a damaged file (%j) says so',
    async (text) => {
      writeFileSync(join(folder.path, 'agent.json'), text);
      await expect(readAgentState(folder.path)).rejects.toMatchObject({
        code: 'invalid_request',
        fix: expect.stringContaining('Enrol again'),
      });
    },
  );
});

describe('certificates', () => {
  test('a request is signed by its own new key, which can sign', async () => {
    const [one, two] = [await createCertificateRequest(), await createCertificateRequest()];
    const request = new Pkcs10CertificateRequest(new Uint8Array(one.der));
    expect(await request.verify()).toBe(true);
    expect(request.subject).toBe('CN=weir-agent');
    expect(one.key).not.toBe(two.key);
    const signature = createSign('sha256').update('x').sign(one.key);
    const publicKey = createPublicKey({ key: Buffer.from(request.publicKey.rawData), format: 'der', type: 'spki' });
    expect(createVerify('sha256').update('x').verify(publicKey, signature)).toBe(true);
    expect(publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
  });

  const day = 86_400_000;
  async function certificateUntil(notAfter: Date): Promise<string> {
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
    const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const certificate = await X509CertificateGenerator.createSelfSigned({
      ...{ serialNumber: '01', name: 'CN=agent', keys, signingAlgorithm: algorithm },
      ...{ notBefore: new Date('2026-01-01T00:00:00Z'), notAfter },
    });
    return certificate.toString('pem');
  }

  test.each([
    [3 * day, 2 * day],
    [3_000, 2_000],
    [0, 1_000],
    [-day, 1_000],
    [365 * day, 2 ** 31 - 1],
  ])('with %d ms left the next one is asked for in %d ms', async (left, delay) => {
    const end = new Date('2026-06-01T00:00:00Z');
    const certificate = await certificateUntil(end);
    expect(Date.parse(new X509Certificate(certificate).validTo)).toBe(end.getTime());
    expect(renewalDelayMs(certificate, end.getTime() - left)).toBe(delay);
  });
});

describe('enrolment', () => {
  test.each<[string, () => Parameters<typeof enrol>[0], RegExp]>([
    ['no token', () => ({ stateDir: folder.path }), /no join token/],
    ['an empty token', () => ({ stateDir: folder.path, token: ' \n' }), /no join token/],
    ['a word that is no token', () => ({ stateDir: folder.path, token: 'hunter2-secret' }), /not a join token/],
    ['half a token', () => ({ stateDir: folder.path, token: 'weir-join.WyJh' }), /not a join token/],
  ])('%s is refused before anybody is asked', async (_what, options, message) => {
    const error = await enrol(options()).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: 'invalid_request', message: expect.stringMatching(message) });
    expect((error as Error).message).not.toContain('hunter2');
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test('a token file is kept when enrolment fails', async () => {
    const tokenFile = join(folder.path, 'join-token');
    writeFileSync(tokenFile, 'nonsense');
    chmodSync(tokenFile, 0o600);
    await expect(enrol({ stateDir: join(folder.path, 'state'), tokenFile })).rejects.toThrow();
    expect(readFileSync(tokenFile, 'utf8')).toBe('nonsense');
  });
});

// Wanted by the certificate library before it is loaded.
import 'reflect-metadata';
import { createPublicKey, webcrypto } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer as createHttp, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509';
import { createTemporaryFolder, type TemporaryFolder } from '@weir/testkit';
import { CompactEncrypt } from 'jose';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createPasswordResolver } from '../src/credentials/resolve-password.ts';
import { createSealingKey } from '../src/credentials/sealing-key.ts';

type Reference = Parameters<ReturnType<typeof createPasswordResolver>>[0];

let folder: TemporaryFolder;
const closing: (() => Promise<void>)[] = [];
beforeEach(() => {
  folder = createTemporaryFolder('weir-credentials');
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  folder.remove();
});

const sealingKey = createSealingKey();
const resolve = (reference: Reference, env: NodeJS.ProcessEnv = {}, use = 'ses_1') =>
  createPasswordResolver({ sealingKey, env })(reference, use);
const failure = async (promise: Promise<unknown>) => {
  const error = await promise.then(String, (cause: unknown) => cause);
  expect(error).toMatchObject({ code: 'target_unavailable' });
  return error as Error;
};

/** Starts a server and remembers what it was asked. */
async function serve(
  answer: (request: IncomingMessage, body: string) => [status: number, body: unknown],
  tls?: object,
) {
  const asked: { what: string; headers: IncomingMessage['headers']; body: string }[] = [];
  const listener: RequestListener = (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      asked.push({ what: `${request.method} ${request.url}`, headers: request.headers, body });
      const [status, value] = answer(request, body);
      response
        .writeHead(status, { location: '/elsewhere' })
        .end(typeof value === 'string' ? value : JSON.stringify(value));
    });
  };
  const server = tls === undefined ? createHttp(listener) : createHttps(tls, listener);
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  closing.push(() => new Promise((done) => server.close(() => done())));
  return { port: String((server.address() as AddressInfo).port), asked };
}

async function certificateFor(ip: string) {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    ...{ name: 'CN=test', keys, signingAlgorithm: algorithm },
    extensions: [new SubjectAlternativeNameExtension([{ type: 'ip', value: ip }])],
  });
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const key = `-----BEGIN PRIVATE KEY-----\n${der}\n-----END PRIVATE KEY-----\n`;
  return { cert: certificate.toString('pem'), key };
}

describe('a Kubernetes Secret', () => {
  const reference = { from: 'k8s-secret', name: 'orders-db', key: 'password' } as const;
  /** A server in the shape of core/v1, and the folder that a pod has. */
  async function pod(status = 200, data: unknown = { password: Buffer.from('s3cret✓').toString('base64') }) {
    const certificate = await certificateFor('127.0.0.1');
    const server = await serve(() => [status, { apiVersion: 'v1', kind: 'Secret', data }], certificate);
    for (const [name, text] of [
      ['token', 'pod-token\n'],
      ['ca.crt', certificate.cert],
      ['namespace', 'shop'],
    ] as const)
      writeFileSync(join(folder.path, name), text);
    const env = {
      KUBERNETES_SERVICE_HOST: '127.0.0.1',
      KUBERNETES_SERVICE_PORT: server.port,
      WEIR_KUBERNETES_FOLDER: folder.path,
    };
    return { env, asked: server.asked };
  }

  test('is read with the token of the pod, which is read anew each time', async () => {
    const { env, asked } = await pod();
    expect(await resolve(reference, env)).toBe('s3cret✓');
    writeFileSync(join(folder.path, 'token'), 'rotated');
    await resolve({ ...reference, namespace: 'other' }, env);
    expect(asked.map(({ what, headers }) => [what, headers.authorization])).toEqual([
      ['GET /api/v1/namespaces/shop/secrets/orders-db', 'Bearer pod-token'],
      ['GET /api/v1/namespaces/other/secrets/orders-db', 'Bearer rotated'],
    ]);
  });

  test.each<[string, number, unknown, RegExp]>([
    ['no right to read it', 403, {}, /shop\/orders-db: 127\.0\.0\.1:\d+ answered with status 403/],
    ['no such Secret', 404, {}, /status 404/],
    ['no such key', 200, { user: 'eA==' }, /has no key password/],
    ['no data', 200, null, /has no key password/],
    ['a redirect', 302, { password: 'eA==' }, /status 302/],
    ['an empty value', 200, { password: '' }, /it is empty/],
  ])('%s says so', async (_what, status, data, message) => {
    const { env } = await pod(status, data);
    const error = await failure(resolve(reference, env));
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('pod-token');
  });

  test('a server that another CA vouches for gets no token', async () => {
    const { env, asked } = await pod();
    writeFileSync(join(folder.path, 'ca.crt'), (await certificateFor('127.0.0.1')).cert);
    expect((await failure(resolve(reference, env))).message).toMatch(/certificate/);
    expect(asked).toEqual([]);
  });

  test('outside a pod there is none', async () => {
    expect((await failure(resolve(reference, {}))).message).toMatch(/does not run in a Kubernetes pod/);
  });
});

describe('a secret of Vault', () => {
  const reference = { from: 'vault', path: 'secret/data/orders', field: 'password' } as const;
  const secret = { data: { data: { password: 's3cret' }, metadata: { version: 3 } } };

  test.each<[string, unknown]>([
    ['KV 2', secret],
    ['KV 1 and other engines', { data: { password: 's3cret' } }],
  ])('%s', async (_what, body) => {
    const { port, asked } = await serve(() => [200, body]);
    const env = { VAULT_ADDR: `http://127.0.0.1:${port}`, VAULT_TOKEN: 'vault-token', VAULT_NAMESPACE: 'team' };
    expect(await resolve(reference, env)).toBe('s3cret');
    expect(asked).toMatchObject([
      { what: 'GET /v1/secret/data/orders', headers: { 'x-vault-token': 'vault-token', 'x-vault-namespace': 'team' } },
    ]);
  });

  test('with the token of a file, or by the service account of the pod', async () => {
    const { port, asked } = await serve((request) => [
      200,
      request.method === 'POST' ? { auth: { client_token: 'short-token' } } : secret,
    ]);
    writeFileSync(join(folder.path, 'token'), 'from-file\n');
    const base = { VAULT_ADDR: `http://127.0.0.1:${port}` };
    await resolve(reference, { ...base, VAULT_TOKEN_FILE: join(folder.path, 'token') });
    await resolve(reference, { ...base, VAULT_K8S_ROLE: 'weir', WEIR_KUBERNETES_FOLDER: folder.path });
    expect(asked.map(({ what, headers, body }) => [what, headers['x-vault-token'] ?? body])).toEqual([
      ['GET /v1/secret/data/orders', 'from-file'],
      ['POST /v1/auth/kubernetes/login', '{"role":"weir","jwt":"from-file"}'],
      ['GET /v1/secret/data/orders', 'short-token'],
    ]);
  });

  test.each<[string, NodeJS.ProcessEnv, number, unknown, RegExp]>([
    ['no address', { VAULT_ADDR: undefined }, 200, secret, /VAULT_ADDR is not set/],
    ['no token', { VAULT_TOKEN: undefined }, 200, secret, /none of VAULT_TOKEN/],
    ['no encryption', { VAULT_ADDR: 'http://vault.example.com' }, 200, secret, /not encrypted/],
    ['a refusal', {}, 403, secret, /secret\/data\/orders of Vault: 127\.0\.0\.1:\d+ answered with status 403/],
    ['no such field', {}, 200, { data: { data: { user: 'x' } } }, /no text field password/],
    ['an answer that is no JSON', {}, 200, '<html>', /did not answer with JSON/],
    ['an endless answer', {}, 200, 'x'.repeat(2 * 1024 * 1024), /too large/],
  ])('%s says so', async (_what, change, status, body, message) => {
    const { port } = await serve(() => [status, body]);
    const env = { VAULT_ADDR: `http://127.0.0.1:${port}`, VAULT_TOKEN: 'vault-token', ...change };
    const error = await failure(resolve(reference, env));
    expect(error.message).toMatch(message);
    expect(error.message).not.toMatch(/vault-token|s3cret/);
  });
});

describe('a sealed credential', () => {
  const seal = (use: string, key = sealingKey) =>
    new CompactEncrypt(Buffer.from('s3cret'))
      .setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM', 'weir-use': use })
      .encrypt(createPublicKey({ key: key.publicKeyDer, format: 'der', type: 'spki' }));
  const sealed = (jwe: string) => ({ from: 'sealed', jwe }) as const;

  test('opens for its session', async () => {
    expect(await resolve(sealed(await seal('ses_1')))).toBe('s3cret');
  });

  test.each<[string, () => Promise<string>, RegExp]>([
    ['another session', () => seal('ses_2'), /another session/],
    ['another process', () => seal('ses_1', createSealingKey()), /another agent/],
    ['a changed header', async () => (await seal('ses_1')).replace(/^[^.]+/, encoded('ses_2')), /another agent/],
    ['an algorithm that nobody chose', async () => dirJwe(), /another agent/],
    ['something else', async () => 'a.b.c', /another agent/],
  ])('not for %s', async (_what, jwe, message) => {
    expect((await failure(resolve(sealed(await jwe())))).message).toMatch(message);
  });

  const encoded = (use: string) =>
    Buffer.from(JSON.stringify({ alg: 'ECDH-ES', enc: 'A256GCM', 'weir-use': use })).toString('base64url');
  const dirJwe = () =>
    new CompactEncrypt(Buffer.from('s3cret'))
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', 'weir-use': 'ses_1' })
      .encrypt(Buffer.alloc(32));
});

describe('references of the environment and of files', () => {
  const file = (text: string) => {
    const path = join(folder.path, 'password');
    writeFileSync(path, text);
    return { from: 'file', path } as const;
  };

  test('none', async () => {
    expect(await resolve({ from: 'none' })).toBeNull();
  });

  test('the environment', async () => {
    expect(await resolve({ from: 'env', name: 'DB' }, { DB: ' s3cret ' })).toBe(' s3cret ');
  });

  test.each([
    ['plain\n', 'plain'],
    ['plain\r\n', 'plain'],
    ['plain', 'plain'],
    ['two\n\n', 'two\n'],
    [' spaces \n', ' spaces '],
    ['pässwörd ✓\n', 'pässwörd ✓'],
  ])('a file that holds %j', async (text, password) => {
    expect(await resolve(file(text))).toBe(password);
  });

  test.each<[string, () => Reference, RegExp]>([
    [
      'a variable that is not set',
      () => ({ from: 'env', name: 'ORDERS_DB_PASSWORD' }),
      /ORDERS_DB_PASSWORD is not set/,
    ],
    ['an empty variable', () => ({ from: 'env', name: 'EMPTY' }), /EMPTY is not set/],
    ['a file that is not there', () => ({ from: 'file', path: join(folder.path, 'none') }), /none: ENOENT/],
    ['a folder', () => ({ from: 'file', path: folder.path }), /EISDIR/],
    ['a large file', () => file('x'.repeat(20_000)), /too large/],
    ['an empty file', () => file('\n'), /it is empty/],
    [
      'one that the gateway should keep and does not',
      () => ({ from: 'stored' }),
      /the gateway keeps none .*credential NAME/,
    ],
    ['a kind of a later version', () => ({ from: 'kms', path: 'x' }) as never, /kind that this agent does not know/],
  ])('%s says what is missing and what to do, never a value', async (_what, reference, message) => {
    mkdirSync(join(folder.path, 'sub'));
    const error = await failure(resolve(reference(), { EMPTY: '', OTHER: 'other-secret' }));
    expect(error).toMatchObject({ fix: expect.stringContaining('agent') });
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('xxxx');
  });
});

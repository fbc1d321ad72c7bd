import { writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import type { PostgresTarget } from '@weir/proto';
import { createTemporaryFolder } from '@weir/testkit';
import { encodeCancelRequest, encodeQuery } from '@weir/wire-postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sendCancel } from '../src/targets/cancel.ts';
import { dialPostgres } from '../src/targets/postgres.ts';
import { createServerCertificate } from './fixture/server-certificate.ts';
import { startTargetServer, type TargetServer } from './fixture/target-server.ts';

const folder = createTemporaryFolder('weir-cancel');
const caFile = join(folder.path, 'ca.pem');
let server: TargetServer;

beforeAll(async () => {
  server = await startTargetServer();
  await server.sql("CREATE ROLE app LOGIN PASSWORD 'right'");
  const certificate = await createServerCertificate([{ type: 'dns', value: 'localhost' }]);
  writeFileSync(caFile, certificate.ca);
  await server.setCertificate(certificate);
  // Only TLS connections may sign in.
  await server.setRules(['hostssl all app all scram-sha-256']);
});
afterAll(async () => {
  await server.stop();
  folder.remove();
});

/** Runs a statement that does not end by itself, cancels it, and gives what the server says. */
async function cancelled(target: PostgresTarget, cancel: (request: Buffer) => Promise<void>): Promise<string> {
  const { socket, ready } = await dialPostgres(target, { password: 'right', parameters: {}, timeoutMs: 10_000 });
  const answer = new Promise<string>((resolve) =>
    socket.once('data', (bytes: Buffer) => resolve(bytes.toString('latin1'))),
  );
  socket.resume();
  socket.write(encodeQuery('SELECT pg_sleep(600)'));
  while (
    (await server.sql(`SELECT FROM pg_stat_activity WHERE pid = ${ready.processId} AND state = 'active'`)).length === 0
  );
  if (ready.secretKey === null) throw new Error('no key');
  await cancel(encodeCancelRequest(ready.processId, ready.secretKey));
  const text = await answer;
  socket.destroy();
  return text;
}

describe('a server that takes encrypted connections only', () => {
  test.each<[string, PostgresTarget['tls']]>([
    ['prefer', { mode: 'prefer' }],
    ['require', { mode: 'require' }],
    ['verify-full', { mode: 'verify-full', caFile }],
  ])('cancels what runs, mode %s', async (_mode, tls) => {
    const target = server.target({ host: 'localhost', tls });
    expect(await cancelled(target, (request) => sendCancel(target, request))).toContain('57014');
  });

  test('takes a cancel in clear, too: its sign-in rules are not about cancels', async () => {
    const target = server.target({ tls: { mode: 'require' } });
    const inClear = { ...target, tls: { mode: 'disable' } } as const;
    expect(await cancelled(target, (request) => sendCancel(inClear, request))).toContain('57014');
  });
});

test('the key is not said in clear to a target under TLS', async () => {
  const said: Buffer[] = [];
  const tap = createServer((socket) => {
    const upstream = connect(server.port, '127.0.0.1');
    socket.on('data', (bytes: Buffer) => void said.push(bytes));
    socket.on('error', () => upstream.destroy());
    upstream.on('error', () => socket.destroy());
    socket.pipe(upstream).pipe(socket);
  });
  await new Promise<void>((resolve) => tap.listen(0, '127.0.0.1', resolve));
  const request = encodeCancelRequest(4711, Buffer.from([1, 2, 3, 4]));
  await sendCancel(server.target({ port: (tap.address() as AddressInfo).port, tls: { mode: 'require' } }), request);
  tap.close();
  expect(Buffer.concat(said).length).toBeGreaterThan(0);
  expect(Buffer.concat(said).includes(request.subarray(4))).toBe(false);
});

test('a target that is gone is told', async () => {
  await expect(sendCancel(server.target({ port: 1 }), Buffer.alloc(16))).rejects.toMatchObject({
    code: 'target_unavailable',
  });
});

test('a server that says something to a cancel has taken it all the same', async () => {
  const talkative = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('data', () => socket.end('what?'));
  });
  await new Promise<void>((resolve) => talkative.listen(0, '127.0.0.1', resolve));
  const { port } = talkative.address() as AddressInfo;
  const request = encodeCancelRequest(4711, Buffer.from([1, 2, 3, 4]));
  await sendCancel(server.target({ host: '127.0.0.1', port, tls: { mode: 'disable' } }), request);
  talkative.close();
});

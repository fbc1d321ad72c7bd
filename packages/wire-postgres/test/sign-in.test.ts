import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { promisify } from 'node:util';
import { hasCommand } from '@weir/testkit';
import { lane } from '@weir/testkit/lane';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createScramServer,
  createUpstreamLogin,
  encodeErrorResponse,
  encodeParameterStatus,
  encodeReadyForQuery,
  encodeStartupMessage,
  fieldsOfWeirError,
  type LoginStep,
  makeScramVerifier,
  parseFirstMessage,
  parsePasswordFrame,
} from '../src/index.ts';
import { rawMessage } from './backend-messages.ts';
import { type RealServer, startRealServer } from './real-server.ts';

let server: RealServer;
beforeAll(async () => {
  server = await startRealServer({
    hba: [
      'local all postgres trust',
      'local all md5_user md5',
      'local all scram_user scram-sha-256',
      'local all clear_user password',
    ],
  });
  const run = (sql: string) => signIn('postgres', null, sql);
  await run("SET password_encryption = md5; CREATE ROLE md5_user LOGIN PASSWORD 'right'");
  await run("CREATE ROLE scram_user LOGIN PASSWORD 'right'");
  await run("CREATE ROLE clear_user LOGIN PASSWORD 'right'");
});
afterAll(() => server.stop());

/** Signs in (byte by byte when asked) and runs one statement. */
function signIn(
  user: string,
  password: string | null,
  sql = 'SELECT 1',
  chunkBytes = 65_536,
  extra = {},
): Promise<LoginStep> {
  return new Promise((resolve, reject) => {
    const socket = connect(server.socketPath);
    const login = createUpstreamLogin({
      user,
      database: 'postgres',
      password,
      parameters: { application_name: 'test' },
      ...extra,
    });
    let done: LoginStep | null = null;
    socket.on('connect', () => socket.write(login.start()));
    socket.on('error', reject);
    socket.on('close', () => (done ? resolve(done) : reject(new Error('closed'))));
    socket.on('data', (bytes: Buffer) => {
      for (let at = 0; at < bytes.length && done === null; at += chunkBytes) {
        const step = login.receive(bytes.subarray(at, at + chunkBytes));
        if (step.kind === 'need-more') {
          if (step.send) socket.write(step.send);
          continue;
        }
        done = step;
        if (step.kind === 'ready')
          socket.end(Buffer.concat([rawMessage('Q', Buffer.from(`${sql}\0`)), rawMessage('X', Buffer.alloc(0))]));
        else socket.destroy();
      }
    });
  });
}

describe('sign-in at a target', () => {
  it.each([
    ['postgres', null],
    ['md5_user', 'right'],
    ['scram_user', 'right'],
    ['clear_user', 'right'],
  ])('%s is ready', async (user, password) => {
    const step = await signIn(user, password, 'SELECT 1', 1, { allowCleartextPassword: true });
    expect(step).toMatchObject({ kind: 'ready', status: 'I', processId: expect.any(Number) });
    expect(step.kind === 'ready' && [step.minor, step.secretKey?.length]).toEqual([2, 32]);
    expect(step.kind === 'ready' && step.parameterStatus.get('client_encoding')).toBe('UTF8');
  });

  it.each([
    ['scram_user', 'wrong', {}, '28P01', /password authentication failed/],
    ['md5_user', 'wrong', {}, '28P01', /password authentication failed/],
    ['scram_user', null, {}, '08001', /none is configured/],
    ['clear_user', 'right', {}, '08001', /clear text/],
    ['nobody_known', 'x', {}, '28000', /pg_hba/],
    ['postgres', null, { database: 'none' }, '3D000', /does not exist/],
  ])('%s with %s %j fails clearly', async (user, password, extra, code, message) => {
    const step = await signIn(user, password, 'SELECT 1', 65_536, extra);
    expect(step).toMatchObject({ kind: 'failed', error: { C: code, M: expect.stringMatching(message) } });
  });

  const authentication = (code: number, rest = '') =>
    rawMessage('R', Buffer.concat([Buffer.from([0, 0, 0, code]), Buffer.from(rest, 'latin1')]));
  it.each([
    ['HTTP', Buffer.from('HTTP/1.1 400 Bad Request\r\n')],
    ['a length of 1 GB', Buffer.from('R\x3f\xff\xff\xff', 'latin1')],
    ['GSSAPI', authentication(7)],
    ['only unknown mechanisms', authentication(10, 'OAUTHBEARER\0\0')],
    ['ReadyForQuery before sign-in', encodeReadyForQuery('I')],
    ['SASL out of nothing', authentication(11, 'r=x')],
    ['SCRAM that ends without proof', Buffer.concat([authentication(10, 'SCRAM-SHA-256\0\0'), authentication(0)])],
    [
      'an encoding that is not UTF8',
      Buffer.concat([
        authentication(0),
        encodeParameterStatus('client_encoding', 'SQL_ASCII'),
        encodeReadyForQuery('I'),
      ]),
    ],
    ['bytes behind AuthenticationOk', Buffer.concat([authentication(0, 'x'), encodeReadyForQuery('I')])],
    ['an unknown message', rawMessage('q', Buffer.alloc(0))],
  ])('a target that sends %s fails', (_what, bytes) => {
    const login = createUpstreamLogin({ user: 'u', database: 'd', password: 'p', parameters: {} });
    expect(login.receive(bytes).kind).toBe('failed');
  });

  it('a target that does not wait for the answer gets it all the same, before anything else', () => {
    const bytes = Buffer.concat([authentication(5, 'salt'), authentication(0), encodeReadyForQuery('I')]);
    const options = { user: 'u', database: 'd', password: 'p', parameters: {} };
    const [whole, cut] = [createUpstreamLogin(options), createUpstreamLogin(options)];
    const step = whole.receive(bytes);
    const first = cut.receive(bytes.subarray(0, 13));
    expect(step).toMatchObject({ kind: 'ready', send: first.kind === 'need-more' && first.send });
    expect(cut.receive(bytes.subarray(13))).toMatchObject({ kind: 'ready', send: null });
  });

  it('StartupMessage fixes user, database and encoding', () => {
    const login = createUpstreamLogin({
      user: 'u',
      database: 'd',
      password: null,
      parameters: { client_encoding: 'LATIN1', user: 'other' },
    });
    expect(parseFirstMessage(login.start())).toMatchObject({
      parameters: { user: 'u', database: 'd', client_encoding: 'UTF8' },
    });
    expect(encodeStartupMessage({}).length).toBe(9);
  });
});

lane(
  'psql',
  () => hasCommand('psql'),
  'psql is not on PATH',
)('sign-in of psql by our SCRAM', () => {
  let door: Server;
  beforeAll(async () => {
    const verifier = makeScramVerifier('session password', randomBytes(16), 4096);
    door = createServer((socket) => {
      const scram = createScramServer({ verifier, nonce: randomBytes(18).toString('base64') });
      let buffer: Buffer = Buffer.alloc(0);
      let isStarted = false;
      socket.on('error', () => socket.destroy());
      socket.on('data', (chunk) => {
        buffer = Buffer.concat([buffer, chunk]);
        if (!isStarted) {
          const first = parseFirstMessage(buffer);
          if (first.kind === 'need-more') return;
          isStarted = first.kind === 'startup';
          buffer = Buffer.alloc(0);
          socket.write(isStarted ? scram.start() : 'N');
          return;
        }
        const frame = parsePasswordFrame(buffer);
        if (frame.kind !== 'password') return;
        buffer = frame.rest;
        const step = scram.receive(frame.body);
        if (step.kind === 'failed') socket.end(encodeErrorResponse(fieldsOfWeirError(step.error, 'FATAL')));
        else if (step.kind === 'continue') socket.write(step.send);
        else
          socket.end(
            Buffer.concat([step.send, encodeErrorResponse({ S: 'FATAL', V: 'FATAL', C: '57P01', M: 'signed in' })]),
          );
      });
    });
    await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => new Promise((resolve) => door.close(resolve)));

  it.each([
    ['session password', /signed in/],
    ['wrong', /password authentication failed/],
  ])('%s', async (password, expected) => {
    const port = String((door.address() as AddressInfo).port);
    const env = { ...process.env, PGPASSWORD: password };
    const child = promisify(execFile)(
      'psql',
      ['-X', '-h', '127.0.0.1', '-p', port, '-U', 'alice', '-c', 'SELECT 1', 'shop'],
      { env },
    );
    await expect(child).rejects.toMatchObject({ stderr: expect.stringMatching(expected) });
  });
});

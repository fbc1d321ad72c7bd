import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createApiClient, routes } from '@weir/api';
import { WeirError } from '@weir/errors';
import { afterEach, describe, expect, test } from 'vitest';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
});

async function serve(answer: (request: IncomingMessage, response: ServerResponse, body: string) => void) {
  const started = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => answer(request, response, body));
  });
  server = started;
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(started.address() as AddressInfo).port}`;
}

async function failure(promise: Promise<unknown>): Promise<WeirError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof WeirError)) throw new Error(`expected a WeirError, got ${String(error)}`);
  return error;
}

describe('client of the API', () => {
  test('every route of the table has a method', () => {
    const client = createApiClient({ baseUrl: 'http://127.0.0.1:1' });
    expect(Object.keys(client).sort()).toEqual(Object.keys(routes).sort());
  });

  test('sends method, escaped path, query, token and body', async () => {
    const seen: unknown[] = [];
    const baseUrl = await serve((request, response, body) => {
      seen.push([request.method, request.url, request.headers.authorization, body]);
      response.end('[]');
    });
    const client = createApiClient({ baseUrl: `${baseUrl}/`, token: () => 'secret' });
    await client.listSessions({ state: 'active', limit: 5 });
    await client.killSession('a/b', { reason: 'x' });
    expect(seen).toEqual([
      ['GET', '/api/v1/sessions?state=active&limit=5', 'Bearer secret', ''],
      ['POST', '/api/v1/sessions/a%2Fb/kill', 'Bearer secret', '{"reason":"x"}'],
    ]);
  });

  test('events arrive line by line, also when chunks split a character', async () => {
    const event = (text: string) => ({
      session: 's',
      channel: 1,
      sequence: 1,
      receivedAtMs: 1,
      event: { event: 'note', atMs: 1, text },
    });
    const bytes = Buffer.from(`${JSON.stringify(event('ü'))}\n${JSON.stringify(event('€'))}\n`);
    const baseUrl = await serve((_request, response) => {
      for (const byte of bytes) response.write(Buffer.of(byte));
      response.end();
    });
    const texts: unknown[] = [];
    for await (const line of createApiClient({ baseUrl }).sessionEvents('s')) texts.push(line.event['text']);
    expect(texts).toEqual(['ü', '€']);
  });

  const words = { type: 'urn:weir:error:x', title: 'X', status: 400, instance: 'urn:weir:request:1' };
  const bodyOf = (code: string) => JSON.stringify({ ...words, code, detail: 'what', why: 'why', fix: 'fix' });
  test.each([
    { name: 'a code of the catalogue', status: 403, body: bodyOf('self_approval'), code: 'self_approval' },
    { name: 'a code of a later version', status: 418, body: bodyOf('teapot'), code: 'internal' },
    { name: 'an error page of a proxy', status: 502, body: '<html>', code: 'protocol_violation' },
    { name: 'JSON of another service', status: 404, body: '{"ok":false}', code: 'protocol_violation' },
    { name: 'a success with the wrong shape', status: 200, body: '{"user":1}', code: 'protocol_violation' },
    { name: 'a success that is not JSON', status: 200, body: 'hello', code: 'protocol_violation' },
  ])('$name becomes $code', async ({ status, body, code }) => {
    const baseUrl = await serve((_request, response) => response.writeHead(status).end(body));
    const error = await failure(createApiClient({ baseUrl }).whoami());
    expect(error.code).toBe(code);
    expect(error.fix).not.toBe('');
  });

  test('nobody listening is gateway_unavailable and names the address', async () => {
    const baseUrl = await serve((_request, response) => response.end());
    server?.close();
    const error = await failure(createApiClient({ baseUrl }).healthz());
    expect(error).toMatchObject({ code: 'gateway_unavailable', why: expect.stringContaining('ECONNREFUSED') });
    expect(error.message).toContain(baseUrl);
  });

  test('silence ends after the time limit', async () => {
    const baseUrl = await serve(() => undefined);
    const error = await failure(createApiClient({ baseUrl, timeoutMs: 50 }).healthz());
    expect(error.code).toBe('gateway_unavailable');
  });
});

describe('what is sent once more', () => {
  const limited = { 'retry-after': '1' };
  const problem = JSON.stringify({
    ...{ type: 'urn:weir:error:rate_limited', title: 'X', status: 429, instance: 'urn:weir:request:1' },
    ...{ code: 'rate_limited', detail: 'Too many requests.', why: null, fix: 'Wait.' },
  });
  type Step = 'break' | 'limit' | 'limit long' | 'answer';
  const cases: [name: string, method: 'GET' | 'POST' | 'DELETE', steps: Step[], code: string | undefined][] = [
    ['a GET whose connection broke', 'GET', ['break', 'answer'], undefined],
    ['a POST whose connection broke, with the same key', 'POST', ['break', 'answer'], undefined],
    ['not a DELETE whose connection broke', 'DELETE', ['break'], 'gateway_unavailable'],
    ['a POST, once', 'POST', ['break', 'break'], 'gateway_unavailable'],
    ['what came too soon, with the same key', 'POST', ['limit', 'answer'], undefined],
    ['what came too soon, once', 'GET', ['limit', 'limit'], 'rate_limited'],
    ['nothing that would wait for minutes', 'GET', ['limit long'], 'rate_limited'],
  ];
  test.each(cases)('%s (%s)', async (_name, method, steps, code) => {
    const keys: unknown[] = [];
    const baseUrl = await serve((request, response) => {
      keys.push(request.headers['idempotency-key']);
      const step = steps[keys.length - 1];
      if (step === 'break') request.socket.destroy();
      else if (step === 'limit') response.writeHead(429, limited).end(problem);
      else if (step === 'limit long') response.writeHead(429, { 'retry-after': '600' }).end(problem);
      else response.writeHead(method === 'GET' ? 200 : 204).end(method === 'GET' ? '{"ok":true}' : '');
    });
    const client = createApiClient({ baseUrl });
    const call = {
      GET: () => client.healthz(),
      POST: () => client.killSession('s'),
      DELETE: () => client.revokeAgent('a'),
    };
    const error = await call[method]().then(
      () => undefined,
      (reason: unknown) => (reason as WeirError).code,
    );
    expect(error).toBe(code);
    expect(keys).toHaveLength(steps.length);
    expect(new Set(keys).size).toBe(1);
    expect(typeof keys[0]).toBe(method === 'POST' ? 'string' : 'undefined');
  });

  test('each call has a key of its own', async () => {
    const keys: unknown[] = [];
    const baseUrl = await serve((request, response) => {
      keys.push(request.headers['idempotency-key']);
      response.writeHead(204).end();
    });
    const client = createApiClient({ baseUrl });
    await client.killSession('s');
    await client.killSession('s');
    expect(new Set(keys).size).toBe(2);
  });
});

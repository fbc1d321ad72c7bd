import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { contract, createOpenApi, type RouteName, routes } from '@weir/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { declarationsOf } from '../src/identity/route-declarations.ts';
import { gatewayVersion } from '../src/version.ts';
import { createContractCheck } from './fixture/contract-check.ts';
import { startTestGateway, type TestGateway } from './fixture/test-gateway.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(() => gateway.close());

test('the document is served to everybody', async () => {
  const response = await fetch(`${gateway.gateway.addresses.api}/api/v1/openapi.json`);
  expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
  expect(await response.json()).toEqual(JSON.parse(JSON.stringify(createOpenApi({ version: gatewayVersion }))));
});

test('each route asks for what the contract says', () => {
  const declared = declarationsOf(gateway.gateway.capabilities.modules);
  const asked = Object.fromEntries(Object.entries(routes).map(([name, route]) => [name, declared.get(route)]));
  const said = Object.fromEntries(Object.keys(routes).map((name) => [name, contract[name as RouteName].needs]));
  expect(asked).toEqual(said);
});

test.each([
  ['a field that no schema names', { ok: true, more: 1 }, 200, 'must NOT have additional properties'],
  ['a missing field', {}, 200, "must have required property 'ok'"],
  ['a status that the contract does not have', { ok: true }, 418, 'no such status'],
])('the check of all answers finds %s', async (_name, body, status, problem) => {
  const server = createServer((_request, response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body)),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const check = createContractCheck();
  await check.fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/healthz`);
  server.close();
  server.closeAllConnections();
  expect(check.problems.join()).toContain(problem);
});

import { fdatasync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { failure, startTestGateway, type TestGateway, until } from './fixture/test-gateway.ts';

let gateway: TestGateway;
let isDiskFull = false;
beforeAll(async () => {
  gateway = await startTestGateway(undefined, (file, done) => {
    if (isDiskFull) setImmediate(() => done(new Error('ENOSPC: no space left on device')));
    else fdatasync(file, done);
  });
});
afterAll(() => gateway.close());

test('when evidence cannot be stored, live sessions end, none opens, and health says why', async () => {
  const { id, user } = await gateway.openSession();
  isDiskFull = true;
  const refused = await failure(gateway.openSession());
  expect(refused).toMatchObject({ code: 'recording_unavailable' });
  expect((await failure(gateway.openSession('dave'))).code).toBe('recording_unavailable');
  const alice = await gateway.as('alice');
  await until(async () => (await alice.showSession(id)).state === 'ended');
  expect(gateway.dataPlane.killed.get(id)).toBe('the evidence cannot be stored');
  expect(gateway.dataPlane.controlPlane.findByLogin(user)).toBeNull();
  expect((await failure(gateway.anonymous().healthz())).code).toBe('recording_unavailable');
  expect((await alice.status()).journal.healthy).toBe(false);
  expect(await alice.listSessions({ state: 'active' })).toEqual([]);
});

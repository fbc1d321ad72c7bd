import type { SessionEventLine } from '@weir/api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { askAs, failure, startTestGateway, type TestGateway, until } from './fixture/test-gateway.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(() => gateway.close());

/** Watches as a person and collects what comes. */
async function watchAs(user: string, session: string) {
  const abort = new AbortController();
  const lines = (await gateway.as(user)).watchSession(session, abort.signal);
  const seen: SessionEventLine[] = [];
  const first = await lines.next();
  if (first.done !== true) seen.push(first.value);
  const done = (async () => {
    for await (const line of { [Symbol.asyncIterator]: () => lines }) seen.push(line);
  })();
  return {
    seen,
    done,
    /** `event` or `code` of each. */
    names: () => seen.map(({ event }) => (event.event === 'note' ? String(event['code']) : event.event)),
    leave: () => abort.abort(),
  };
}
const record = (session: string, sequence: number, text = `chunk ${sequence}`) => {
  const event = { event: 'output', atMs: gateway.now(), stream: 'stdout', text };
  gateway.dataPlane.journal.append(session, 1, sequence, Buffer.from(JSON.stringify(event)));
};
const actionsOf = async (session: string) =>
  (await (await gateway.as('audrey')).listAuditEvents({ limit: 1000 }))
    .filter(({ subject }) => subject === session)
    .map(({ actor, action }) => `${actor} ${action}`);

describe('a live view', () => {
  test('shows what was recorded, then what comes, each once and in order, until the session ends', async () => {
    const { id } = await gateway.openSession();
    for (let sequence = 1; sequence <= 3; sequence++) record(id, sequence);
    const view = await watchAs('audrey', id);
    for (let sequence = 4; sequence <= 200; sequence++) {
      record(id, sequence);
      if (sequence % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => view.seen.length >= 201);
    await (await gateway.as('alice')).killSession(id);
    await view.done;
    expect(view.seen.filter(({ channel }) => channel === 1).map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 200 }, (_, index) => index + 1),
    );
    expect(view.names()[0]).toBe('session-opened');
    expect(view.names().slice(-2)).toEqual(['session-closed', 'watch-ended']);
    await until(async () => (await actionsOf(id)).includes('audrey watch-ended'));
    expect(await actionsOf(id)).toEqual(expect.arrayContaining(['audrey watch-began', 'audrey watch-ended']));
  });

  test('is for the owner, auditors, administrators and approvers of the session, and for nobody else', async () => {
    const { id } = await gateway.openSession();
    for (const user of ['dave', 'paula', 'bob']) {
      expect((await failure(watchAs(user, id))).code).toBe('not_found');
    }
    const { answer } = askAs(gateway, id);
    await answer(1);
    for (const user of ['alice', 'audrey', 'admin', 'bob']) {
      const view = await watchAs(user, id);
      expect(view.names()[0]).toBe('session-opened');
      view.leave();
    }
    expect((await failure(watchAs('dave', id))).code).toBe('not_found');
    await (await gateway.as('alice')).killSession(id);
    expect((await failure(watchAs('audrey', id))).code).toBe('not_found');
  });

  test('ends with the sign-in of the watcher', async () => {
    const { id } = await gateway.openSession();
    const view = await watchAs('audrey', id);
    await (await gateway.as('audrey')).logout();
    gateway.forget('audrey');
    await view.done;
    expect(view.seen.at(-1)?.event).toMatchObject({ message: 'the sign-in of the watcher was ended' });
  });

  test('ends when the watcher may not watch any more', async () => {
    const { id } = await gateway.openSession();
    const admin = await gateway.as('admin');
    const view = await watchAs('audrey', id);
    await (await gateway.as('audrey')).keepWatching(id);
    await admin.putUser('audrey', { roles: [] });
    const code = (await failure((await gateway.as('audrey')).keepWatching(id))).code;
    expect(code).toBe('not_found');
    await view.done;
    expect(view.seen.at(-1)?.event).toMatchObject({ message: 'the watcher may not watch it any more' });
    await admin.putUser('audrey', { roles: ['auditor'] });
  });

  test('of a person is limited in number', async () => {
    const { id } = await gateway.openSession();
    const views = [];
    for (let count = 0; count < 20; count++) views.push(await watchAs('alice', id));
    expect((await failure(watchAs('alice', id))).code).toBe('conflict');
    for (const view of views) view.leave();
  });
});

describe('a shell that needs a watcher', () => {
  const ask = { watch: true, approvers: ['security'], rule: 'watched-shells', kind: 'shell' } as const;

  test('starts when one of the groups watches, pauses without him, goes on with another, and ends with the session', async () => {
    const { id } = await gateway.openSession();
    const { states, answer } = askAs(gateway, id, ask);
    expect(await answer(1)).toMatchObject({ state: 'pending', requestId: id });
    expect(states[0]?.notice).toContain(`security watches it: weir sessions watch ${id}`);
    const own = await watchAs('alice', id);
    const auditor = await watchAs('audrey', id);
    expect(states).toHaveLength(1);

    const bob = await watchAs('bob', id);
    expect(await answer(2)).toMatchObject({ state: 'approved', by: 'bob' });
    expect(gateway.dataPlane.paused.has(id)).toBe(false);
    bob.leave();
    await until(() => gateway.dataPlane.paused.has(id));
    expect(gateway.dataPlane.paused.get(id)).toContain('nobody of security watches any more');

    const carol = await watchAs('carol', id);
    await until(() => !gateway.dataPlane.paused.has(id));
    await until(() => own.names().includes('session-resumed'));
    expect(own.names()).toEqual([
      ...['session-opened', 'watcher-needed', 'watcher-came', 'session-paused', 'session-resumed'],
    ]);
    await (await gateway.as('carol')).killSession(id, { reason: 'enough' });
    await Promise.all([own.done, auditor.done, carol.done]);
    expect(await actionsOf(id)).toEqual(
      expect.arrayContaining([
        'alice watcher-needed',
        'bob watch-began',
        'gateway session-paused',
        'carol session-ended',
      ]),
    );
  });

  test('starts at once when somebody watches already, and needs nobody when it has ended', async () => {
    const { id } = await gateway.openSession();
    const first = askAs(gateway, id, ask);
    await first.answer(1);
    const bob = await watchAs('bob', id);
    await first.answer(2);
    const second = askAs(gateway, id, { ...ask, ask: 2 });
    expect(await second.answer(1)).toMatchObject({ state: 'approved', by: 'bob' });
    first.withdraw();
    bob.leave();
    await until(() => gateway.dataPlane.paused.has(id));
    second.withdraw();
    expect(gateway.dataPlane.paused.has(id)).toBe(false);
    expect((await failure(watchAs('bob', id))).code).toBe('not_found');
  });

  test('does not start when nobody comes, and a paused session ends', async () => {
    const { id } = await gateway.openSession();
    const late = askAs(gateway, id, { ...ask, timeoutMs: 1 });
    expect(await late.answer(2)).toMatchObject({ state: 'expired' });
    const { answer } = askAs(gateway, id, { ...ask, ask: 2, timeoutMs: 1 });
    await answer(1);
    const bob = await watchAs('bob', id);
    await answer(2);
    bob.leave();
    await until(() => gateway.dataPlane.killed.has(id));
    expect(gateway.dataPlane.killed.get(id)).toBe('nobody of security watched it for 1 s');
  });

  test('counts neither the person himself, nor a linked account of his, nor one that left the group', async () => {
    const admin = await gateway.as('admin');
    const { id } = await gateway.openSession();
    const { states, answer } = askAs(gateway, id, { ...ask, approvers: ['developers', 'security'] });
    await answer(1);
    await admin.linkUser('bob', 'alice');
    const linked = askAs(gateway, id, { ...ask, ask: 2, approvers: ['developers', 'security'] });
    await linked.answer(1);
    const own = await watchAs('alice', id);
    expect((await failure(watchAs('bob', id))).code).toBe('not_found');
    expect(linked.states.map(({ state }) => state)).toEqual(['pending']);
    const carol = await watchAs('carol', id);
    expect(await linked.answer(2)).toMatchObject({ by: 'carol' });
    expect(states.at(-1)).toMatchObject({ state: 'approved' });
    await admin.putUser('carol', { groups: [] });
    await failure((await gateway.as('carol')).keepWatching(id));
    await until(() => gateway.dataPlane.paused.has(id));
    for (const view of [own, carol]) view.leave();
    await admin.unlinkUser('bob');
    await admin.putUser('carol', { groups: ['security'] });
  });
});

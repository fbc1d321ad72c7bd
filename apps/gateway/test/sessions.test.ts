import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { ApiClient } from '@weir/api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testPolicy } from './fixture/policy.ts';
import { failure, type Holder, startTestGateway, type TestGateway, until } from './fixture/test-gateway.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(() => gateway.close());

const kindsOf = async (id: string) => {
  const kinds: string[] = [];
  for await (const line of (await gateway.as('alice')).sessionEvents(id)) kinds.push(line.event.event);
  return kinds;
};

describe('opening a session', () => {
  test('gives a login, a random password and the address of the native listener', async () => {
    const opened = await (await gateway.as('alice')).openSession({ connection: 'shop', via: 'native' });
    expect(opened.user).toMatch(/^alice~[2-9a-z]{6}$/);
    expect(opened.password.length).toBeGreaterThanOrEqual(22);
    expect(opened.database).toBe('shop');
    expect(opened.front.address).toBe('127.0.0.1:7001');
    expect(opened.front.ca).toBe(await readFile(gateway.gateway.addresses.caFile, 'utf8'));
    const dsn = new URL(opened.native.dsn);
    expect([dsn.hostname, dsn.port, dsn.pathname]).toEqual(['127.0.0.1', '7003', '/shop']);
    expect([decodeURIComponent(dsn.username), decodeURIComponent(dsn.password)]).toEqual([
      opened.user,
      opened.password,
    ]);
    const again = await (await gateway.as('alice')).openSession({ connection: 'shop' });
    expect(again.password).not.toBe(opened.password);
  });

  test('makes the verifier of its password as RFC 5802 says', async () => {
    const chosen = 'Aq1!Aq1!Aq1!Aq1!~';
    const opened = await (await gateway.as('alice')).openSession({ connection: 'shop', password: chosen });
    expect(opened.password).toBe(chosen);
    const live = gateway.dataPlane.controlPlane.findByLogin(opened.user);
    const { salt, iterations, storedKey, serverKey } = live?.verifier ?? expect.fail('no live session');
    const salted = pbkdf2Sync(chosen, salt, iterations, 32, 'sha256');
    const mac = (text: string) => createHmac('sha256', salted).update(text).digest();
    expect(iterations).toBe(4096);
    expect(salt).toHaveLength(16);
    expect(storedKey).toEqual(createHash('sha256').update(mac('Client Key')).digest());
    expect(serverKey).toEqual(mac('Server Key'));
  });

  test.each([
    ['an unknown connection', { connection: 'nowhere' }, 'not_found'],
    ['a connection that policy does not allow', { connection: 'vault' }, 'not_permitted'],
    ['a password that is not ASCII', { connection: 'shop', password: 'pässwörter sind lang' }, 'invalid_request'],
    ['a short password', { connection: 'shop', password: 'short' }, 'invalid_request'],
  ])('%s is refused', async (_name, request, code) => {
    expect((await failure((await gateway.as('alice')).openSession(request))).code).toBe(code);
    // What the schema refuses is no attempt yet.
    if ('password' in request && request.password.length < 16) return;
    const events = await (await gateway.as('admin')).listAuditEvents({ action: 'session-refused', limit: 1000 });
    expect(events.at(-1)).toMatchObject({ actor: 'alice', subject: request.connection, detail: { code } });
    expect(JSON.stringify(events)).not.toContain('pässwörter');
  });

  test('needs the agent, and an agent that can do what policy asks', async () => {
    const agent = gateway.dataPlane.online.get('local') ?? expect.fail('no agent');
    gateway.dataPlane.online.set('local', { capabilities: ['postgres/1', 'plan/1'] });
    expect((await failure(gateway.openSession())).why).toContain('approval/1');
    gateway.dataPlane.online.delete('local');
    expect((await failure(gateway.openSession())).code).toBe('agent_unavailable');
    gateway.dataPlane.online.set('local', agent);
  });

  test('is recorded before it is answered', async () => {
    const { id } = await gateway.openSession();
    expect(await kindsOf(id)).toEqual(['session-opened']);
  });
});

describe('the tunnel of a session', () => {
  test('opens with the token of its owner alone', async () => {
    const { id } = await gateway.openSession();
    const { controlPlane } = gateway.dataPlane;
    const own = await gateway.signIn('alice');
    const other = await gateway.signIn('dave');
    const call = { method: 'POST', url: 'https://weir-front/weir.tunnel.v1.FrontDoor/Connect', address: '127.0.0.1' };
    const find = async (holder: Holder, target = call) => {
      const { authorization, dpop: proof } = await holder.authorize(target.method, target.url);
      return controlPlane.findByToken({ authorization, proof, ...call }, id);
    };
    expect((await find(own)).id).toBe(id);
    expect((await failure(find(other))).code).toBe('not_found');
    expect((await failure(controlPlane.findByToken({ authorization: 'DPoP x', proof: 'x', ...call }, id))).code).toBe(
      'sign_in_required',
    );
    const ofTheApi = { ...call, url: `${gateway.gateway.addresses.api}/api/v1/sessions` };
    expect((await failure(find(own, ofTheApi))).code).toBe('sign_in_required');
    await (await gateway.as('alice')).killSession(id);
    expect((await failure(find(own))).code).toBe('session_ended');
  });
});

describe('a live session', () => {
  test('counts what the data plane reports', async () => {
    const { id } = await gateway.openSession();
    const { controlPlane } = gateway.dataPlane;
    controlPlane.channelOpened(id, 1, '192.0.2.1:5000');
    controlPlane.channelOpened(id, 2, '192.0.2.2:5000');
    controlPlane.counted(id, { statements: 3, denied: 1 });
    controlPlane.counted(id, { statements: 2, denied: 0 });
    controlPlane.channelClosed(id, 2, 'client left');
    const counts = { channels: 2, statements: 5, denied: 1, clientAddress: '192.0.2.2:5000' };
    const alice = await gateway.as('alice');
    expect(await alice.showSession(id)).toMatchObject({ state: 'active', ...counts });
    await alice.killSession(id);
    expect(await alice.showSession(id)).toMatchObject({ state: 'ended', ...counts });
  });

  test('ends by a kill: channels cut, login dead, recording sealed and anchored', async () => {
    const { id, user } = await gateway.openSession();
    const admin = await gateway.as('admin');
    await admin.killSession(id, { reason: 'lunch' });
    expect(gateway.dataPlane.killed.get(id)).toBe('ended by admin: lunch');
    expect(gateway.dataPlane.controlPlane.findByLogin(user)).toBeNull();
    await until(async () => (await admin.showSession(id)).recording === 'sealed');
    expect(await admin.showSession(id)).toMatchObject({ state: 'ended', endReason: 'ended by admin: lunch' });
    expect(await kindsOf(id)).toEqual(['session-opened', 'session-closed']);
    const anchor = (await admin.listAnchors()).find((candidate) => candidate.session === id);
    expect(anchor).toMatchObject({ sealed: true, entries: 2 });
    expect(await admin.readRecording(id)).toHaveLength(anchor?.bytes ?? -1);
    await admin.killSession(id);
  });

  test('is not ended by another member, who does not even see it', async () => {
    const { id } = await gateway.openSession();
    expect((await failure((await gateway.as('dave')).killSession(id))).code).toBe('not_found');
    expect((await failure((await gateway.as('dave')).showSession(id))).code).toBe('not_found');
    expect((await failure((await gateway.as('audrey')).killSession(id))).code).toBe('not_permitted');
    expect((await (await gateway.as('dave')).listSessions()).map((session) => session.id)).not.toContain(id);
    expect(
      (await (await gateway.as('audrey')).listSessions({ state: 'active' })).map((session) => session.id),
    ).toContain(id);
  });

  test('of another person is read by auditors, who leave a trace', async () => {
    const { id } = await gateway.openSession();
    const audrey = await gateway.as('audrey');
    for await (const _line of audrey.sessionEvents(id));
    const views = await audrey.listAuditEvents({ action: 'session-viewed', limit: 1000 });
    expect(views.at(-1)).toMatchObject({ actor: 'audrey', subject: id, detail: { principal: 'alice' } });
  });

  test('gets new rules pushed, keeps its plan when they do not concern it, ends when they take its access', async () => {
    const { id } = await gateway.openSession();
    const admin = await gateway.as('admin');
    await admin.applyPolicy({ text: `${testPolicy}\n---\n${accessOf('others', 'vault')}` });
    expect(gateway.dataPlane.plans.has(id)).toBe(false);
    await admin.applyPolicy({ text: testPolicy.replace('kinds: [delete]', 'kinds: [delete, update]') });
    expect(JSON.stringify(gateway.dataPlane.plans.get(id))).toContain('"update"');
    const live = gateway.gateway.capabilities.sessions.live.byId(id)?.live;
    expect(live?.plan).toEqual(gateway.dataPlane.plans.get(id));
    await admin.applyPolicy({ text: accessOf('others', 'shop') });
    expect(gateway.dataPlane.killed.get(id)).toContain('the policy changed');
    await admin.applyPolicy({ text: testPolicy });
  });

  test('ends when its agent does not take the new rules', async () => {
    const { id } = await gateway.openSession();
    gateway.dataPlane.deaf.add(id);
    const admin = await gateway.as('admin');
    await admin.applyPolicy({ text: testPolicy.replace('kinds: [delete]', 'kinds: [delete, insert]') });
    expect(gateway.dataPlane.killed.get(id)).toContain('did not confirm');
    await admin.applyPolicy({ text: testPolicy });
  });

  test.each([
    ['its target changes', { host: '127.0.0.2' }, 'the target of the connection changed'],
    ['its connection is deleted', undefined, 'the connection was deleted'],
  ])('ends when %s', async (_name, change, reason) => {
    const admin = await gateway.as('admin');
    const target = {
      protocol: 'postgres',
      host: '127.0.0.1',
      database: 'shop',
      user: 'app',
      password: { from: 'none' },
    } as const;
    await admin.putConnection({ name: 'shop', agent: 'local', target });
    const { id } = await gateway.openSession();
    if (change === undefined) await admin.deleteConnection('shop');
    else await admin.putConnection({ name: 'shop', agent: 'local', target: { ...target, ...change } });
    expect(gateway.dataPlane.killed.get(id)).toBe(reason);
    await admin.putConnection({ name: 'shop', agent: 'local', target });
  });
});

describe('rules that change while a session is being opened', () => {
  test.each([
    ['the policy', (admin: ApiClient) => admin.applyPolicy({ text: accessOf('others', 'shop') })],
    ['the account', (admin: ApiClient) => admin.putUser('dave', { groups: [] })],
    ['the connection', (admin: ApiClient) => admin.deleteConnection('shop')],
  ])('%s: no session outlives them', async (_name, change) => {
    const [admin, dave] = [await gateway.as('admin'), await gateway.as('dave')];
    const target = {
      protocol: 'postgres',
      host: 'h',
      database: 'shop',
      user: 'app',
      password: { from: 'none' },
    } as const;
    for (let round = 0; round < 5; round++) {
      await admin.applyPolicy({ text: testPolicy });
      await admin.putUser('dave', { groups: ['developers'] });
      await admin.putConnection({ name: 'shop', agent: 'local', target });
      const opens = Array.from({ length: 4 }, () => dave.openSession({ connection: 'shop' }));
      await Promise.all([Promise.allSettled(opens), change(admin)]);
      expect(
        gateway.gateway.capabilities.sessions.live.all().filter((entry) => entry.live.principal.name === 'dave'),
      ).toEqual([]);
    }
  });
});

function accessOf(group: string, connection: string): string {
  return `
apiVersion: weir.dev/v1
kind: Access
metadata: { name: access-of-${group} }
spec: { who: { groups: [${group}] }, connections: { names: [${connection}] } }
`;
}

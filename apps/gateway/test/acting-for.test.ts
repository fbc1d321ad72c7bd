import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Caller } from '../src/identity/caller.ts';
import { failure, startTestGateway, type TestGateway } from './fixture/test-gateway.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(async () => {
  await gateway.close();
});

/** The account `name` as an AI agent that acts for `person`. */
async function actingCaller(name: string, person: string): Promise<Caller> {
  const { users } = gateway.gateway.repositories;
  const [own, behind] = [await users.findByName(name), await users.findByName(person)];
  if (own === undefined || behind === undefined) throw new Error('no such account');
  return {
    ...{ id: own.id, name, kind: 'ai-agent', groups: own.groups, roles: [], personId: null },
    actingFor: { id: behind.id, name: person, groups: behind.groups },
    ...{ authTimeMs: Date.now(), mfaAtMs: null, tokenId: 't', clientAddress: null },
    expiresAt: new Date(Date.now() + 600_000),
  };
}
const open = async (name: string, person: string) =>
  gateway.gateway.capabilities.sessions.open(
    await actingCaller(name, person),
    { connection: 'shop', via: 'connect' },
    '127.0.0.1',
  );
const events = async (action: string) =>
  (await (await gateway.as('admin')).listAuditEvents({ limit: 1000 })).filter((event) => event.action === action);

describe('a session of an agent that acts for a person', () => {
  test('opens when both are allowed, and both names are in session and audit log', async () => {
    const { id } = await open('alice', 'dave');
    const admin = await gateway.as('admin');
    expect(await admin.showSession(id)).toMatchObject({ principal: 'alice', actingFor: 'dave' });
    const event = (await events('session-opened')).find(({ subject }) => subject === id);
    expect(event).toMatchObject({ actor: 'alice', detail: { actingFor: 'dave' } });
  });

  test.each([
    ['the person', 'alice', 'bob', 'both need the access'],
    ['the agent', 'bob', 'alice', 'No access rule lets bob'],
  ])('is refused when %s is not allowed, with the reason in the audit log', async (_who, name, person, why) => {
    const refusal = await failure(open(name, person));
    expect(refusal).toMatchObject({ code: 'not_permitted', why: expect.stringContaining(why) });
    expect((await events('session-refused')).at(-1)).toMatchObject({
      actor: name,
      detail: { actingFor: person, why: expect.stringContaining(why) },
    });
  });

  test.each([
    ['is disabled', { disabled: true }, 'dave, for whom it acts, is disabled'],
    ['leaves the group', { groups: [] }, 'both need the access'],
  ])('ends when the person %s', async (_what, change, reason) => {
    const { id } = await open('alice', 'dave');
    const admin = await gateway.as('admin');
    await admin.putUser('dave', change);
    expect(await admin.showSession(id)).toMatchObject({ state: 'ended', endReason: expect.stringContaining(reason) });
    await admin.putUser('dave', { disabled: false, groups: ['developers'] });
  });
});

describe('access that needs a grant', () => {
  const policy = `apiVersion: weir.dev/v1
kind: Access
metadata: { name: repair }
spec:
  who: { groups: [developers] }
  connections: { names: [shop] }
  grant: required
---
apiVersion: weir.dev/v1
kind: AccessRequest
metadata: { name: ask-for-repair }
spec:
  who: { groups: [developers] }
  connections: { names: [shop] }
  longest: 2h
  approvers: { groups: [security] }
`;
  const grantTo = async (person: string): Promise<string> => {
    const client = await gateway.as(person);
    const { id } = await client.newAccessRequest({ connection: 'shop', seconds: 3600, reason: 'repair' });
    const { grant } = await (await gateway.as('bob')).decideAccessRequest(id, { decision: 'approve' });
    return grant ?? '';
  };

  test('is open while both hold one, and ends with the first of the two', async () => {
    const admin = await gateway.as('admin');
    await admin.applyPolicy({ text: policy });
    const ofAgent = await grantTo('alice');
    expect((await failure(open('alice', 'dave'))).why).toContain('both need the access');
    await grantTo('dave');
    const { id } = await open('alice', 'dave');
    await admin.revokeGrant(ofAgent);
    expect((await admin.showSession(id)).state).toBe('ended');
    expect((await failure(open('alice', 'dave'))).why).toContain('alice needs a grant');
    await grantTo('alice');
    const [held] = (await admin.listGrants()).filter(
      ({ principal, state }) => principal === 'dave' && state === 'active',
    );
    const again = await open('alice', 'dave');
    await admin.revokeGrant(held?.id ?? '');
    expect(await admin.showSession(again.id)).toMatchObject({
      state: 'ended',
      endReason: expect.stringContaining('both need the access'),
    });
  });
});

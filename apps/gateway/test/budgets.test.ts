import type { BudgetGrant } from '@weir/proto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { leaseShares } from '../src/budgets/lease-size.ts';
import { testPolicy } from './fixture/policy.ts';
import { askAs, startTestGateway, type TestGateway, until } from './fixture/test-gateway.ts';

const budget = (name: string, spec: string) =>
  `---\napiVersion: weir.dev/v1\nkind: Budget\nmetadata: { name: ${name} }\nspec: { tables: ['public.*'], ${spec} }\n`;
const names = ['restart', 'share', 'both', 'wait', 'window', 'audit', 'lost', 'crossed'];
const policy =
  testPolicy +
  names.map((name) => budget(name, 'rows: 100, per: hour')).join('') +
  budget('large', 'rows: 100000, bytes: 1000000000, per: day') +
  budget('seen', 'rows: 10, per: day, mode: observe') +
  budget('asked', 'rows: 10, per: day, action: require-approval, approval: { approvers: { groups: [security] } }');

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
  await gateway.gateway.capabilities.policies.apply(policy, 'test');
  // Far from the end of an hour and of a day.
  gateway.advance(86_400_000 - (Date.now() % 86_400_000) + 600_000);
});
afterAll(() => gateway.close());

/** One channel's agent. */
async function channelOf(user = 'alice', actingFor?: string) {
  const { id } = await gateway.openSession(user);
  const entry = gateway.gateway.capabilities.sessions.live.byId(id);
  const behind = actingFor === undefined ? undefined : await gateway.gateway.repositories.users.findByName(actingFor);
  if (entry !== undefined && behind !== undefined) {
    const person = { id: behind.id, name: behind.name, groups: behind.groups };
    entry.live = { ...entry.live, principal: { ...entry.live.principal, actingFor: person } };
  }
  const budgets = gateway.dataPlane.controlPlane.openBudgets(id);
  let asks = 0;
  const ask = (rule: string, requestId: string | null = null) => {
    asks += 1;
    return new Promise<BudgetGrant>((resolve) => budgets.ask({ ask: asks, rule, requestId }, resolve));
  };
  return { id, ask, report: budgets.report, close: budgets.close };
}
const stateOf = async (rule: string, user = 'alice') =>
  (await (await gateway.as(user)).listBudgets()).find((shown) => shown.rule === rule);
const used = async (rule: string) => (await stateOf(rule))?.rows.used;

describe('how much is granted at once', () => {
  const max = { maxRows: 100_000, maxBytes: null, bytesUsed: 0 };
  test.each([
    [
      { ...max, rowsUsed: 0 },
      { granted: 10_000, isLast: false },
    ],
    [
      { ...max, rowsUsed: 80_000 },
      { granted: 20_000, isLast: true },
    ],
    [
      { ...max, rowsUsed: 79_999 },
      { granted: 10_000, isLast: false },
    ],
    [
      { ...max, maxRows: 2_000, rowsUsed: 0 },
      { granted: 2_000, isLast: true },
    ],
    [
      { ...max, maxRows: 2_001, rowsUsed: 0 },
      { granted: 1_000, isLast: false },
    ],
    [
      { ...max, maxRows: 10, rowsUsed: 12 },
      { granted: 0, isLast: true },
    ],
    [
      { ...max, maxRows: null, rowsUsed: 5 },
      { granted: null, isLast: true },
    ],
  ])('%o', (state, rows) => {
    expect(leaseShares(state).rows).toEqual(rows);
  });
});

describe('the ledger', () => {
  test('counts what is granted as used until it comes back', async () => {
    const { ask, report } = await channelOf();
    const grant = await ask('large');
    expect(grant).toMatchObject({ state: 'granted', rows: 10_000, bytes: 100_000_000, isLastOfRows: false });
    expect(await stateOf('large')).toMatchObject({
      rows: { used: 10_000, max: 100_000 },
      bytes: { used: 100_000_000, max: 1_000_000_000 },
    });
    report({ lease: grant.lease, rows: 7, bytes: 70 });
    await until(async () => (await used('large')) === 7);
    report({ lease: grant.lease, rows: 50, bytes: 70 });
    report({ lease: 99, rows: 50, bytes: 70 });
    expect((await ask('large')).rows).toBe(10_000);
    expect(await used('large')).toBe(10_007);
  });

  test('is one over all sessions of a person, and each person’s own', async () => {
    const [first, second, other] = [await channelOf(), await channelOf(), await channelOf('dave')];
    const grant = await first.ask('share');
    expect(grant).toMatchObject({ rows: 100, isLastOfRows: true });
    const waits = second.ask('share');
    expect(await other.ask('share')).toMatchObject({ rows: 100 });
    first.report({ lease: grant.lease, rows: 60, bytes: 600 });
    expect(await waits).toMatchObject({ state: 'granted', rows: 40 });
    expect((await (await gateway.as('dave')).listBudgets()).map(({ principal }) => principal)).toEqual(['dave']);
    expect((await (await gateway.as('audrey')).listBudgets()).length).toBeGreaterThan(2);
  });

  test('counts on both when somebody acts for a person: nobody gets more by letting others ask', async () => {
    const own = await channelOf();
    const acting = await channelOf('dave', 'alice');
    const first = await own.ask('both');
    own.report({ lease: first.lease, rows: 70, bytes: 700 });
    await until(async () => (await used('both')) === 70);
    const grant = await acting.ask('both');
    expect(grant).toMatchObject({ state: 'granted', rows: 30, isLastOfRows: true });
    acting.report({ lease: grant.lease, rows: 30, bytes: 300 });
    await until(async () => (await used('both')) === 100);
    await until(async () => (await stateOf('both', 'dave'))?.rows.used === 30);
    expect(await acting.ask('both')).toMatchObject({ state: 'exhausted' });
    // What dave himself has left is his: the refused ask took nothing of it.
    const daves = await channelOf('dave');
    expect(await daves.ask('both')).toMatchObject({ state: 'granted', rows: 70 });
  });

  test('what running statements hold is waited for, not for ever', async () => {
    const [first, second] = [await channelOf(), await channelOf()];
    await first.ask('wait');
    expect(await second.ask('wait')).toMatchObject({
      state: 'exhausted',
      reason: 'statements of other sessions hold what is left',
    });
  });

  test('a lease that nobody reports stays counted', async () => {
    const [first, second] = [await channelOf(), await channelOf()];
    await first.ask('lost');
    const waits = second.ask('lost');
    first.close();
    expect(await waits).toMatchObject({ state: 'exhausted', reason: '' });
  });

  test('an overdraft counts', async () => {
    const { ask, report } = await channelOf();
    report({ lease: (await ask('crossed')).lease, rows: 130, bytes: 1 });
    await until(async () => (await used('crossed')) === 130);
    expect(await ask('crossed')).toMatchObject({ state: 'exhausted' });
  });

  test('outlives the gateway', async () => {
    const { ask, report } = await channelOf();
    report({ lease: (await ask('restart')).lease, rows: 90, bytes: 900 });
    await until(async () => (await used('restart')) === 90);
    await gateway.restart();
    const next = await channelOf();
    expect(await next.ask('restart')).toMatchObject({ rows: 10, isLastOfRows: true });
    await gateway.restart({ crash: true });
    expect(await (await channelOf()).ask('restart')).toMatchObject({ state: 'exhausted' });
  });

  test('starts anew with the next window', async () => {
    const { ask, report } = await channelOf();
    const grant = await ask('window');
    report({ lease: grant.lease, rows: 100, bytes: 1 });
    await until(async () => (await used('window')) === 100);
    expect(await ask('window')).toMatchObject({ state: 'exhausted', resetsAtMs: grant.resetsAtMs });
    gateway.advance(3_600_000);
    const next = await ask('window');
    expect(next).toMatchObject({ rows: 100, resetsAtMs: grant.resetsAtMs + 3_600_000 });
  });

  test('knows the budgets of the session’s plan only', async () => {
    const { ask } = await channelOf();
    expect(await ask('no-such-budget')).toMatchObject({ state: 'failed', lease: 0 });
    gateway.dataPlane.controlPlane
      .openBudgets('ses_unknown')
      .ask({ ask: 1, rule: 'large', requestId: null }, (grant) => expect(grant.state).toBe('failed'));
  });

  test('its end is an audit event, once in a window', async () => {
    const { id, ask, report } = await channelOf();
    report({ lease: (await ask('audit')).lease, rows: 100, bytes: 1 });
    await until(async () => (await used('audit')) === 100);
    for (let i = 0; i < 3; i++) expect(await ask('audit')).toMatchObject({ state: 'exhausted' });
    const events = await (await gateway.as('admin')).listAuditEvents({ action: 'budget-exhausted', limit: 100 });
    const mine = events.filter(({ subject }) => subject === 'audit');
    expect(mine).toMatchObject([{ actor: 'alice', detail: { per: 'hour', mode: 'enforce', maxRows: 100 } }]);
    expect(id).toMatch(/^ses_/);
  });
});

test('an observed budget grants without end and says that it is used up', async () => {
  const { ask, report } = await channelOf();
  const first = await ask('seen');
  expect(first).toMatchObject({ state: 'granted', rows: null, bytes: null, isOver: false });
  report({ lease: first.lease, rows: 25, bytes: 250 });
  await until(async () => (await used('seen')) === 25);
  expect(await ask('seen')).toMatchObject({ state: 'granted', rows: null, isOver: true });
});

describe('an approved request', () => {
  test('adds to the allowance once, for its own budget and person', async () => {
    const { id, ask, report } = await channelOf();
    report({ lease: (await ask('asked')).lease, rows: 10, bytes: 1 });
    await until(async () => (await used('asked')) === 10);
    const request = askAs(gateway, id, { rule: 'asked' });
    const { requestId } = await request.answer(1);
    expect(await ask('asked', requestId)).toMatchObject({ state: 'failed' });
    await (await gateway.as('bob')).decideRequest(requestId, { decision: 'approve' });
    const dave = await channelOf('dave');
    expect(await dave.ask('asked', requestId)).toMatchObject({ state: 'failed' });
    expect(await ask('large', requestId)).toMatchObject({ state: 'failed' });
    const grant = await ask('asked', requestId);
    expect(grant).toMatchObject({ state: 'granted', rows: 10 });
    expect((await stateOf('asked'))?.rows).toEqual({ used: 20, max: 20 });
    report({ lease: grant.lease, rows: 10, bytes: 1 });
    expect(await ask('asked', requestId)).toMatchObject({ state: 'exhausted' });
    const events = await (await gateway.as('admin')).listAuditEvents({ action: 'budget-extended', limit: 10 });
    expect(events).toMatchObject([
      { actor: 'alice', subject: 'asked', detail: { request: requestId, rows: 10, approvedBy: 'bob' } },
    ]);
  });
});

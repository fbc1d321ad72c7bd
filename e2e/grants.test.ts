import type { AccessRequest, Grant } from '@weir/api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWeirCli, type WeirCli } from './fixture/cli.ts';
import { type LivePg, livePg } from './fixture/drivers.ts';
import { grantedPolicy } from './fixture/granted-policy.ts';
import { startPsql } from './fixture/psql.ts';
import { type System, startSystem } from './fixture/system.ts';
import { waitFor } from './fixture/wait.ts';

describe('access for a while', () => {
  let system: System;
  let alice: WeirCli;
  let bob: WeirCli;
  beforeAll(async () => {
    system = await startSystem({ customers: 20, policy: grantedPolicy() });
    alice = createWeirCli(system, 'alice');
    bob = createWeirCli(system, 'bob');
    for (const cli of [alice, bob]) expect((await cli.login()).status).toBe(0);
  });
  afterAll(() => system?.stop());

  /** Asks and approves on the command line. */
  const grant = async (time: string): Promise<Grant> => {
    const asked = await alice.json<AccessRequest>('requests', 'new', 'demo-pg', '--for', time, '--reason', 'repair');
    const decided = await bob.json<AccessRequest>('requests', 'approve', asked.id, '--reason', 'looked at it');
    return alice.json<Grant>('grants', 'show', decided.grant ?? '');
  };
  const one = async ({ client }: LivePg) => (await client.query('select 1 as one')).rows[0]?.one;

  it('is asked for, works in psql, ends with a message in its protocol, and does not come back', async () => {
    const refused = await alice.run(['exec', 'demo-pg', 'SELECT 1']);
    expect(refused.status).toBe(5);
    expect(refused.stderr).toContain('weir requests new demo-pg --for 2h --reason WHY');

    const given = await grant('12s');
    const { dsn } = await system.dsn('alice');
    const psql = startPsql(dsn);
    psql.send("select 'it ' || 'works';");
    await psql.waitFor(/it works/);
    psql.clear();
    // At the last second: opened anew, it ends at the same moment.
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, Date.parse(given.until) - Date.now() - 1500)));
    const late = await (await system.as('alice')).openSession({ connection: 'demo-pg', via: 'native' });
    expect(late.expiresAt).toBe(given.until);
    const lateClient = await livePg(system, late.native.dsn);
    expect(await one(lateClient)).toBe(1);
    expect(await lateClient.lost).toMatchObject({
      code: '57P01',
      message: expect.stringMatching(/grant .*has ended; ask again: weir requests new demo-pg/),
    });
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(given.until));
    psql.send('select 2;');
    await psql.waitFor(/grant grt_\w+ has ended; ask again/);
    await psql.end();
    for (const gone of [dsn, late.native.dsn])
      await expect(livePg(system, gone)).rejects.toMatchObject({ code: '28P01' });
    expect((await alice.run(['exec', 'demo-pg', 'SELECT 1'])).status).toBe(5);
    expect((await alice.json<Grant[]>('grants', 'ls', '--state', 'ended')).map(({ id }) => id)).toContain(given.id);
  });

  it('ends when it is revoked', async () => {
    const { id } = await grant('1h');
    const live = await livePg(system, (await system.dsn('alice')).dsn);
    expect(await one(live)).toBe(1);
    const api = await system.as('bob');
    await api.revokeGrant(id, { reason: 'enough' });
    expect(await live.lost).toMatchObject({ code: '57P01', message: expect.stringContaining('revoked by bob') });
    expect((await alice.run(['exec', 'demo-pg', 'SELECT 1'])).status).toBe(5);
  });

  it('goes on after the gateway was killed, and ends at the same moment', async () => {
    const given = await grant('1h');
    await system.gateway.kill('SIGKILL');
    await system.restart('gateway');
    const again = await waitFor('a session', () =>
      alice.run(['exec', 'demo-pg', 'SELECT 1', '--json']).then((run) => (run.status === 0 ? run : undefined)),
    );
    expect(again.stdout).toContain('1');
    expect((await alice.json<Grant>('grants', 'show', given.id)).until).toBe(given.until);
    expect((await alice.run(['grants', 'revoke', given.id])).status).toBe(0);
  });

  it('is taken at once in an emergency, and reviewed', async () => {
    const taken = await alice.json<Grant>('break-glass', 'demo-pg', '--reason', 'production is down');
    expect((await alice.run(['exec', 'demo-pg', 'SELECT 1'])).status).toBe(0);
    expect(await bob.json<Grant[]>('grants', 'ls', '--state', 'to-review')).toMatchObject([{ id: taken.id }]);
    const review = ['grants', 'review', taken.id, '--verdict', 'justified', '--comment', 'it was down'];
    expect((await alice.run(review)).status).toBe(5);
    expect((await bob.run(review)).status).toBe(0);
    expect(await bob.json<Grant[]>('grants', 'ls', '--state', 'to-review')).toEqual([]);
  });
});

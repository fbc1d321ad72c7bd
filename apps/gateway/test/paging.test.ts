import { contract, isList, type Problem, type RouteName, routes } from '@weir/api';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pageOf } from '../src/http/paging.ts';
import type { Keyset } from '../src/store/keyset.ts';
import { askAs, startTestGateway, type TestGateway } from './fixture/test-gateway.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
  for (const seed of Object.values(seeds)) await seed();
});
afterAll(() => gateway.close());

/** Makes two things or more of each list. A new list gets a row here. */
const seeds: Partial<Record<RouteName, () => unknown>> = {
  // Those of the test's gateway are enough.
  listUsers: () => undefined,
  listAuditEvents: () => undefined,
  listSshAuthorities: () => undefined,
  listConnections: async () => {
    const target = { protocol: 'postgres', host: 'h', database: 'd', user: 'u', password: { from: 'none' } } as const;
    await (await gateway.as('admin')).putConnection({ name: 'third', agent: 'local', target });
  },
  listSessions: async () => {
    for (let count = 0; count < 3; count += 1) await gateway.openSession();
  },
  listRequests: async () => {
    const { id } = await gateway.openSession();
    for (const binding of ['a', 'b', 'c']) {
      await askAs(gateway, id, { binding: binding.repeat(64), mode: 'retry' }).answer(1);
    }
  },
  listAccessRequests: async () => {
    const { accessRequests } = gateway.gateway.repositories;
    for (const id of ['acc_a', 'acc_b', 'acc_c']) {
      await accessRequests.insert({
        ...{ id, user_id: 'user', principal: 'alice', principal_kind: 'person', connection: 'vault', rule: 'ask' },
        ...{ seconds: 60, reason: '', ticket: null, approvers: ['security'], require: 'one-of', people: 1 },
        ...{
          never: null,
          asked_under: 'x',
          behind: [],
          created_at: new Date(),
          expires_at: new Date(Date.now() + 60_000),
        },
      });
    }
  },
  listGrants: async () => {
    const { grants } = gateway.gateway.repositories;
    for (const id of ['gra_a', 'gra_b', 'gra_c']) {
      await grants.insert({
        ...{ id, request_id: null, kind: 'request', user_id: 'user', principal: 'alice', principal_kind: 'person' },
        ...{ connection: 'vault', rule: 'ask', reason: '', ticket: null, target: 'x', behind: [], watchers: [] },
        ...{ from_at: new Date(), until_at: new Date(Date.now() + 3_600_000), review_by: null, review_due_at: null },
      });
    }
  },
  listBudgets: async () => {
    const now = new Date();
    const amounts = { rows_used: 1, bytes_used: 1, rows_added: 0, bytes_added: 0, max_rows: 5, max_bytes: null };
    const window = { per: 'hour', starts_at: now, ends_at: new Date(Date.now() + 3_600_000), mode: 'enforce' } as const;
    for (const rule of ['a', 'b', 'c']) {
      const row = { user_id: 'user', principal: 'alice', rule, ...window, ...amounts };
      await gateway.gateway.store.db.insertInto('budget_usage').values(row).execute();
    }
  },
  listJoinTokens: async () => {
    const admin = await gateway.as('admin');
    for (const agent of ['a', 'b', 'c']) await admin.createJoinToken({ agent });
  },
  listAgents: async () => {
    for (const name of ['a', 'b', 'c']) {
      const row = {
        id: `agt_${name}`,
        name,
        pool: name,
        serial: name,
        certificate_expires_at: new Date(),
        version: '1',
      };
      await gateway.gateway.store.db
        .insertInto('agents')
        .values({ ...row, enrolled_at: new Date() })
        .execute();
    }
  },
  listServiceAccounts: async () => {
    for (const name of ['robot', 'robot-2'])
      await (await gateway.as('admin')).putServiceAccount(name, { owner: 'alice' });
  },
  listServiceKeys: async () => {
    for (const label of ['a', 'b', 'c']) await (await gateway.as('admin')).createServiceKey('robot', { label });
  },
  listDelegations: async () => {
    for (const to of ['robot', 'robot-2']) await (await gateway.as('admin')).createDelegation({ to, seconds: 600 });
  },
  listIdentities: async () => {
    const user_id = (await gateway.gateway.repositories.users.findByName('alice'))?.id ?? '';
    for (const provider of ['one', 'two']) {
      const row = { id: `identity-${provider}`, provider, issuer: 'https://id.example', subject: 'alice', user_id };
      const times = { created_at: new Date(), last_sign_in_at: new Date(), checked_at: new Date() };
      await gateway.gateway.store.db
        .insertInto('identities')
        .values({ ...row, ...times, groups: [], email: null, upstream_sessions: [], confirmed_until: new Date() })
        .execute();
    }
  },
  listSshKeys: () => seedSshKeys('admin'),
  listSshKeysOf: () => seedSshKeys('alice'),
  listAuthorities: async () => {
    for (const id of ['a', 'b', 'c']) {
      const row = { id, certificate: 'x', created_by: 'x', created_at: new Date(), retired_at: new Date() };
      await gateway.gateway.store.db.insertInto('authorities').values(row).execute();
    }
  },
  listAnchors: async () => {
    for (const session of ['ses_a', 'ses_b', 'ses_c']) {
      const anchor = { session, entries: 1, bytes: 1, headHash: 'x', sealed: false, publicKey: 'x', file: 'x' };
      await gateway.gateway.repositories.anchors.put(anchor);
    }
  },
  listNotifications: async () => {
    for (const event_id of ['1', '2', '3']) {
      const now = new Date();
      const row = { channel: 'a', event_id, notice: '{"event":"x","title":"x"}', state: 'sent' as const, next_at: now };
      await gateway.gateway.store.db
        .insertInto('notification_deliveries')
        .values({ ...row, created_at: now })
        .execute();
    }
  },
};

async function seedSshKeys(owner: string): Promise<void> {
  const { users, sshKeys } = gateway.gateway.repositories;
  const user_id = (await users.findByName(owner))?.id ?? '';
  for (const number of [1, 2, 3]) {
    const id = `${owner}-${number}`;
    const row = { id, user_id, fingerprint: id, public_key: 'x', label: 'laptop', created_by: owner };
    await sshKeys.insert({ ...row, created_at: new Date() });
  }
}

const lists = (Object.keys(contract) as RouteName[]).filter((name) => isList(contract[name]));

async function get(path: string, user = 'admin') {
  const response = await gateway.fetchAs(user, path);
  const [, next = null] = /^<(.*)>; rel="next"$/.exec(response.headers.get('link') ?? '') ?? [];
  return { status: response.status, next, body: (await response.json()) as unknown };
}

async function readAll(path: string): Promise<unknown[]> {
  const items: unknown[] = [];
  for (let next: string | null = path; next !== null; ) {
    const page = await get(next);
    expect(page.status).toBe(200);
    items.push(...(page.body as unknown[]));
    next = page.next;
  }
  return items;
}

test('every list has a row in `seeds` of this file', () => {
  expect(
    lists.filter((name) => seeds[name] === undefined),
    'add a row to `seeds` in paging.test.ts',
  ).toEqual([]);
});

describe.each(lists)('%s', (name) => {
  const path = routes[name].slice('GET '.length).replace(':name', name === 'listServiceKeys' ? 'robot' : 'alice');
  const keyOf = (item: unknown) => {
    const { id, session, rule, provider, name: word } = item as Record<string, unknown>;
    return id ?? session ?? rule ?? provider ?? word;
  };

  test('page by page holds the same as at once, in the same order', async () => {
    expect(Object.keys(contract[name].query?.shape ?? {}), 'the query extends listQuerySchema').toContain('cursor');
    // Looking at requests is in the audit log, so that this list grows while it is read.
    const before = name === 'listAuditEvents' ? '?action=connection-changed&' : '?';
    const whole = (await get(`${path}${before}limit=200`)).body as unknown[];
    expect(whole.length).toBeGreaterThanOrEqual(2);
    for (const limit of [1, 2]) {
      expect((await readAll(`${path}${before}limit=${limit}`)).map(keyOf)).toEqual(whole.map(keyOf));
    }
  });

  const { next } = { next: async () => String((await get(`${path}?limit=1`)).next) };
  const cases: [what: string, change: (next: string) => string][] = [
    [
      'with another character',
      (link) => link.replace(/cursor=(.{20})(.)/, (_, head, one) => `cursor=${head}${one === 'A' ? 'B' : 'A'}`),
    ],
    ['cut', (link) => link.slice(0, -4)],
    ['that is empty', (link) => link.replace(/cursor=.*/, 'cursor=')],
    ['of nothing', (link) => link.replace(/cursor=.*/, 'cursor=WyJhIl0')],
    ['of another list', (link) => link.replace(/\?/, '/../x?').replace(/^.*\?/, `${otherList(path)}?`)],
  ];
  test.each(cases)('refuses a cursor %s', async (_what, change) => {
    const { status, body } = await get(change(await next()));
    const problem = body as Problem;
    expect([status, problem.code, problem.detail]).toEqual([400, 'invalid_request', 'The cursor cannot be used.']);
    expect(problem.why).toContain('another list, other filters');
  });

  test.each(['0', '201', '1.5', '-1', 'x', '', '1e9'])('refuses the limit %j', async (limit) => {
    expect((await get(`${path}?limit=${limit}`)).status).toBe(400);
  });
});

function otherList(path: string): string {
  return path === '/api/v1/users' ? '/api/v1/agents' : '/api/v1/users';
}

test('a cursor is bound to its filters, not to the size of the page', async () => {
  const { next } = await get('/api/v1/sessions?limit=1&state=active');
  expect((await get(String(next).replace('limit=1', 'limit=2'))).status).toBe(200);
  expect((await get(String(next).replace('state=active', 'state=ended'))).status).toBe(400);
  expect((await get(String(next).replace('state=active', ''))).status).toBe(400);
});

test('a cursor is good after a restart, and shows nobody more than he may see', async () => {
  const { next } = await get('/api/v1/sessions?limit=1');
  await gateway.restart();
  gateway.forget('admin');
  expect((await get(String(next))).status).toBe(200);
  expect((await get(String(next), 'dave')).body).toEqual([]);
});

test('the typed client reads to the end, or to its limit', async () => {
  const { sessions } = gateway.gateway.repositories;
  for (let count = 0; count < 250; count += 1) await sessions.insert(sessionOf(`ses_many${count}`, new Date(count)));
  const admin = await gateway.as('admin');
  const many = (await admin.listSessions()).filter(({ id }) => id.startsWith('ses_many'));
  expect(new Set(many.map(({ id }) => id)).size).toBe(250);
  expect(await admin.listSessions({ limit: 230 })).toHaveLength(230);
  await expect(admin.listSessions({ limit: 0 })).rejects.toMatchObject({ code: 'invalid_request' });
});

function sessionOf(id: string, openedAt: Date) {
  const about = { connection: 'paged', userId: 'user', principal: 'alice', actingFor: null, via: 'connect' as const };
  return { id, ...about, openedAt, expiresAt: new Date(), clientAddress: '::1' };
}

describe('while rows are added, pages lose and double nothing that was there all the time', () => {
  /** Where the new row sorts in, in a list of few different times. */
  const script = fc.record({
    before: fc.array(fc.nat(5), { minLength: 1, maxLength: 30 }),
    during: fc.array(fc.array(fc.nat(5), { maxLength: 4 }), { maxLength: 30 }),
    limit: fc.integer({ min: 1, max: 7 }),
  });

  async function check(
    { before, during, limit }: { before: number[]; during: number[][]; limit: number },
    add: (id: string, time: number) => Promise<void> | void,
    read: (page: Keyset) => Promise<{ ids: string[]; next: readonly string[] | null }>,
  ): Promise<void> {
    const there = before.map((time, index) => ({ id: `a${(index * 7919) % 1000}-${index}`, time }));
    for (const { id, time } of there) await add(id, time);
    const seen: string[] = [];
    let after: readonly string[] | null = null;
    for (let turn = 0; ; turn += 1) {
      const page = await read({ limit, after });
      seen.push(...page.ids);
      after = page.next;
      if (after === null) break;
      for (const [index, time] of (during[turn] ?? []).entries())
        await add(`${index % 2 === 0 ? '0' : 'z'}${turn}-${index}`, time);
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.filter((id) => id.startsWith('a')).sort()).toEqual(there.map(({ id }) => id).sort());
  }

  test('of lists in memory', async () => {
    await fc.assert(
      fc.asyncProperty(
        script,
        fc.constantFrom('ascending' as const, 'descending' as const),
        async (steps, direction) => {
          const list: { id: string; time: number }[] = [];
          await check(
            steps,
            (id, time) => void list.push({ id, time }),
            async (page) => {
              const { items, next } = pageOf(list, page, ({ time, id }) => [String(time), id], direction);
              return { ids: items.map(({ id }) => id), next };
            },
          );
        },
      ),
      { numRuns: 500 },
    );
  });

  test('of lists in the store', async () => {
    const { sessions } = gateway.gateway.repositories;
    let run = 0;
    await fc.assert(
      fc.asyncProperty(script, async (steps) => {
        run += 1;
        const connection = `run-${run}`;
        await check(
          steps,
          (id, time) => sessions.insert({ ...sessionOf(`${id}/${run}`, new Date(time)), connection }),
          async ({ limit, after }) => {
            const rows = await sessions.list({ connection }, { limit: limit + 1, after });
            const shown = rows.slice(0, limit);
            const last = shown.at(-1);
            const next = rows.length > limit && last !== undefined ? [last.opened_at.toISOString(), last.id] : null;
            return { ids: shown.map(({ id }) => id.split('/', 1)[0] ?? ''), next };
          },
        );
      }),
      { numRuns: 25 },
    );
  });
});

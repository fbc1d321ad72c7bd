import { join } from 'node:path';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '@weir/embedded-postgres';
import { createTemporaryFolder } from '@weir/testkit';
import { Kysely, PostgresDialect, sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { first } from '../src/store/migrations/001-first.ts';
import { budgets } from '../src/store/migrations/002-budgets.ts';
import { openStore } from '../src/store/open-store.ts';
import { createRepositories } from '../src/store/repositories.ts';
import { createContentSeal } from '../src/store/sealed-content.ts';
import { failure, until } from './fixture/test-gateway.ts';

// Root's server runs under another account, which has to pass through.
const folder = createTemporaryFolder('weir-store-test', 0o711);
const stateDir = folder.path;
let server: EmbeddedPostgres;
beforeAll(async () => {
  const home = join(stateDir, 'home');
  server = await startEmbeddedPostgres({ stateDir, home, role: 'external', password: 'a password' });
});
afterAll(async () => {
  await server.stop();
  folder.remove();
});

const open = (url = server.adminUrl) => openStore({ stateDir, store: { url }, log: () => undefined });

describe('a store of its own server', () => {
  test('is migrated once and serves one gateway at a time', async () => {
    const store = await open();
    expect((await failure(open())).message).toBe('Another gateway uses this store.');
    await store.close();
    const again = await open();
    const { rows } = await sql<{ n: string }>`SELECT count(*) AS n FROM kysely_migration`.execute(again.db);
    expect(Number(rows[0]?.n)).toBeGreaterThan(0);
    await again.close();
  });

  test('is held again when its connection broke', async () => {
    const store = await open();
    const cut = () =>
      sql`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1999989106`.execute(
        store.db,
      );
    /** The connection that holds the lock; one that was told to end may hold it for a moment. */
    const holder = async () =>
      (
        await sql<{
          pid: number;
        }>`SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 1999989106 AND granted`.execute(store.db)
      ).rows[0]?.pid;
    const first = await holder();
    await cut();
    await until(async () => ![first, undefined].includes(await holder()));
    expect((await failure(open())).code).toBe('conflict');
    await store.close();
  });

  test.each([
    ['a server that is not there', 'postgresql://u:p@127.0.0.1:1/x'],
    ['a wrong password', (url: string) => url.replace(/:[^:@/]+@/, ':wrong@')],
  ])('%s is a clear error without the password', async (_name, url) => {
    const error = await failure(open(typeof url === 'string' ? url : url(server.adminUrl)));
    expect(error.message).toBe('The store does not answer.');
    expect(JSON.stringify([error.message, error.why, error.fix])).not.toContain('wrong@');
  });
});

describe('sealed content', () => {
  const key = Buffer.alloc(32, 7);
  test('opens with its key and its row alone', async () => {
    const seal = createContentSeal(key);
    const sealed = seal.seal({ statement: 'DELETE', parameters: ['ü', null] }, 'req_1');
    expect(sealed.toString('latin1')).not.toContain('DELETE');
    expect(seal.open(sealed, 'req_1')).toEqual({ statement: 'DELETE', parameters: ['ü', null] });
    expect(() => seal.open(sealed, 'req_2')).toThrow('cannot be opened');
    expect(() => createContentSeal(Buffer.alloc(32, 8)).open(sealed, 'req_1')).toThrow('cannot be opened');
  });

  test('shows every changed byte and every cut', () => {
    const seal = createContentSeal(key);
    const sealed = seal.seal('secret', 'x');
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => seal.open(changed, 'x')).toThrow('cannot be opened');
      expect(() => seal.open(sealed.subarray(0, at), 'x')).toThrow('cannot be opened');
    }
  });
});

describe('a store of the first version', () => {
  test('keeps its accounts and agents, and each account is a person of its own', async () => {
    const admin = await open();
    await sql`CREATE DATABASE old`.execute(admin.db);
    await admin.close();
    const url = new URL(server.adminUrl);
    url.pathname = '/old';
    const pool = new pg.Pool({ connectionString: url.href });
    const old = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
    const provider = { getMigrations: async () => ({ '001-first': first, '002-budgets': budgets }) };
    await new Migrator({ db: old, provider }).migrateToLatest();
    await sql`INSERT INTO users (id, name, password_hash, groups, roles)
      VALUES ('u1', 'alice', 'hash', '{developers}', '{auditor}'), ('u2', 'bob', 'hash', '{}', '{}')`.execute(old);
    await sql`INSERT INTO tokens (hash, user_id, expires_at) VALUES ('abc', 'u1', now() + interval '1 hour')`.execute(
      old,
    );
    await sql`INSERT INTO agents (id, name, serial, certificate_expires_at, version)
      VALUES ('a1', 'edge', 'AB', now() + interval '1 hour', '1')`.execute(old);
    await sql`INSERT INTO join_tokens (hash, agent, created_by, expires_at, used_at)
      VALUES ('used', 'edge', 'x', now() + interval '1 hour', now()), ('new', 'edge', 'x', now() + interval '1 hour', NULL)`.execute(
      old,
    );
    await old.destroy();
    const store = await open(url.href);
    const { users, agents } = createRepositories(store, Buffer.alloc(32));
    expect(await users.findByName('alice')).toMatchObject({
      ...{ id: 'u1', person_id: 'u1', groups: ['developers'], own_groups: ['developers'], roles: ['auditor'] },
      ...{ source: 'local', password_hash: 'hash', display_name: null },
    });
    // An agent is alone in a pool of its name, and its certificate is of the first CA.
    expect(await agents.find('a1')).toMatchObject({ pool: 'edge', issuer: null, renewals: 0 });
    expect(await agents.consumeJoinToken(Buffer.from('used'), new Date())).toBe(false);
    expect(await agents.findJoinToken(Buffer.from('new'))).toMatchObject({ agent: 'edge', pool: 'edge', uses: 1 });
    expect(await agents.consumeJoinToken(Buffer.from('new'), new Date())).toBe(true);
    expect(await agents.consumeJoinToken(Buffer.from('new'), new Date())).toBe(false);
    const gone = await sql<{ table: string | null }>`SELECT to_regclass('tokens')::text AS table`.execute(store.db);
    expect(gone.rows).toEqual([{ table: null }]);
    expect((await users.list()).map((user) => user.person_id)).toEqual(['u1', 'u2']);
    await store.close();
  });
});

describe('anchors', () => {
  test('that are sealed are never replaced by unsealed ones', async () => {
    const store = await open();
    const { anchors } = createRepositories(store, Buffer.alloc(32));
    const anchor = {
      session: 's1',
      entries: 1,
      bytes: 5_000_000_000,
      headHash: 'aa',
      sealed: false,
      publicKey: 'k',
      file: 's1.weir',
    };
    expect(await anchors.put(anchor)).toBe(true);
    expect(await anchors.put({ ...anchor, entries: 2, sealed: true })).toBe(true);
    expect(await anchors.put({ ...anchor, entries: 1 })).toBe(false);
    expect(await anchors.find('s1')).toEqual({ ...anchor, entries: 2, sealed: true });
    await store.close();
  });
});

describe('the database itself', () => {
  test('refuses a request that its own author decided', async () => {
    const store = await open();
    const repositories = createRepositories(store, Buffer.alloc(32));
    const at = new Date();
    const later = new Date(at.getTime() + 60_000);
    await repositories.sessions.insert({
      id: 'ses_1',
      connection: 'c',
      userId: 'u',
      principal: 'alice',
      actingFor: null,
      via: 'connect',
      openedAt: at,
      expiresAt: later,
      clientAddress: 'a',
    });
    await repositories.approvals.insert({
      ...{
        id: 'req_1',
        sessionId: 'ses_1',
        connection: 'c',
        userId: 'u',
        principal: 'alice',
        statement: 's',
        parameters: [],
      },
      ...{
        database: 'd',
        role: 'r',
        tables: [],
        kind: 'delete',
        rule: 'x',
        reason: 'y',
        approvers: ['g'],
        mode: 'wait',
        binding: 'b',
      },
      ...{ timeoutMs: 60_000, createdAt: at, expiresAt: later },
      ...{ askedUnder: 'z', behind: ['u'], actingFor: null, people: 1, require: 'one-of', estimate: null },
    });
    const decideAs = (name: string) =>
      repositories.approvals.decide(
        'req_1',
        { personId: name, userId: name, name, decision: 'approve', reason: '', at },
        () => 'approved',
      );
    await expect(decideAs('alice')).rejects.toThrow('check constraint');
    expect(await repositories.approvals.decisionsOf(['req_1'])).toEqual([]);
    expect((await decideAs('bob')).row?.state).toBe('approved');
    await store.close();
  });
});

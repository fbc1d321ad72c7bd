import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { plant } from './fixture/canaries.ts';
import { createWeirCli, type RunningCli, type WeirCli } from './fixture/cli.ts';
import { driverOptions } from './fixture/drivers.ts';
import { connectRaw, extended, frame, front, type RawAnswer, type RawClient } from './fixture/raw-postgres.ts';
import { type System, startSystem } from './fixture/system.ts';

interface Line {
  readonly id: string;
  readonly sql?: string;
  readonly values?: readonly string[];
  readonly expect: string;
}
const lines = readFileSync(join(import.meta.dirname, 'attacks/guardrails.jsonl'), 'utf8')
  .split('\n')
  .filter((line) => line.trim() !== '')
  .map((line) => JSON.parse(line) as Line)
  .flatMap(({ id, sql, values, expect: verdict }) =>
    sql === undefined || values !== undefined ? [] : [{ id, sql, verdict }],
  );

/** Ways to send one statement, as messages one after the other; undefined = this one cannot be sent so. */
const ways: Readonly<Record<string, (sql: string) => readonly Buffer[] | undefined>> = {
  query: (sql) => [front.query(sql)],
  extended: (sql) => (isSingle(sql) ? [extended(sql, false)] : undefined),
  'extended, results in binary': (sql) => (isSingle(sql) ? [extended(sql, true)] : undefined),
  'prepared by message, executed later': (sql) =>
    isSingle(sql)
      ? [parsed(sql), Buffer.concat([front.bind({ statement: 'p' }), front.execute(), front.sync()])]
      : undefined,
  'prepared by SQL': (sql) =>
    isSingle(sql) && isPlanned(sql) ? [front.query(`PREPARE p AS ${sql}`), front.query('EXECUTE p')] : undefined,
  'a cursor of SQL': (sql) =>
    isSingle(sql) && /^(select|values|table)\b/i.test(sql)
      ? [front.query(`DECLARE c CURSOR FOR ${sql}`), front.query('FETCH ALL FROM c')]
      : undefined,
};
const parsed = (sql: string) => Buffer.concat([front.parse(sql, 'p'), front.sync()]);
const isPlanned = (sql: string) => /^(select|insert|update|delete|merge|values|with)\b/i.test(sql);
const isSingle = (sql: string) => !sql.trim().replace(/;$/, '').includes(';');

/** What was decided, in the words of the client: SQLSTATE, message and the rule; ids of sessions and requests left out. */
function verdictOf(answer: RawAnswer): string {
  const [error] = answer.errors;
  if (error === undefined) return 'allowed';
  const detail = (error['D'] ?? '').replaceAll(/\b(ses|req)[-_][A-Za-z0-9]+/g, '$1');
  const message = (error['M'] ?? '').replaceAll(/\b(ses|req)[-_][A-Za-z0-9]+/g, '$1');
  return [error['C'], message, detail].join(' | ');
}

describe('the same verdicts on every path', () => {
  let system: System;
  let alice: WeirCli;
  let connected: RunningCli;
  const clients: Record<string, RawClient> = {};
  beforeAll(async () => {
    system = await startSystem({ customers: 50 });
    const direct = new pg.Client(system.directUrl);
    await direct.connect();
    await plant(direct);
    await direct.end();
    alice = createWeirCli(system, 'alice');
    expect(await alice.login()).toMatchObject({ status: 0 });
    const { dsn } = await system.dsn('alice');
    const { ssl, connectionString } = driverOptions(system, dsn);
    connected = alice.start(['connect', 'demo-pg', '--json']);
    const local = JSON.parse(await connected.line()) as { dsn: string };
    const options: Record<string, pg.ClientConfig> = {
      'native in clear': { connectionString, ssl: false },
      'native by SSLRequest': { connectionString, ssl },
      'native by direct TLS': { connectionString, ssl, sslnegotiation: 'direct' } as pg.ClientConfig,
      'weir connect': { connectionString: local.dsn },
    };
    for (const [name, config] of Object.entries(options)) clients[name] = await connectRaw(system, dsn, config);
  });
  afterAll(async () => {
    for (const client of Object.values(clients)) client.end();
    connected?.kill('SIGKILL');
    await system?.stop();
  });

  /** Sends it inside a transaction that is rolled back; the first refusal counts. */
  const attempt = async (client: RawClient, messages: readonly Buffer[]) => {
    await client.query('BEGIN');
    let verdict = 'allowed';
    for (const message of messages) if (verdict === 'allowed') verdict = verdictOf(await client.send(message));
    await client.query('ROLLBACK');
    await client.query('DEALLOCATE ALL');
    return verdict;
  };
  const expected = new Map<string, string>();
  const expectedOf = async ({ id, sql, verdict }: (typeof lines)[number]) => {
    const known = expected.get(id) ?? (await attempt(clients['native by SSLRequest'] as RawClient, [front.query(sql)]));
    if (verdict === 'denied') expect([id, known]).not.toEqual([id, 'allowed']);
    expected.set(id, known);
    return known;
  };

  it.each(Object.keys(ways))('%s', async (way) => {
    const differences: string[] = [];
    for (const [at, line] of lines.entries()) {
      const messages = ways[way]?.(line.sql);
      if (messages === undefined) continue;
      // Each way takes each statement, and each path takes each way.
      const paths = Object.keys(clients).filter((_, i) => (at + i) % (way === 'query' ? 2 : 4) === 0);
      for (const path of paths) {
        const seen = await attempt(clients[path] as RawClient, messages);
        const known = await expectedOf(line);
        if (seen !== known) differences.push(`${line.id} ${path}: ${line.sql}\n  ${seen}\n  instead of ${known}`);
      }
    }
    expect(differences.join('\n')).toBe('');
  });

  it('weir exec', async () => {
    const perVerdict = new Map<string, (typeof lines)[number]>();
    for (const line of lines) {
      const rule = /by rule "([^"]+)"/.exec(await expectedOf(line))?.[1];
      if (rule !== undefined) perVerdict.set(rule, line);
    }
    expect(perVerdict.size).toBeGreaterThan(3);
    for (const line of perVerdict.values()) {
      const [code = '', message = '', detail = ''] = (await expectedOf(line)).split(' | ');
      const { status, stdout, stderr } = await alice.run(['exec', 'demo-pg', line.sql]);
      expect([line.sql, status, stdout]).toEqual([line.sql, /approval/.test(message) ? 6 : 5, '']);
      expect(code).toBe('42501');
      expect(stderr).toContain(message.split(/(ses|req)/)[0]);
      expect(stderr).toContain(detail.split(/, session/)[0]);
    }
  });

  it('function calls of the fast path are denied on each', async () => {
    for (const client of Object.values(clients)) {
      const answer = await client.send(frame('F', Buffer.from([0, 0, 5, 0, 0, 0, 0, 0, 0, 0])));
      expect(answer.errors).toMatchObject([{ C: '0A000' }]);
      expect((await client.query('SELECT 1')).tags).toEqual(['SELECT 1']);
    }
  });

  it('COPY of what a SELECT may not show is denied as the SELECT is', async () => {
    for (const client of Object.values(clients)) {
      const denied = await attempt(client, [front.query('SELECT * FROM users')]);
      expect(denied).toMatch(/^42501/);
      expect(await attempt(client, [front.query('COPY (SELECT * FROM users) TO STDOUT')])).toBe(denied);
    }
  });
});

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findCanaries, plant } from './fixture/canaries.ts';
import { connectRaw, extended, front, type RawAnswer, type RawClient } from './fixture/raw-postgres.ts';
import { type System, startSystem } from './fixture/system.ts';

/** One line of a table in attacks/. */
interface Attack {
  readonly id: string;
  /** One statement, sent as a Query and, without `script`, by Parse and Bind with text and binary results as well. */
  readonly sql?: string;
  /** Queries sent one after the other; the last one counts for `expect`. */
  readonly script?: readonly string[];
  /** Parameters of `sql`; it is then sent by Parse and Bind only. */
  readonly values?: readonly (string | null)[];
  /** false: not inside BEGIN … ROLLBACK. */
  readonly block?: boolean;
  readonly expect: 'masked' | 'denied' | 'approval' | 'allowed' | 'no-canary' | 'error';
  readonly why?: string;
}

const folder = join(import.meta.dirname, 'attacks');
const tables = readdirSync(folder)
  .filter((name) => name.endsWith('.jsonl'))
  .map((name) => ({
    name: name.replace('.jsonl', ''),
    attacks: readFileSync(join(folder, name), 'utf8')
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => JSON.parse(line) as Attack),
  }));

describe('attacks', () => {
  let system: System;
  let client: RawClient | undefined;
  let dsn: string;
  beforeAll(async () => {
    system = await startSystem({ customers: 200 });
    const direct = new pg.Client(system.directUrl);
    await direct.connect();
    await plant(direct);
    await direct.end();
    ({ dsn } = await system.dsn('alice'));
  });
  afterAll(async () => {
    client?.end();
    await system?.stop();
  });

  const connected = async (): Promise<RawClient> => {
    client ??= await connectRaw(system, dsn);
    return client;
  };

  /** Sends the attack in one way; the answers of all its statements, and the last one. */
  const attempt = async (attack: Attack, way: 'query' | 'text' | 'binary') => {
    const raw = await connected();
    const answers: RawAnswer[] = [];
    if (attack.block !== false) await raw.query('BEGIN');
    for (const sql of attack.script ?? [attack.sql ?? '']) {
      const message = way === 'query' ? raw.query(sql) : raw.send(extended(sql, way === 'binary', attack.values));
      answers.push(await message);
    }
    if (answers.at(-1)?.closed !== true)
      answers.push(await raw.query(attack.block === false ? 'DISCARD ALL' : 'ROLLBACK'));
    if (answers.at(-1)?.closed === true) client = undefined;
    else if (attack.script !== undefined) await raw.query('DISCARD ALL');
    return { answers, last: answers.at(-2) as RawAnswer };
  };

  it('finds the canaries in what an administrator sees', async () => {
    const admin = await connectRaw(system, (await system.dsn('admin')).dsn);
    const spellings = [
      'SELECT email, phone, ssn, card, iban, address FROM customers WHERE id = 7',
      "SELECT reverse(ssn), encode(card::bytea, 'hex'), encode(email::bytea, 'base64') FROM customers WHERE id = 7",
      "SELECT regexp_replace(iban, '(.)', '\\1-', 'g'), md5(phone) FROM customers WHERE id = 7",
      'SELECT salary FROM employees WHERE id = 1',
      'SELECT regexp_split_to_table(email, NULL), string_to_table(email, NULL) FROM customers WHERE id = 7',
      'SELECT salary::int FROM employees WHERE id = 1',
      'COPY customers TO STDOUT',
      'SELECT email::int FROM customers WHERE id = 7',
    ];
    for (const sql of spellings) {
      for (const message of [front.query(sql), extended(sql, false), extended(sql, true)]) {
        expect(findCanaries(await admin.send(message), ''), sql).not.toEqual([]);
      }
    }
    admin.end();
  });

  for (const { name, attacks } of tables) {
    describe(name, () => {
      for (const attack of attacks) {
        const ways = (['query', 'text', 'binary'] as const).filter((way) =>
          attack.script !== undefined ? way === 'query' : attack.values === undefined || way !== 'query',
        );
        it(`${attack.id}: ${attack.expect}`, async () => {
          for (const way of ways) {
            const { answers, last } = await attempt(attack, way);
            const sent = (attack.script ?? [attack.sql]).join('\n');
            const context = `${way}: ${sent.slice(0, 2000)}\n${JSON.stringify(last?.errors)}`;
            for (const answer of answers) expect(findCanaries(answer, sent), context).toEqual([]);
            check(attack, last, context);
          }
        });
      }
    });
  }
});

const isDenial = (error: Readonly<Record<string, string>> | undefined) =>
  error !== undefined && /^Denied by rule|^weir/i.test(error['D'] ?? error['M'] ?? '');

function check(attack: Attack, last: RawAnswer, context: string): void {
  const [error] = last.errors;
  const hasRows = last.messages.some(({ type }) => type === 'D' || type === 'd');
  if (attack.expect === 'denied') expect(isDenial(error) || isOwnRefusal(error), context).toBe(true);
  if (attack.expect === 'approval') expect(error?.['M'] ?? '', context).toContain('needs the approval');
  if (attack.expect === 'error') expect(last.errors.length + Number(last.closed), context).toBeGreaterThan(0);
  if (attack.expect === 'allowed' || attack.expect === 'masked') expect(last.errors, context).toEqual([]);
  if (attack.expect === 'masked') expect(hasRows, context).toBe(true);
}

/** What is refused before any rule is asked: a text that is not understood. */
const isOwnRefusal = (error: Readonly<Record<string, string>> | undefined) =>
  error !== undefined && error['F'] === undefined;

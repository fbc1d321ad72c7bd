import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { canaries, findCanaries, plant } from './fixture/canaries.ts';
import { driverOptions } from './fixture/drivers.ts';
import { connectRaw, extended, frame, front, type RawAnswer, type RawClient } from './fixture/raw-postgres.ts';
import { type System, startSystem } from './fixture/system.ts';
import { waitFor } from './fixture/wait.ts';

const { parse, bind, describe: describeMessage, execute, close, flush, sync, query } = front;
const join = (...messages: readonly Buffer[]) => Buffer.concat(messages);
/** Harmless, and the same shape as what tells a canary. */
const harmless = "SELECT name || '' FROM customers WHERE id = 7";
const telling = "SELECT reverse(ssn) || '' FROM customers WHERE id = 7";

describe('attacks by protocol messages', () => {
  let system: System;
  let direct: pg.Client;
  const open: RawClient[] = [];
  beforeAll(async () => {
    system = await startSystem({ customers: 200 });
    direct = new pg.Client(system.directUrl);
    await direct.connect();
    await plant(direct);
  });
  afterEach(() => {
    for (const client of open.splice(0)) client.end();
  });
  afterAll(async () => {
    await direct?.end();
    await system?.stop();
  });

  const alice = async (): Promise<RawClient> => {
    const client = await connectRaw(system, (await system.dsn('alice')).dsn);
    open.push(client);
    return client;
  };

  /** Sends each group, waits for the ReadyForQuery that it has, and looks for canaries. */
  const hunt = async (client: RawClient, groups: readonly (Buffer | string)[]): Promise<RawAnswer[]> => {
    const answers: RawAnswer[] = [];
    for (const group of groups) {
      const answer = typeof group === 'string' ? await client.query(group) : await client.send(group);
      expect(findCanaries(answer, ''), `${answers.length}: ${JSON.stringify(answer.errors)}`).toEqual([]);
      answers.push(answer);
    }
    return answers;
  };

  it.each<[string, readonly (Buffer | string)[]]>([
    [
      'PREPARE takes the name of a parsed statement',
      [
        join(parse(harmless, 'p'), sync()),
        'DEALLOCATE p',
        `PREPARE p AS ${telling}`,
        join(bind({ statement: 'p' }), execute(), sync()),
      ],
    ],
    [
      'PREPARE takes the name of a parsed and described statement',
      [
        join(parse(harmless, 'p'), describeMessage('S', 'p'), sync()),
        'DEALLOCATE ALL',
        `PREPARE p AS ${telling}`,
        join(bind({ statement: 'p', binary: true }), execute(), sync()),
      ],
    ],
    [
      'Parse takes the name of a PREPARE',
      [`PREPARE p AS ${harmless}`, join(close('S', 'p'), parse(telling, 'p'), sync()), 'EXECUTE p'],
    ],
    [
      'Parse takes the name of a PREPARE in one pipeline',
      [
        `PREPARE p AS ${harmless}`,
        join(close('S', 'p'), parse(telling, 'p'), parse('EXECUTE p'), bind(), execute(), sync()),
      ],
    ],
    ['EXECUTE of a parsed statement', [join(parse(telling, 'p'), sync()), 'EXECUTE p']],
    [
      'a portal takes the name of a cursor',
      [
        'BEGIN',
        `DECLARE c CURSOR FOR ${harmless}`,
        join(close('P', 'c'), parse(telling), bind({ portal: 'c' }), sync()),
        'FETCH ALL FROM c',
      ],
    ],
    [
      'a portal takes the name of a cursor that a rollback ended',
      [
        'BEGIN',
        `DECLARE c CURSOR FOR ${harmless}`,
        'ROLLBACK',
        'BEGIN',
        join(parse(telling), bind({ portal: 'c' }), sync()),
        'FETCH ALL FROM c',
      ],
    ],
    [
      'a cursor takes the name of a portal',
      [
        'BEGIN',
        join(parse(harmless), bind({ portal: 'c' }), describeMessage('P', 'c'), sync()),
        'CLOSE c',
        `DECLARE c CURSOR FOR ${telling}`,
        join(execute('c'), sync()),
      ],
    ],
    ['FETCH from a portal', ['BEGIN', join(parse(telling), bind({ portal: 'c' }), sync()), 'FETCH ALL FROM c']],
    [
      'FETCH from a portal, prepared',
      [
        'BEGIN',
        join(
          parse(telling),
          bind({ portal: 'c' }),
          parse('FETCH ALL FROM c', 'f'),
          bind({ statement: 'f' }),
          execute(),
          sync(),
        ),
      ],
    ],
    [
      'the same name parsed again after a Close',
      [
        join(parse(harmless, 'p'), describeMessage('S', 'p'), bind({ statement: 'p' }), execute(), sync()),
        join(close('S', 'p'), parse(telling, 'p'), bind({ statement: 'p' }), execute(), sync()),
      ],
    ],
    [
      'the same name parsed again without a Close',
      [
        join(parse(telling, 'p'), sync()),
        join(parse(harmless, 'p'), sync()),
        join(bind({ statement: 'p' }), execute(), sync()),
      ],
    ],
    [
      'the unnamed statement replaced by one that fails',
      [
        join(parse(telling), sync()),
        join(parse('SELECT nothing FROM nowhere'), sync()),
        join(bind(), execute(), sync()),
      ],
    ],
    [
      'a portal read in pieces, text and binary',
      [
        'BEGIN',
        join(
          parse('SELECT email, ssn, customers FROM customers ORDER BY id'),
          bind({ portal: 'a' }),
          bind({ portal: 'b', binary: true }),
          sync(),
        ),
        join(
          execute('a', 5),
          execute('b', 5),
          execute('a', 5),
          flush(),
          execute('b', 0),
          describeMessage('P', 'a'),
          sync(),
        ),
      ],
    ],
    [
      'a portal of a RETURNING read in pieces',
      [
        'BEGIN',
        join(
          parse("UPDATE customers SET name = name WHERE id < 20 RETURNING email, ssn || ''"),
          bind({ portal: 'a' }),
          execute('a', 2),
          execute('a', 0),
          sync(),
        ),
        'ROLLBACK',
      ],
    ],
    [
      'described as text, bound as binary',
      [
        join(
          parse('SELECT email, salary FROM customers c, employees e WHERE c.id = 7 AND e.id = 1', 'p'),
          describeMessage('S', 'p'),
          sync(),
        ),
        join(bind({ statement: 'p', binary: true }), execute(), sync()),
        join(bind({ statement: 'p' }), execute(), sync()),
      ],
    ],
    [
      'formats by column',
      [
        join(
          parse('SELECT email, ssn, card FROM customers WHERE id = 7'),
          frame('B', Buffer.from('\0\0'), Buffer.from([0, 0, 0, 0, 0, 3, 0, 1, 0, 0, 0, 1])),
          describeMessage('P'),
          execute(),
          sync(),
        ),
      ],
    ],
    [
      'search_path changed inside a pipeline',
      [
        join(parse('SELECT name FROM employees WHERE id = 1', 'p'), sync()),
        join(
          parse('SET search_path = other'),
          bind(),
          execute(),
          bind({ statement: 'p' }),
          execute(),
          parse('SELECT name FROM employees WHERE id = 7'),
          bind(),
          execute(),
          sync(),
        ),
        join(bind({ statement: 'p' }), execute(), sync()),
      ],
    ],
    [
      'search_path changed between Parse and Bind',
      [
        join(parse('SELECT name FROM employees', 'p'), describeMessage('S', 'p'), sync()),
        'SET search_path = other',
        join(bind({ statement: 'p' }), execute(), sync()),
      ],
    ],
    [
      'search_path set back by a rollback',
      [
        'SET search_path = other',
        'BEGIN',
        'SET search_path = public',
        join(parse('SELECT name FROM employees', 'p'), sync()),
        'ROLLBACK',
        join(bind({ statement: 'p' }), execute(), sync()),
      ],
    ],
    [
      'search_path set back by an error in a pipeline',
      [
        'SET search_path = other',
        join(parse('SET search_path = public'), bind(), execute(), parse('SELECT 1/0'), bind(), execute(), sync()),
        'SELECT name FROM employees',
      ],
    ],
    [
      'an error in the middle of a pipeline',
      [
        join(
          parse(telling),
          bind(),
          execute(),
          parse('SELECT email::int FROM customers'),
          bind(),
          execute(),
          parse(telling),
          bind(),
          execute(),
          sync(),
        ),
        join(parse(telling), bind(), execute(), sync()),
      ],
    ],
    [
      'a denial in the middle of a pipeline',
      [
        join(parse(telling, 'p'), parse('DROP TABLE orders'), parse(harmless, 'q'), sync()),
        join(bind({ statement: 'p' }), execute(), sync()),
        join(bind({ statement: 'q' }), execute(), sync()),
      ],
    ],
    [
      'a parameter as the pattern of an error',
      [extended('SELECT (email || $1)::int FROM customers WHERE id = 7', false, ['x'])],
    ],
    [
      'binary cursor read by a simple FETCH',
      [
        'BEGIN',
        "DECLARE c BINARY CURSOR FOR SELECT email, ssn || '', salary FROM customers, employees e WHERE e.id = 1",
        'FETCH 300 FROM c',
      ],
    ],
    [
      'an EXECUTE that was parsed before its name changed',
      [
        `PREPARE p AS ${harmless}`,
        join(parse('EXECUTE p', 'e'), describeMessage('S', 'e'), bind({ statement: 'e' }), execute(), sync()),
        'DEALLOCATE p',
        `PREPARE p AS ${telling}`,
        join(bind({ statement: 'e' }), execute(), sync()),
      ],
    ],
    [
      'a FETCH that was parsed before its cursor changed',
      [
        'BEGIN',
        `DECLARE c CURSOR FOR ${harmless}`,
        join(parse('FETCH ALL FROM c', 'f'), bind({ statement: 'f' }), execute(), sync()),
        'CLOSE c',
        `DECLARE c CURSOR FOR ${telling}`,
        join(bind({ statement: 'f' }), execute(), sync()),
      ],
    ],
    [
      'COPY by Parse',
      [
        join(parse('COPY customers TO STDOUT'), bind(), execute(), sync()),
        join(
          parse('COPY (SELECT reverse(ssn) FROM customers) TO STDOUT (FORMAT binary)', 'c'),
          bind({ statement: 'c' }),
          execute(),
          sync(),
        ),
      ],
    ],
  ])('%s', async (_name, groups) => {
    await hunt(await alice(), groups);
  });

  it.each<[string, Buffer]>([
    ['a function call', frame('F', Buffer.from([0, 0, 0, 1, 0, 0, 0, 0, 0, 0]))],
    ['an unknown message', frame('x', Buffer.from('y'))],
    ['a password', frame('p', Buffer.from('x\0'))],
    ['a length below four', Buffer.from([0x51, 0, 0, 0, 3])],
    ['a length of two gigabytes', Buffer.from([0x51, 0x7f, 0xff, 0xff, 0xff])],
    ['a Query with a NUL inside', frame('Q', Buffer.from('SELECT 1\0; DROP TABLE orders\0'))],
    ['a Query without an end', frame('Q', Buffer.from('SELECT email FROM customers'))],
    ['a Query that is not UTF-8', frame('Q', Buffer.from("SELECT '\xff\xfe' || email FROM customers\0", 'latin1'))],
    ['a Parse that ends early', frame('P', Buffer.from('\0SELECT 1\0'))],
    ['a Bind with a negative count', frame('B', Buffer.from('\0\0'), Buffer.from([0xff, 0xff, 0xff, 0xff]))],
  ])('%s is refused', async (_name, message) => {
    const client = await alice();
    const answer = await client.send(join(message, sync()), 1).catch(() => null);
    if (answer !== null) {
      expect(findCanaries(answer, '')).toEqual([]);
      expect(answer.errors.length + Number(answer.closed)).toBeGreaterThan(0);
    }
    expect((await direct.query('SELECT count(*) FROM orders')).rows[0].count).not.toBe('0');
  });

  /** Changes made past Weir are noticed by the next fingerprint (docs/known-limitations.md). */
  const noticed = (client: RawClient, sql: string) =>
    waitFor('the change to be noticed', async () =>
      findCanaries(await client.query(sql), '').length === 0 ? true : undefined,
    );

  it('a view that its owner replaces leaks nothing, neither prepared nor by name', async () => {
    const client = await alice();
    await hunt(client, [
      'SELECT label FROM harmless WHERE id = 7',
      join(parse('SELECT label FROM harmless WHERE id = 7', 'p'), describeMessage('S', 'p'), sync()),
    ]);
    await direct.query("CREATE OR REPLACE VIEW harmless AS SELECT id, reverse(ssn) || '' AS label FROM customers");
    await noticed(client, 'SELECT label FROM harmless WHERE id = 7');
    await hunt(client, [
      join(bind({ statement: 'p' }), execute(), sync()),
      'SELECT label FROM harmless WHERE id = 7',
      'COPY (SELECT label FROM harmless) TO STDOUT',
    ]);
    await direct.query('CREATE OR REPLACE VIEW harmless AS SELECT id, name AS label FROM customers');
  });

  it('what another session notifies does not carry protected values', async () => {
    const client = await alice();
    await hunt(client, ['LISTEN attacks']);
    await direct.query('SELECT pg_notify($1, $2)', ['attacks', `${canaries.email} ${canaries.ssn}`]);
    await hunt(client, ['SELECT 1', 'SELECT 2']);
  });

  it.each([
    '-c search_path=other',
    '-c standard_conforming_strings=off',
    '-c client_encoding=LATIN1',
    '-c role=postgres',
    '--search_path=other',
  ])('start-up options %s', async (options) => {
    const { dsn } = await system.dsn('alice');
    const client = new pg.Client({ ...driverOptions(system, dsn), options });
    client.on('error', () => undefined);
    try {
      await client.connect();
      const { rows } = await client.query('SELECT name FROM employees');
      expect(JSON.stringify(rows)).not.toContain([...canaries.ssn].reverse().join(''));
    } catch (error) {
      expect(error).toBeInstanceOf(Error);
    }
    await client.end().catch(() => undefined);
  });

  describe('approvals', () => {
    const requestOf = (answer: RawAnswer | undefined): string => {
      const id = /request (req_\w+)/.exec(answer?.errors[0]?.['M'] ?? '')?.[1];
      expect(id, JSON.stringify(answer?.errors)).toBeDefined();
      return id as string;
    };
    const approve = async (id: string) =>
      (await system.as('bob')).decideRequest(id, { decision: 'approve', reason: '' });
    const isThere = async (id: number) =>
      (await direct.query('SELECT 1 FROM orders WHERE id = $1', [id])).rowCount === 1;

    it('serve one run, of one text, with one set of parameters', async () => {
      const client = await alice();
      const text = 'DELETE FROM orders WHERE id = ANY ($1::int[])';
      const many = (last: number) => `{${Array.from({ length: 3000 }, () => '900001').join(',')},${last}}`;
      const [asked] = await hunt(client, [extended(text, false, [many(50)])]);
      await approve(requestOf(asked));
      const [tail, other, spaced] = await hunt(client, [
        extended(text, false, [many(51)]),
        extended(text, false, ['{51}']),
        extended(`${text} `, false, [many(50)]),
      ]);
      for (const answer of [tail, other, spaced]) requestOf(answer);
      expect(await isThere(51)).toBe(true);
      const [ran, again] = await hunt(client, [extended(text, false, [many(50)]), extended(text, false, [many(50)])]);
      expect(ran?.tags).toEqual(['DELETE 1']);
      requestOf(again);
    });

    it('serve one of two sessions that race', async () => {
      const [one, two] = [await alice(), await alice()];
      const text = 'WITH d AS (DELETE FROM orders WHERE id BETWEEN 60 AND 61 RETURNING id) SELECT * FROM d LIMIT 1';
      const [asked] = await hunt(one, [text]);
      await approve(requestOf(asked));
      const answers = await Promise.all([one.query(text), two.query(text)]);
      expect(answers.filter(({ errors }) => errors.length === 0)).toHaveLength(1);
    });

    it('do not serve another search_path, nor another statement behind EXECUTE', async () => {
      const client = await alice();
      const text = 'DELETE FROM orders WHERE id = 70';
      const [asked] = await hunt(client, [text]);
      await approve(requestOf(asked));
      const [, moved] = await hunt(client, ['SET search_path = public, other', text]);
      requestOf(moved);
      const [, first] = await hunt(client, ['PREPARE d(int) AS DELETE FROM orders WHERE id = $1', 'EXECUTE d(71)']);
      await approve(requestOf(first));
      const [, , changed] = await hunt(client, [
        'DEALLOCATE d',
        'PREPARE d(int) AS DELETE FROM orders WHERE id > $1',
        'EXECUTE d(71)',
      ]);
      requestOf(changed);
      expect(await isThere(72)).toBe(true);
    });

    it('do not serve another row of a cursor', async () => {
      const client = await alice();
      const [, , , asked] = await hunt(client, [
        'BEGIN',
        'DECLARE c CURSOR FOR SELECT id FROM orders WHERE id = 80 FOR UPDATE',
        'FETCH c',
        'DELETE FROM orders WHERE CURRENT OF c',
      ]);
      await approve(requestOf(asked));
      const answers = await hunt(client, [
        'ROLLBACK',
        'BEGIN',
        'DECLARE c CURSOR FOR SELECT id FROM orders WHERE id = 81 FOR UPDATE',
        'FETCH c',
        'DELETE FROM orders WHERE CURRENT OF c',
      ]);
      requestOf(answers.at(-1));
    });
  });

  it('a query message keeps its own text', async () => {
    const [answer] = await hunt(await alice(), [query('SELECT 1 AS one')]);
    expect(answer?.cells.map(String)).toEqual(['1']);
  });
});

import { hasCommand, runPsql } from '@weir/testkit';
import { lane } from '@weir/testkit/lane';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startPsql } from './fixture/psql.ts';
import { type System, startSystem } from './fixture/system.ts';
import { waitFor } from './fixture/wait.ts';

const psqlLane = lane(
  'psql',
  () => hasCommand('psql') && hasCommand('script'),
  'install the PostgreSQL client (psql) and script (bsdutils)',
);

psqlLane('psql through gateway and agent', () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ customers: 300 });
  });
  afterAll(() => system?.stop());

  const direct = async (sql: string) => (await runPsql(system.directUrl, sql)).stdout.trim();
  const alice = async (sql: string, args?: string[]) => runPsql((await system.dsn('alice')).dsn, sql, args);

  it('reads customers with every protected column masked, whatever the spelling', async () => {
    const [email, ssn, card, iban, phone] = (
      await direct(`select email, ssn, card, iban, phone from customers where id = 7`)
    ).split('|');
    const spellings = [
      'SELECT * FROM customers WHERE id = 7',
      'SELECT email AS e, ssn s, card c, iban i, phone p FROM customers x WHERE id = 7',
      "SELECT upper(email) || '' AS u, substr(card, 1, 16), reverse(ssn) FROM customers WHERE id = 7",
      'WITH c AS (SELECT email e, card k FROM customers WHERE id = 7) SELECT e, k FROM c',
      'SELECT * FROM customer_contacts LIMIT 50',
      'SELECT row_to_json(customers) FROM customers WHERE id = 7',
      'SELECT c FROM customers c WHERE id = 7',
      'SELECT c::text FROM customers c WHERE id = 7',
      'COPY customers TO STDOUT',
      'COPY (SELECT email, card FROM customers WHERE id = 7) TO STDOUT WITH CSV HEADER',
      'SELECT array_agg(email), max(iban) FROM customers WHERE id < 20',
      'SELECT (SELECT email FROM customers WHERE id = 7)',
      'VALUES ((SELECT ssn FROM customers WHERE id = 7))',
      'SELECT id FROM orders WHERE id < 0 UNION ALL SELECT length(email) FROM customers WHERE id = 7',
      'SELECT email FROM customers WHERE id = 7 UNION SELECT note FROM orders WHERE id = 1',
      'DECLARE c CURSOR WITH HOLD FOR SELECT email, ssn FROM customers; FETCH 10 FROM c',
    ];
    for (const sql of spellings) {
      const { stdout, stderr } = await alice(sql);
      for (const secret of [email, ssn, card, iban, phone]) expect(`${stdout}${stderr}`, sql).not.toContain(secret);
    }
    const { stdout } = await alice('SELECT id, name, email FROM customers WHERE id = 7');
    expect(stdout).toMatch(/^7\|[^|]+\|\S+/);
    expect(stdout).toContain(`|${await direct('select name from customers where id = 7')}|`);
  });

  it('shows everything to admins', async () => {
    const { stdout } = await runPsql((await system.dsn('admin')).dsn, 'SELECT email, card FROM customers WHERE id = 7');
    expect(stdout.trim()).toBe(await direct('select email, card from customers where id = 7'));
  });

  it('denies in the words of the policy and stays usable', async () => {
    const { stdout, stderr } = await alice(
      'DROP TABLE orders;\nDROP DATABASE shop;\nSELECT 1+1;\nDELETE FROM orders;\nDELETE FROM orders WHERE 1=1;\nUPDATE orders SET amount = 0 WHERE id = id;\nSELECT * FROM users;\nSELECT count(*) FROM orders;',
    );
    expect(stderr.match(/ERROR:/g)).toHaveLength(6);
    expect(stderr).toContain('migrations only');
    expect(stderr).toContain('no-ddl');
    expect(stdout.trim().split('\n')).toEqual(['2', await direct('select count(*) from orders')]);
  });

  it('fails a transaction as the server would', async () => {
    const before = await direct('select name from customers where id = 1');
    const { stderr } = await alice(
      "BEGIN;\nUPDATE customers SET name = 'changed' WHERE id = 1;\nDROP TABLE orders;\nSELECT 1;\nCOMMIT;",
      ['-At'],
    );
    expect(stderr).toContain('current transaction is aborted');
    expect(await direct('select name from customers where id = 1')).toBe(before);
  });

  it('redacts values in errors and keeps the error usable', async () => {
    const email = await direct('select email from customers where id = 7');
    const { stderr } = await alice(
      'SELECT email::int FROM customers WHERE id = 7;\nSELECT slect;\nSELEC 1;\nSELECT * FROM custmers;',
      ['-At', '-v', 'VERBOSITY=verbose'],
    );
    expect(stderr).not.toContain(email);
    expect(stderr).toContain('22P02');
    expect(stderr).toContain('slect');
    expect(stderr).toContain('syntax error at or near "SELEC"');
    expect(stderr).toContain('42P01');
  });

  it('serves the backslash commands', async () => {
    for (const command of [
      '\\d',
      '\\d customers',
      '\\dt+',
      '\\l',
      '\\dn',
      '\\df',
      '\\du',
      '\\dv',
      '\\di',
      '\\dp',
      '\\conninfo',
      '\\d+ customer_contacts',
      '\\dT',
      '\\dx',
      '\\sf+ pg_catalog.abs(integer)',
      '\\encoding',
    ]) {
      const { stderr, stdout } = await alice(command);
      // A client older than the server fails at some commands without us as well.
      if ((await runPsql(system.directUrl, command)).stderr !== '') continue;
      expect(stderr, command).toBe('');
      expect(stdout.length, command).toBeGreaterThanOrEqual(
        (await runPsql(system.directUrl, command)).stdout === '' ? 0 : 1,
      );
    }
  });

  it('holds a DELETE until another person approves it, and runs it once', async () => {
    const { dsn } = await system.dsn('alice');
    const psql = startPsql(dsn);
    const id = Number(await direct('select min(o.id) from orders o'));
    psql.send(`DELETE FROM orders WHERE id = ${id};`);
    const request = await psql.waitFor(/request (req_\w+)/);
    const requestId = request[1] as string;
    expect(await direct(`select count(*) from orders where id = ${id}`)).toBe('1');

    const alicesOwn = await system.as('alice');
    await expect(alicesOwn.decideRequest(requestId, { decision: 'approve', reason: '' })).rejects.toMatchObject({
      code: expect.stringMatching(/self_approval|not_permitted/),
    });
    const bob = await system.as('bob');
    expect((await bob.listRequests({ state: 'pending' })).map((entry) => entry.id)).toContain(requestId);
    await bob.decideRequest(requestId, { decision: 'approve', reason: 'fine' });
    await psql.waitFor(/DELETE 1/);
    expect(await direct(`select count(*) from orders where id = ${id}`)).toBe('0');
    psql.send('SELECT 41+1;');
    await psql.waitFor(/(^|> )42\s*$/m);
    await psql.end();
  });

  it('ends a held statement by denial and by Ctrl-C, and leaves the connection usable', async () => {
    const { dsn } = await system.dsn('alice');
    const psql = startPsql(dsn);
    const bob = await system.as('bob');
    psql.send('DELETE FROM orders WHERE id = 20;');
    const [, first] = await psql.waitFor(/request (req_\w+)/);
    await bob.decideRequest(first as string, { decision: 'deny', reason: 'not today' });
    await psql.waitFor(/not today/);
    psql.clear();
    psql.send('DELETE FROM orders WHERE id = 21;');
    const [, second] = await psql.waitFor(/request (req_\w+)/);
    psql.interrupt();
    await psql.waitFor(/cancel/i);
    await waitFor('the request to be withdrawn', async () =>
      (await bob.showRequest(second as string)).state === 'withdrawn' ? true : undefined,
    );
    psql.send('SELECT 41+1;');
    await psql.waitFor(/(^|> )42\s*$/m);
    await psql.end();
    expect(await direct('select count(*) from orders where id in (20, 21)')).toBe('2');
  });

  it('refuses a held statement inside a transaction and runs it once after approval', async () => {
    const { dsn } = await system.dsn('alice');
    const bob = await system.as('bob');
    const refused = await runPsql(dsn, 'BEGIN;\nDELETE FROM orders WHERE id = 30;\nROLLBACK;');
    const requestId = /request (req_\w+)/.exec(refused.stderr)?.[1] as string;
    expect(refused.stderr).toContain('needs the approval');
    await bob.decideRequest(requestId, { decision: 'approve', reason: '' });
    const allowed = await runPsql(dsn, 'BEGIN;\nDELETE FROM orders WHERE id = 30;\nCOMMIT;', ['-t']);
    expect(allowed.stderr).toBe('');
    expect(await direct('select count(*) from orders where id = 30')).toBe('0');
    const again = await runPsql(dsn, 'BEGIN;\nDELETE FROM orders WHERE id = 30;\nROLLBACK;');
    expect(again.stderr).toContain('needs the approval');
  });

  it('cancels a running statement', async () => {
    const psql = startPsql((await system.dsn('alice')).dsn);
    psql.send('SELECT pg_sleep(30);');
    await waitFor('the statement to run', async () =>
      (await direct(
        "select count(*) from pg_stat_activity where query like '%pg_sleep(30)%' and state = 'active' and application_name like 'weir%'",
      )) === '1'
        ? true
        : undefined,
    );
    psql.interrupt();
    await psql.waitFor(/canceling statement due to user request/);
    psql.send('SELECT 41+1;');
    await psql.waitFor(/(^|> )42\s*$/m);
    await psql.end();
  });

  it('ends a killed session within two seconds with a reason', async () => {
    const { dsn, id } = await system.dsn('alice');
    const psql = startPsql(dsn);
    psql.send('SELECT 41+1;');
    await psql.waitFor(/(^|> )42\s*$/m);
    await (await system.as('admin')).killSession(id, { reason: 'end of the exercise' });
    psql.send('SELECT 1;');
    await psql.waitFor(/end of the exercise|terminating|closed/);
    await psql.end();
    const { stderr } = await runPsql(dsn, 'SELECT 1');
    expect(stderr).toContain('password authentication failed');
  });

  it('puts every statement with verdict, rule and masked sample into the recording', async () => {
    const { dsn, id } = await system.dsn('alice');
    await runPsql(dsn, 'SELECT id, email FROM customers WHERE id = 7;\nDROP TABLE orders;');
    const events: Record<string, unknown>[] = [];
    await waitFor('the events', async () => {
      events.length = 0;
      for await (const line of (await system.as('admin')).sessionEvents(id))
        events.push(line.event as Record<string, unknown>);
      return events.some(({ event }) => event === 'channel-closed') || undefined;
    });
    const statements = events.filter(({ event }) => event === 'statement');
    expect(statements).toMatchObject([
      { action: 'allow', text: expect.stringContaining('FROM customers'), maskedColumns: [{ column: 'email' }] },
      { action: 'deny', rule: 'no-ddl' },
    ]);
    const result = events.find(({ event }) => event === 'result') as { rows: number; sample: string[][] };
    expect(result).toMatchObject({ rows: 1, tag: 'SELECT 1', columns: ['id', 'email'] });
    expect(JSON.stringify(events)).not.toContain(await direct('select email from customers where id = 7'));
  });
});

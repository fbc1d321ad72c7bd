import { describe, expect, it } from 'vitest';
import { createTestGate, document, fieldOf, open, type TestGate, ticketOf } from './fixture.ts';

const mask = (name: string, column: string, rest: string) =>
  document('Masking', name, `{ columns: ['public.${column}'], ${rest} }`);
const policy =
  open +
  mask('mails', 'users.email', 'transform: partial, contentType: email') +
  mask('names', 'users.name', 'transform: redact') +
  mask('notes', 'users.note', 'transform: hash') +
  mask('owners', 'orders.user_id', 'transform: redact') +
  mask('order-notes', 'orders.note', 'transform: fake, contentType: name') +
  mask('amounts', 'payments.amount', 'transform: fake');
const token = 'h_0123456789abcdef';

const verdictOf = async (world: TestGate, text: string, more: object = {}) => {
  const decision = await world.query(text, more);
  return decision.action === 'deny' ? decision.denial : null;
};
const fake = async (world: TestGate, text: string, field: string, value: string) => {
  const masks = world.gate.describe(ticketOf(await world.query(text)), 0, [fieldOf(field)]);
  const source = Buffer.from(value);
  const target = Buffer.alloc(128);
  const written = masks?.[0]?.write(source, 0, source.length, target, 0) ?? -1;
  return target.toString('utf8', 0, written);
};

describe('a masked value that would be stored', () => {
  const world = createTestGate({ policy });
  it.each([
    ["UPDATE users SET email = 'b***@example.com' WHERE id = 1"],
    ["UPDATE users SET id = 5, email = E'b\\x2a**@example.com' WHERE id = 1"],
    ["UPDATE users SET email = U&'b***@example.com' WHERE id = 1"],
    ['UPDATE users SET email = $$b***@example.com$$ WHERE id = 1'],
    ["UPDATE users SET email = 'b***@example.com'::varchar::text WHERE id = 1"],
    ["UPDATE users SET email = CAST('b***@example.com' AS text) WHERE id = 1"],
    ["UPDATE users SET email = text 'b***@example.com' WHERE id = 1"],
    ["UPDATE users SET email = 'b***' || '@example.com' WHERE id = 1"],
    ["UPDATE users SET email = 'b' || '***' || ('@' || 'example.com') WHERE id = 1"],
    ['UPDATE users SET email = (\'b***@example.com\') COLLATE "C" WHERE id = 1'],
    ["UPDATE users SET email = lower('b***@example.com') WHERE id = 1"],
    ["UPDATE users SET email = coalesce(NULL, 'b***@example.com') WHERE id = 1"],
    ["UPDATE users SET email = CASE WHEN id = 1 THEN 'b***@example.com' ELSE email END"],
    ["UPDATE users SET (id, email) = (1, 'b***@example.com') WHERE id = 1"],
    ["UPDATE users SET (id, email) = ROW(1, 'b***@example.com') WHERE id = 1"],
    ["UPDATE users SET (id, email) = (SELECT 1, 'b***@example.com') WHERE id = 1"],
    ["UPDATE users SET email = (SELECT 'b***@example.com') WHERE id = 1"],
    ["UPDATE users u SET email = v.e FROM (VALUES (1, 'b***@example.com'), (2, 'x')) v(i, e) WHERE u.id = v.i"],
    ["WITH v(i, e) AS (VALUES (1, 'b***@example.com')) UPDATE users u SET email = e FROM v WHERE u.id = i"],
    ["INSERT INTO users VALUES (1, 'b***@example.com', 'Bob', 'hello')"],
    ["INSERT INTO users (email) VALUES ('bob@example.com'), ('b***@example.com')"],
    ["INSERT INTO users (email) SELECT 'b***@example.com'"],
    ["INSERT INTO users (email) SELECT unnest(ARRAY['x', 'b***@example.com'])"],
    ["INSERT INTO users (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET email = 'b***@example.com'"],
    [
      "INSERT INTO users (id, email) VALUES (1, 'b***@example.com') ON CONFLICT (id) DO UPDATE SET email = excluded.email",
    ],
    ["MERGE INTO users u USING orders o ON u.id = o.id WHEN MATCHED THEN UPDATE SET email = 'b***@example.com'"],
    [
      "MERGE INTO users u USING orders o ON u.id = o.id WHEN NOT MATCHED THEN INSERT (email) VALUES ('b***@example.com')",
    ],
    ["WITH x AS (UPDATE users SET email = 'b***@example.com' WHERE id = 1 RETURNING id) SELECT * FROM x"],
    ["EXPLAIN ANALYZE UPDATE users SET email = 'b***@example.com' WHERE id = 1"],
    ["SELECT 1; UPDATE users SET email = 'b***@example.com' WHERE id = 1"],
    ["UPDATE users SET name = '***' WHERE id = 1"],
    ["UPDATE users SET email = '***' WHERE id = 1"],
    [`UPDATE users SET note = '${token}' WHERE id = 1`],
  ])('%s', async (text) => {
    expect(await verdictOf(world, text)).toMatchObject({
      message: expect.stringMatching(
        /^This would store a masked value in users\.\w+, and the real one would be lost\.$/,
      ),
      detail: expect.stringContaining('rule "masked-write-back"'),
      hint: 'Leave the column out: set only what you changed. To change it, write the whole new value.',
    });
    expect(world.events.at(-1)).toMatchObject({ event: 'statement', action: 'deny', rule: 'masked-write-back' });
  });

  it.each([
    ['a real value', "UPDATE users SET email = 'bob@example.com' WHERE id = 1"],
    ['stars in a column without mask', 'UPDATE orders SET id = 1 WHERE id = 2; INSERT INTO payments VALUES (1)'],
    ['the mask of another kind', "UPDATE users SET name = 'b***@example.com' WHERE id = 1"],
    ['a token in a column that is not hashed', `UPDATE users SET name = '${token}' WHERE id = 1`],
    ['a token of another length', "UPDATE users SET note = 'h_0123456789' WHERE id = 1"],
    ['stars inside a longer text', "UPDATE users SET name = 'A*** B' WHERE id = 1"],
    ['a computed value', "UPDATE users SET name = replace(name, '***', '') WHERE id = 1"],
    ['a condition', 'UPDATE users SET id = CASE WHEN id = 1 THEN 2 ELSE 3 END WHERE id = 1'],
    ['NULL', 'UPDATE users SET email = NULL WHERE id = 1'],
    ['a zero that nobody was shown', 'UPDATE orders SET user_id = 0 WHERE id = 1'],
    ['a masked value that is only looked for', "SELECT id FROM users WHERE email = 'b***@example.com'"],
  ])('not %s', async (_name, text) => {
    expect(await verdictOf(world, text)).toBeNull();
  });

  it('in a parameter, as text and in binary form, is known at Execute', async () => {
    const text = 'UPDATE users SET email = $1, name = $2::text WHERE id = $3';
    const parse = await world.query(text, { phase: 'parse' });
    const prepared = ticketOf(parse);
    const execute = (parameters: (string | null)[], parameterFormats = [0, 0, 0], parameterTypes = [25, 25, 23]) =>
      verdictOf(world, text, { phase: 'execute', prepared, parameters, parameterFormats, parameterTypes });
    const hex = (value: string) => `\\x${Buffer.from(value).toString('hex')}`;
    expect(await execute(['bob@example.com', 'Bob', '1'])).toBeNull();
    expect(await execute([null, null, '1'])).toBeNull();
    expect(await execute(['b***@example.com', 'Bob', '1'])).toMatchObject({
      message: expect.stringMatching(/users\.email/),
    });
    expect(await execute(['bob@example.com', '***', '1'])).toMatchObject({
      message: expect.stringMatching(/users\.name/),
    });
    expect(await execute([hex('b***@example.com'), 'Bob', '1'], [1, 0, 0])).toMatchObject({
      message: expect.stringMatching(/users\.email/),
    });
    expect(await execute([hex('b***@example.com'), 'Bob', '1'], [1, 0, 0], [0, 0, 0])).not.toBeNull();
    expect(await execute([hex('bob@example.com'), hex('Bob'), '1'], [1, 1, 0])).toBeNull();
  });

  it('in an argument of EXECUTE', async () => {
    const made = ticketOf(await world.query('PREPARE p AS UPDATE users SET email = $1 WHERE id = $2'));
    world.gate.finished(made, { index: 0, tag: 'PREPARE', rows: 0, bytes: 0, error: null });
    expect(await verdictOf(world, "EXECUTE p('bob@example.com', 1)")).toBeNull();
    expect(await verdictOf(world, "EXECUTE p('b***@example.com', 1)")).toMatchObject({
      message: expect.stringMatching(/users\.email/),
    });
  });
});

describe('values that look like others', () => {
  it('are known once they were delivered: constants of a type', async () => {
    const world = createTestGate({ policy });
    const write = 'UPDATE orders SET user_id = 0 WHERE id = 1';
    expect(await verdictOf(world, write)).toBeNull();
    await fake(world, 'SELECT user_id FROM orders', 'orders.user_id', '7');
    expect(await verdictOf(world, write)).toMatchObject({ message: expect.stringMatching(/orders\.user_id/) });
    expect(await verdictOf(world, 'UPDATE orders SET user_id = 12 WHERE id = 1')).toBeNull();
    // The same analysis serves both texts.
    expect(await verdictOf(world, 'UPDATE orders SET user_id = 0 WHERE id = 2')).not.toBeNull();
  });

  it('fakes', async () => {
    const world = createTestGate({ policy });
    const name = 'orders.note';
    const shown = await fake(world, 'SELECT note FROM orders', name, 'Alice Real');
    expect(shown).toMatch(/^\w+ \w+$/);
    expect(await verdictOf(world, `UPDATE orders SET note = '${shown}' WHERE id = 1`)).toMatchObject({
      message: expect.stringMatching(/orders\.note/),
    });
    expect(await verdictOf(world, "UPDATE orders SET note = 'Somebody Else' WHERE id = 1")).toBeNull();
    expect(await verdictOf(createTestGate({ policy }), `UPDATE orders SET note = '${shown}' WHERE id = 1`)).toBeNull();
  });

  it('fakes of numbers, in either form', async () => {
    const world = createTestGate({ policy });
    const amount = 'payments.amount';
    const shown = await fake(world, 'SELECT amount FROM payments', amount, '125000');
    expect(await verdictOf(world, `UPDATE payments SET amount = ${shown} WHERE id = 1`)).not.toBeNull();
    const text = 'UPDATE payments SET amount = $1 WHERE id = 1';
    const prepared = ticketOf(await world.query(text, { phase: 'parse' }));
    const binary = Buffer.alloc(4);
    binary.writeInt32BE(Number(shown));
    const parameters = [`\\x${binary.toString('hex')}`];
    const request = { phase: 'execute', prepared, parameters, parameterFormats: [1], parameterTypes: [23] };
    expect(await verdictOf(world, text, request)).not.toBeNull();
  });
});

describe('a masked value that rows are looked for by', () => {
  const world = createTestGate({ policy });
  it.each([
    ["UPDATE users SET id = 2 WHERE id = 1 AND email = 'b***@example.com'"],
    ["DELETE FROM users WHERE 'b***@example.com' = email"],
    ["DELETE FROM users WHERE email IN ('x', 'b***@example.com')"],
    ["DELETE FROM users WHERE email = ANY (ARRAY['b***@example.com'])"],
    ["DELETE FROM users WHERE email IS NOT DISTINCT FROM 'b***@example.com'"],
    ["UPDATE users u SET id = v.i FROM (VALUES (1, 'b***@example.com')) v(i, e) WHERE u.email = v.e"],
  ])('%s', async (text) => {
    expect(await verdictOf(world, text)).toMatchObject({
      message: 'This compares users.email with a masked value, which no row of the table holds.',
      hint: expect.stringContaining('primary key'),
    });
  });
});

describe('writeBack of a masking rule', () => {
  const write = "UPDATE users SET name = '***' WHERE id = 1";
  const of = (stance: string) =>
    createTestGate({ policy: open + mask('names', 'users.name', `transform: redact, writeBack: ${stance}`) });
  it.each([
    ['allow', false, []],
    ['audit', false, ['observe only: This would store a masked value in users.name, and the real one would be lost.']],
    ['deny', true, []],
  ])('%s', async (stance, isDenied, notes) => {
    const world = of(stance);
    expect((await verdictOf(world, write)) !== null).toBe(isDenied);
    const noted = world.events.filter(({ code }) => code === 'write-back-observed');
    expect(noted.map(({ message }) => message)).toEqual(notes);
  });
});

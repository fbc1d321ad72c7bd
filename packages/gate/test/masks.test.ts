import { describe, expect, test } from 'vitest';
import { maskResult, type ResultField } from '../src/index.ts';
import {
  createTestGate,
  denialOf,
  document,
  evaluatorOf,
  fieldOf,
  finish,
  hideEmail,
  masked,
  open,
  redactEmail,
  type TestGate,
  ticketOf,
} from './fixture.ts';

const policy = open + hideEmail;
const mail = 'eve@example.com';

/** What one value becomes in each column of the answer to `text`, whose description is `fields`. */
async function answerOf(world: TestGate, text: string, fields: readonly ResultField[], value = mail) {
  const ticket = ticketOf(await world.query(text));
  const masks = world.gate.describe(ticket, 0, fields);
  return { ticket, masks, shown: fields.map((_field, i) => masked(masks?.[i] ?? null, value)) };
}

describe('lineage and the server’s own description', () => {
  test.each<[string, string[], boolean[]]>([
    ['SELECT id, email, name FROM users', ['users.id', 'users.email', 'users.name'], [false, true, false]],
    ['SELECT email AS id FROM users', ['users.email'], [true]],
    ['SELECT upper(email), lower(name) FROM users', ['upper', 'lower'], [true, false]],
    ['SELECT count(*), max(email) FROM users', ['count', 'max'], [false, true]],
    ['WITH u AS (SELECT email AS x FROM users) SELECT x FROM u', ['users.email'], [true]],
    ['SELECT (SELECT email FROM users LIMIT 1) FROM orders', ['email'], [true]],
    ['SELECT name FROM users UNION SELECT email FROM users', ['name'], [true]],
  ])('%s', async (text, fields, expected) => {
    const world = createTestGate({ policy });
    const { shown } = await answerOf(
      world,
      text,
      fields.map((field) => fieldOf(field)),
    );
    expect(shown.map((value) => value !== mail)).toEqual(expected);
    expect(JSON.stringify(shown.filter((_, i) => expected[i]))).not.toContain('eve');
    expect(world.events.map(({ event }) => event)).toEqual(['statement']);
  });

  test('the record names the masked columns', async () => {
    const world = createTestGate({ policy });
    await world.query('SELECT upper(email), email, name FROM users');
    expect(world.events[0]?.['maskedColumns']).toEqual([{ schema: 'public', table: 'users', column: 'email' }]);
  });

  test('a column that only the server calls protected is masked, noted, and the catalog is asked again', async () => {
    const world = createTestGate({ policy });
    const { shown } = await answerOf(world, 'SELECT name FROM users', [fieldOf('users.email', { name: 'name' })]);
    expect(shown[0]).not.toContain('eve');
    expect(world.events.at(-1)).toMatchObject({
      event: 'note',
      code: 'lineage-disagreement',
      statement: 1,
      message: expect.stringContaining('public.users.email'),
    });
    expect(world.target.calls).toContain('touched catalog');
  });

  test.each([
    ['another column than the analysis expects, though nothing protects it', fieldOf('users.id')],
    ['a relation that the catalog does not have', { ...fieldOf('users.name'), tableOid: 29_999 }],
    ['a column that the catalog does not have', { ...fieldOf('users.name'), attributeNumber: 77 }],
  ])('%s is masked, noted, and the catalog is asked again', async (_, field) => {
    const world = createTestGate({ policy });
    const { shown } = await answerOf(world, 'SELECT name FROM users', [field]);
    expect(shown[0]).not.toContain('eve');
    expect(world.events.at(-1)).toMatchObject({ event: 'note', code: 'lineage-disagreement', statement: 1 });
    expect(world.target.calls).toContain('touched catalog');
  });

  test('a column that every table has, such as ctid, is no disagreement', async () => {
    const world = createTestGate({ policy });
    const { masks } = await answerOf(world, 'SELECT ctid FROM users', [
      { ...fieldOf('users.name'), attributeNumber: -1 },
    ]);
    expect(masks).toBeNull();
    expect(world.events).toHaveLength(1);
  });

  test('a column that only the analysis calls protected is masked', async () => {
    const world = createTestGate({ policy });
    expect((await answerOf(world, 'SELECT email FROM users', [fieldOf('users.name')])).shown[0]).not.toContain('eve');
  });

  test.each([
    ['more', ['users.id', 'users.name', 'users.name']],
    ['fewer', ['users.id']],
  ])('%s columns than predicted: all are masked', async (_what, fields) => {
    const world = createTestGate({ policy });
    const { shown } = await answerOf(
      world,
      'SELECT id, name FROM users',
      fields.map((field) => fieldOf(field, { typeOid: 25 })),
    );
    for (const value of shown) expect(value).not.toContain('eve');
    expect(world.events.at(-1)).toMatchObject({
      code: 'lineage-disagreement',
      message: expect.stringContaining(`sends ${fields.length}`),
    });
  });

  test('rows where none were predicted are masked', () => {
    const view = { index: { catalog: { relations: [] }, relationByOid: () => undefined } } as never;
    const { masks, surprises } = maskResult(null, [fieldOf('x')], {
      evaluator: evaluatorOf(policy),
      view,
      key: Buffer.alloc(32),
    });
    expect(masked(masks?.[0] ?? null, mail)).not.toContain('eve');
    expect(surprises).toHaveLength(1);
  });

  test('an output whose origins are not known is masked', () => {
    const view = { index: { catalog: { relations: [] }, relationByOid: () => undefined } } as never;
    const output = { name: 'x', origins: [], direct: false, opaque: true, typeOid: null };
    const { masks } = maskResult([output], [fieldOf('x')], {
      evaluator: evaluatorOf(policy),
      view,
      key: Buffer.alloc(32),
    });
    expect(masked(masks?.[0] ?? null, mail)).not.toContain('eve');
  });

  test('without masks nothing is looked at', async () => {
    const world = createTestGate();
    expect((await answerOf(world, 'SELECT email FROM users', [fieldOf('users.email'), fieldOf('x')])).masks).toBeNull();
    expect(world.events).toHaveLength(1);
  });

  test('a whole row is masked', async () => {
    const world = createTestGate({ policy });
    const { shown } = await answerOf(
      world,
      'SELECT users FROM users',
      [fieldOf('users', { typeOid: 2249 })],
      `(1,${mail},Eve)`,
    );
    expect(shown).toEqual([null]);
  });
});

describe('transforms', () => {
  const mask = (transform: string, contentType = '') =>
    open +
    document(
      'Masking',
      'email',
      `{ columns: ['public.users.email'], transform: "${transform}"${contentType && `, contentType: ${contentType}`} }`,
    );

  test('null gives SQL NULL', async () => {
    const { shown } = await answerOf(createTestGate({ policy: mask('null') }), 'SELECT email FROM users', [
      fieldOf('users.email'),
    ]);
    expect(shown).toEqual([null]);
  });

  test('hash gives equal tokens for equal values, with the channel’s key', async () => {
    const fields = [fieldOf('users.email')];
    const one = await answerOf(createTestGate({ policy: mask('hash') }), 'SELECT email FROM users', fields);
    const two = await answerOf(createTestGate({ policy: mask('hash') }), 'SELECT email AS e FROM users', fields);
    const other = await answerOf(
      createTestGate({ policy: mask('hash'), identity: { maskingKey: Buffer.alloc(32, 8) } }),
      'SELECT email FROM users',
      fields,
    );
    expect(two.shown).toEqual(one.shown);
    expect(other.shown).not.toEqual(one.shown);
  });

  test('partial keeps a part of the plain column, and nothing of what an expression makes of it', async () => {
    const world = createTestGate({ policy: mask('partial', 'email') });
    expect((await answerOf(world, 'SELECT email FROM users', [fieldOf('users.email')])).shown[0]).toContain(
      '@example.com',
    );
    const derived = await answerOf(world, 'SELECT reverse(email) FROM users', [fieldOf('reverse')], 'moc.elpmaxe@eve');
    expect(derived.shown[0]).not.toContain('eve');
    expect(derived.shown[0]).not.toContain('moc.elpmaxe');
  });

  test('of several origins the strictest transform counts', async () => {
    const both =
      mask('partial', 'email') + document('Masking', 'name', "{ columns: ['public.users.name'], transform: 'null' }");
    const { shown } = await answerOf(createTestGate({ policy: both }), 'SELECT email || name FROM users', [
      fieldOf('x'),
    ]);
    expect(shown).toEqual([null]);
  });
});

describe('detectors', () => {
  test('mask what they find in free text, and nothing else', async () => {
    const text = `call ${mail} about order 7`;
    const { shown } = await answerOf(
      createTestGate({ policy }),
      'SELECT note FROM orders',
      [fieldOf('orders.note')],
      text,
    );
    expect(shown[0]).toMatch(/^call .* about order 7$/);
    expect(shown[0]).not.toContain('eve');
  });

  test('follow the text into expressions', async () => {
    const { shown } = await answerOf(createTestGate({ policy }), "SELECT note || '!' FROM orders", [fieldOf('x')]);
    expect(shown[0]).not.toContain('eve');
  });

  test('a mask is stronger', async () => {
    const { shown } = await answerOf(
      createTestGate({
        policy: policy + document('Masking', 'all', "{ columns: ['*.orders.note'], transform: 'null' }"),
      }),
      'SELECT note FROM orders',
      [fieldOf('orders.note')],
      'nothing to find',
    );
    expect(shown).toEqual([null]);
  });
});

describe('COPY TO STDOUT', () => {
  const copy = async (world: TestGate, text: string, columns: number, format: 0 | 1 = 0) =>
    world.gate.copyOut(ticketOf(await world.query(text)), 0, columns, format);

  test('masks by lineage', async () => {
    const answer = await copy(createTestGate({ policy }), 'COPY users (id, email, note) TO STDOUT', 3);
    if (answer === 'refuse') throw new Error('refused');
    expect(answer.masks?.map((mask) => masked(mask, mail) !== mail)).toEqual([false, true, true]);
  });

  test('of a query masks by the lineage of the query', async () => {
    const answer = await copy(createTestGate({ policy }), 'COPY (SELECT name, upper(email) FROM users) TO STDOUT', 2);
    if (answer === 'refuse') throw new Error('refused');
    expect(answer.masks?.map((mask) => masked(mask, mail) !== mail)).toEqual([false, true]);
  });

  test.each([2, 4])('with %s columns where three were predicted is refused', async (columns) => {
    expect(await copy(createTestGate({ policy }), 'COPY users (id, email, note) TO STDOUT', columns)).toBe('refuse');
  });

  test('of a statement that predicted nothing is refused', async () => {
    const world = createTestGate({ policy });
    const ticket = ticketOf(await world.query('COPY users (id, email) TO STDOUT'));
    expect(world.gate.copyOut(ticket, 1, 2, 0)).toBe('refuse');
  });

  test('without protected columns has no masks; without any mask nothing is refused', async () => {
    expect(await copy(createTestGate({ policy }), 'COPY users (id, name) TO STDOUT', 2)).toEqual({ masks: null });
    expect(await copy(createTestGate(), 'COPY users TO STDOUT', 9)).toEqual({ masks: null });
  });
});

describe('samples', () => {
  async function sampleOf(rows: (Buffer | null)[][], formats = [0, 0], counted = rows.length) {
    const world = createTestGate();
    const decision = await world.query('SELECT id, name FROM users');
    const ticket = ticketOf(decision);
    world.gate.describe(ticket, 0, [fieldOf('users.id'), fieldOf('users.name')]);
    for (const row of rows) world.gate.sample(ticket, 0, row, formats);
    world.clock += 12.3456;
    world.gate.finished(ticket, { index: 0, tag: `SELECT ${counted}`, rows: counted, bytes: 10, error: null });
    return world.events.at(-1);
  }
  const row = (id: string, name: string | null) => [Buffer.from(id), name === null ? null : Buffer.from(name)];

  test('are in the result’s record, with its columns, tag, sizes and time', async () => {
    expect(await sampleOf([row('1', 'Eve'), row('2', null)])).toEqual({
      event: 'result',
      ...{
        atMs: 1_012.3456,
        statement: 1,
        index: 0,
        tag: 'SELECT 2',
        rows: 2,
        bytes: 10,
        durationMs: 12.346,
        error: null,
      },
      ...{
        columns: ['id', 'name'],
        sample: [
          ['1', 'Eve'],
          ['2', null],
        ],
        truncated: false,
      },
    });
  });

  test('show binary cells as hexadecimal', async () => {
    expect((await sampleOf([[Buffer.from([0, 255]), Buffer.from('Eve')]], [1, 0]))?.['sample']).toEqual([
      ['\\x00ff', 'Eve'],
    ]);
  });

  test('end at the bound of rows', async () => {
    const event = await sampleOf([1, 2, 3, 4].map((id) => row(String(id), 'x')));
    expect(event).toMatchObject({ truncated: true });
    expect(event?.['sample']).toHaveLength(3);
  });

  test('end at the bound of bytes', async () => {
    const event = await sampleOf([row('1', 'x'), row('2', 'y'.repeat(64))]);
    expect(event).toMatchObject({ truncated: true, sample: [['1', 'x']] });
  });

  test('say so when rows were not seen', async () => {
    expect(await sampleOf([row('1', 'x')], [0, 0], 500)).toMatchObject({ truncated: true, rows: 500 });
  });
});

describe('errors of the server', () => {
  const fields = {
    S: 'ERROR',
    V: 'ERROR',
    C: '22P02',
    M: `invalid input syntax for type integer: "${mail}"`,
    R: 'pg_strtoint32_safe',
    F: 'numutils.c',
  };

  test('tell no value where there are masks', async () => {
    const world = createTestGate({ policy: open + redactEmail });
    const ticket = ticketOf(await world.query('SELECT email::int FROM users'));
    const shown = world.gate.redact(ticket, 'error', fields);
    expect(shown['C']).toBe('22P02');
    expect(JSON.stringify(shown)).not.toContain('eve');
    expect(JSON.stringify(world.gate.redact(null, 'notice', fields))).not.toContain('eve');
  });

  test('are told as they are where nothing is masked', async () => {
    const world = createTestGate();
    expect(world.gate.redact(ticketOf(await world.query('SELECT email::int FROM users')), 'error', fields)).toBe(
      fields,
    );
  });

  test('are in the record as the client saw them', async () => {
    const world = createTestGate();
    finish(world, await world.query('SELECT 1/0'), null);
    expect(world.events.at(-1)).toMatchObject({
      event: 'result',
      tag: null,
      error: { sqlstate: 'XX000', message: 'failed' },
    });
  });
});

test.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])(
  'a name like %s means nothing special',
  async (name) => {
    const world = createTestGate({ policy });
    denialOf(await world.query(`EXECUTE "${name}"`));
    denialOf(await world.query(`FETCH ALL FROM "${name}"`));
    finish(world, await world.query(`PREPARE "${name}" AS SELECT upper(email) FROM users`), 'PREPARE');
    const { shown } = await answerOf(world, `EXECUTE "${name}"`, [fieldOf('upper')]);
    expect(shown[0]).not.toContain('eve');
  },
);

test('a notification tells its channel alone while anything is masked', () => {
  const { gate } = createTestGate({ policy });
  expect(gate.notification(`{"email": "${mail}"}`)).toBe('***');
  expect(gate.notification('')).toBe('');
  expect(createTestGate({ policy: open }).gate.notification(mail)).toBe(mail);
});

import { transforms } from '@weir/policy';
import { hasPostgres15 } from '@weir/testkit';
import { lane } from '@weir/testkit/lane';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { maskBytes, maskOf } from './support/mask-cell.ts';
import { startServer, type TestServer } from './support/postgres-server.ts';

/** Every built-in type with a value that must not come through; `modifier` as the server would report it. */
const columns: readonly { readonly type: string; readonly value: string; readonly modifier?: number }[] = [
  { type: 'bool', value: 'true' },
  { type: 'int2', value: '12345' },
  { type: 'int4', value: '123456789' },
  { type: 'int8', value: '1234567890123456' },
  { type: 'oid', value: '4294967290' },
  { type: 'xid', value: '77777' },
  { type: 'cid', value: '77777' },
  { type: 'xid8', value: '777777777777' },
  { type: 'tid', value: '(777,7)' },
  { type: 'regclass', value: 'pg_class' },
  { type: 'regtype', value: 'timestamp with time zone' },
  { type: 'regproc', value: 'pg_backend_pid' },
  { type: 'regrole', value: 'owner' },
  { type: 'regnamespace', value: 'pg_catalog' },
  { type: 'float4', value: '12345.5' },
  { type: 'float8', value: '-98765.4321' },
  { type: 'numeric', value: '52000.75' },
  { type: 'numeric(10,2)', value: '52000.75', modifier: (10 << 16) + 2 + 4 },
  { type: 'numeric(3,2)', value: '5.75', modifier: (3 << 16) + 2 + 4 },
  { type: 'numeric(2,2)', value: '0.75', modifier: (2 << 16) + 2 + 4 },
  { type: 'money', value: '$52,000.75' },
  { type: 'text', value: 'bob@example.com' },
  { type: 'varchar', value: 'bob@example.com' },
  { type: 'varchar(2)', value: 'bo', modifier: 6 },
  { type: 'varchar(12)', value: 'bo@x.example', modifier: 16 },
  { type: 'varchar(200)', value: 'bob@example.com', modifier: 204 },
  { type: 'bpchar', value: 'bob@example.com' },
  { type: 'char(1)', value: 'b', modifier: 5 },
  { type: 'char(40)', value: 'bob@example.com', modifier: 44 },
  { type: 'name', value: 'bob@example.com' },
  { type: '"char"', value: 'b' },
  { type: 'refcursor', value: 'bob@example.com' },
  { type: 'bytea', value: '\\x626f62406578616d706c65' },
  { type: 'date', value: '1983-07-14' },
  { type: 'date', value: 'infinity' },
  { type: 'time', value: '17:45:12.5' },
  { type: 'timetz', value: '17:45:12.5+03' },
  { type: 'timestamp', value: '1983-07-14 17:45:12.5' },
  { type: 'timestamptz', value: '1983-07-14 17:45:12.5+00' },
  { type: 'interval', value: '3 years 17:45:00' },
  { type: 'uuid', value: '0e37df36-f698-11e6-8dd4-cb9ced3df976' },
  { type: 'json', value: '{"mail": "bob@example.com"}' },
  { type: 'jsonb', value: '{"mail": "bob@example.com"}' },
  { type: 'jsonpath', value: '$."bob@example.com"' },
  { type: 'xml', value: '<mail>bob@example.com</mail>' },
  { type: 'inet', value: '203.0.113.77' },
  { type: 'cidr', value: '2001:db8::/32' },
  { type: 'macaddr', value: '08:00:2b:01:02:03' },
  { type: 'macaddr8', value: '08:00:2b:01:02:03:04:05' },
  { type: 'bit(12)', value: '101010101010', modifier: 12 },
  { type: 'varbit', value: '1010101010' },
  { type: 'point', value: '(12.5,47.25)' },
  { type: 'lseg', value: '[(12.5,47.25),(1,2)]' },
  { type: 'path', value: '[(12.5,47.25),(1,2)]' },
  { type: 'box', value: '(12.5,47.25),(1,2)' },
  { type: 'polygon', value: '((12.5,47.25),(1,2),(3,4))' },
  { type: 'line', value: '{12.5,47.25,3}' },
  { type: 'circle', value: '<(12.5,47.25),3>' },
  { type: 'tsvector', value: "'bob@example.com':1" },
  { type: 'tsquery', value: "'bob@example.com'" },
  { type: 'pg_lsn', value: '16/B374D848' },
  { type: 'text[]', value: '{bob@example.com,"al \\"x\\""}' },
  { type: 'int4[]', value: '{{123456,2},{3,4}}' },
  { type: 'uuid[]', value: '{0e37df36-f698-11e6-8dd4-cb9ced3df976}' },
  { type: 'jsonb[]', value: '{"{\\"a\\": \\"bob@example.com\\"}"}' },
  { type: 'numeric[]', value: '{52000.75}' },
  { type: 'int4range', value: '[123456,234567)' },
  { type: 'numrange', value: '[52000.75,52001)' },
  { type: 'daterange', value: '[1983-07-14,1983-07-15)' },
  { type: 'tsrange', value: '["1983-07-14 00:00:00","1983-07-15 00:00:00")' },
  { type: 'tstzrange[]', value: '{"[\\"1983-07-14 00:00:00+00\\",)"}' },
  { type: 'int8range', value: '[1234567890,)' },
  { type: 'datemultirange', value: '{[1983-07-14,1983-07-15)}' },
  { type: 'int4multirange', value: '{[123456,234567)}' },
  { type: 'mood', value: 'gloomy' },
  { type: 'person', value: '(bob@example.com,7)' },
  { type: 'mail_address', value: 'bob@example.com' },
];

const alwaysNull = new Set(['mood', 'person']);

let server: TestServer;
let client: pg.Client;

lane(
  'postgresql-15',
  hasPostgres15,
  'Debian package postgresql-15 is not installed',
)('on PostgreSQL 15', () => {
  beforeAll(async () => {
    server = await startServer();
    client = await server.connect();
    await client.query(`SET timezone = 'UTC';
    CREATE TYPE mood AS ENUM ('sunny', 'gloomy'); CREATE TYPE person AS (mail text, age int);
    CREATE DOMAIN mail_address AS text CHECK (VALUE <> '');`);
  });
  afterAll(async () => {
    await client?.end();
    await server?.stop();
  });

  /** A cell as the server sends it (binary: by the type's own send function), and the type that it announces. */
  async function cellOf(type: string, value: string, format: 0 | 1): Promise<{ oid: number; cell: Buffer }> {
    const announced = await client.query({
      text: `SELECT $1::${type} AS cell`,
      values: [value],
      types: { getTypeParser: () => (raw: string) => raw },
    } as pg.QueryConfig);
    const oid = announced.fields[0]?.dataTypeID ?? 0;
    if (format === 0) return { oid, cell: Buffer.from(announced.rows[0].cell) };
    const { rows } = await client.query('SELECT typsend::text AS name FROM pg_type WHERE oid = $1', [oid]);
    const input = rows[0].name === 'textsend' ? `$1::${type}::text` : `$1::${type}`;
    const sent = await client.query(`SELECT ${rows[0].name}(${input}) AS cell`, [value]);
    return { oid, cell: sent.rows[0].cell };
  }

  /** The server's own input function (text) or receive function (binary) must accept the masked cell; returns what it understood. */
  async function readBack(type: string, masked: Buffer, format: 0 | 1): Promise<string> {
    const parameter = format === 1 ? Buffer.from(masked) : masked.toString();
    const result = await client.query(`SELECT ($1::${type})::text AS cell`, [parameter]);
    return result.rows[0].cell;
  }

  describe.each([0, 1] as const)('in format %i', (format) => {
    describe.each(columns)('$type $value', ({ type, value, modifier = -1 }) => {
      test.each(transforms)('%s gives a legal value without the original, or NULL', async (transform) => {
        const { oid, cell } = await cellOf(type, value, format);
        for (const direct of [true, false]) {
          const mask = maskOf({
            transform,
            contentType: 'email',
            typeOid: oid,
            typeModifier: modifier,
            format,
            direct,
          });
          const masked = maskBytes(mask, cell);
          if (transform === 'null' || alwaysNull.has(type)) {
            expect(masked).toBeNull();
            continue;
          }
          if (masked === null) {
            expect(transform).toBe('hash');
            continue;
          }
          const understood = await readBack(type, masked, format);
          expect(understood).not.toContain(value.length >= 3 ? value : '\u0000');
          if (value.length >= 4) expect(masked.includes(cell)).toBe(false);
        }
      });
    });
  });

  /** Masks the same value in both formats and tells what the server reads from each. */
  async function inBothFormats(type: string, value: string, transform: 'hash' | 'fake' | 'redact'): Promise<string[]> {
    const read: string[] = [];
    for (const format of [0, 1] as const) {
      const { oid, cell } = await cellOf(type, value, format);
      const masked = maskBytes(maskOf({ transform, contentType: 'card', typeOid: oid, format }), cell);
      read.push(masked === null ? 'NULL' : await readBack(type, masked, format));
    }
    return read;
  }

  describe('text and binary form agree', () => {
    test.each(columns.filter(({ modifier }) => modifier === undefined))('redact of $type', async ({ type, value }) => {
      const [text, binary] = await inBothFormats(type, value, 'redact');
      expect(binary).toBe(text);
    });
    test.each([
      ['int2', '-32768', 'hash'],
      ['int4', '-7', 'hash'],
      ['int8', '-9223372036854775808', 'hash'],
      ['int8', '4111111111111111', 'fake'],
      ['text', 'bob@example.com', 'hash'],
      ['text', 'bob@example.com', 'fake'],
      ['uuid', '0e37df36-f698-11e6-8dd4-cb9ced3df976', 'hash'],
      ['bytea', '\\x00ff', 'hash'],
      ['date', '1983-07-14', 'fake'],
      ['date', '0044-03-15 BC', 'redact'],
    ] as const)('%s %s %s', async (type, value, transform) => {
      const [text, binary] = await inBothFormats(type, value, transform);
      expect(binary).toBe(text);
      expect(text).not.toBe(value);
    });
  });

  test.each([
    ['int4', '0'],
    ['numeric', '0'],
    ['text', '***'],
    ['char(5)', '***  '],
    ['date', '1970-01-01'],
    ['timestamptz', '1970-01-01 00:00:00+00'],
    ['uuid', '00000000-0000-0000-0000-000000000000'],
    ['jsonb', '"***"'],
    ['inet', '0.0.0.0/32'],
    ['text[]', '{}'],
    ['int4range', 'empty'],
  ] as const)('a redacted %s reads %s', async (type, wanted) => {
    const sample = columns.find((column) => column.type === type)?.value ?? 'abc';
    const { oid, cell } = await cellOf(type, sample, 0);
    const modifier = type === 'char(5)' ? 9 : -1;
    const masked =
      maskBytes(maskOf({ transform: 'redact', typeOid: oid, typeModifier: modifier }), cell) ?? Buffer.alloc(0);
    const result = await client.query(`SELECT ($1::${type}) = ($2::${type}) AS same`, [masked.toString(), wanted]);
    expect(result.rows[0].same).toBe(true);
  });
});

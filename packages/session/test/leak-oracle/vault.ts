import { bodyFunctions } from './bodies.ts';

/** A table with a protected column of every built-in type, in two worlds that differ in nothing but the protected values. */

/** Which world (0 or 1) and which row (0 or 1) a value is for. Values sort by row alike in both worlds; their lengths differ. */
type Place = readonly [world: 0 | 1, row: 0 | 1];

const word = ([world, row]: Place) => `q${row}${world === 0 ? 'kxwvyb' : 'jfhzpvru'}`;
const digits = ([world, row]: Place, length: number) =>
  `${row + 1}${(world === 0 ? '718394625183940' : '64927381506492738').slice(0, length - 1)}`;
const hex = (text: string) => Buffer.from(text).toString('hex');
const year = ([world]: Place) => (world === 0 ? 1957 : 1931);
const day = (place: Place) => `${year(place)}-0${place[1] + 1}-17`;
const range = (place: Place) => `[${digits(place, 8)},${Number(digits(place, 8)) + 4711})`;
const number = (place: Place) => digits(place, 6);
const bits = (place: Place) => Number(digits(place, 9)).toString(2).padStart(32, '0');

/** Name after `m_`, type, and the value's literal. */
export const protectedTypes: readonly (readonly [name: string, type: string, value: (place: Place) => string])[] = [
  ['text', 'text', word],
  ['varchar', 'varchar(40)', word],
  ['char', 'char(20)', word],
  ['name', 'name', word],
  ['bytea', 'bytea', (place) => `\\x${hex(word(place))}`],
  ['bool', 'boolean', ([world]) => (world === 0 ? 't' : 'f')],
  ['int2', 'int2', (place) => digits(place, 5)],
  ['int4', 'int4', (place) => digits(place, 9)],
  ['int8', 'int8', (place) => digits(place, 14)],
  ['numeric', 'numeric(30,6)', (place) => `${digits(place, 12)}.25`],
  ['float4', 'float4', number],
  ['float8', 'float8', (place) => `${digits(place, 9)}.5`],
  ['money', 'money', number],
  ['date', 'date', day],
  ['time', 'time', ([world, row]) => `1${row}:${world === 0 ? '27' : '43'}:51.918273`],
  ['timetz', 'timetz', ([world, row]) => `1${row}:${world === 0 ? '27' : '43'}:51.918273+02`],
  ['timestamp', 'timestamp', (place) => `${day(place)} 11:22:33.445566`],
  ['timestamptz', 'timestamptz', (place) => `${day(place)} 11:22:33.445566+00`],
  ['interval', 'interval', (place) => `${digits(place, 5)} days 03:36:45.5`],
  ['uuid', 'uuid', (place) => `${digits(place, 8)}-7183-4718-8718-${digits(place, 12)}`],
  ['json', 'json', (place) => `{"k": "${word(place)}"}`],
  ['jsonb', 'jsonb', (place) => `{"k": "${word(place)}"}`],
  ['jsonpath', 'jsonpath', (place) => `$."${word(place)}"`],
  ['xml', 'xml', (place) => `<x>${word(place)}</x>`],
  ['inet', 'inet', ([world, row]) => `10.${row + 1}.${world === 0 ? 71 : 164}.83`],
  ['cidr', 'cidr', ([world, row]) => `10.${row + 1}.${world === 0 ? 71 : 164}.83/32`],
  ['macaddr', 'macaddr', ([world, row]) => `08:00:2b:0${row + 1}:${world === 0 ? 71 : 64}:83`],
  ['macaddr8', 'macaddr8', ([world, row]) => `08:00:2b:0${row + 1}:${world === 0 ? 71 : 64}:83:71:94`],
  ['bit', 'bit(32)', bits],
  ['varbit', 'varbit', bits],
  ['tsvector', 'tsvector', word],
  ['tsquery', 'tsquery', word],
  ['point', 'point', (place) => `(${number(place)},7)`],
  ['line', 'line', (place) => `{${number(place)},7,8}`],
  ['lseg', 'lseg', (place) => `[(${number(place)},7),(8,9)]`],
  ['box', 'box', (place) => `(${number(place)},7),(1,2)`],
  ['path', 'path', (place) => `((${number(place)},7),(1,2))`],
  ['polygon', 'polygon', (place) => `((${number(place)},7),(1,2))`],
  ['circle', 'circle', (place) => `<(${number(place)},7),3>`],
  ['int4range', 'int4range', range],
  ['int8range', 'int8range', range],
  ['numrange', 'numrange', range],
  ['daterange', 'daterange', (place) => `[${day(place)},2000-01-01)`],
  ['tsrange', 'tsrange', (place) => `[${day(place)} 01:02:03,2000-01-01)`],
  ['tstzrange', 'tstzrange', (place) => `[${day(place)} 01:02:03+00,2000-01-01 00:00:00+00)`],
  ['int4multirange', 'int4multirange', (place) => `{${range(place)}}`],
  ['datemultirange', 'datemultirange', (place) => `{[${day(place)},2000-01-01)}`],
  ['texts', 'text[]', (place) => `{${word(place)},x}`],
  ['ints', 'int4[]', (place) => `{${digits(place, 9)},1}`],
  ['uuids', 'uuid[]', (place) => `{${digits(place, 8)}-7183-4718-8718-${digits(place, 12)}}`],
  ['jsonbs', 'jsonb[]', (place) => `{"{\\"k\\": \\"${word(place)}\\"}"}`],
  ['enum', 'shade', word],
  ['enums', 'shade[]', (place) => `{${word(place)}}`],
  ['pair', 'pair', (place) => `(${word(place)},${digits(place, 9)})`],
  ['pairs', 'pair[]', (place) => `{"(${word(place)},${digits(place, 9)})"}`],
  ['domain', 'short_text', word],
  ['lsn', 'pg_lsn', (place) => `1/${Number(digits(place, 9)).toString(16)}`],
  ['oid', 'oid', (place) => digits(place, 9)],
  ['xid8', 'xid8', (place) => digits(place, 9)],
  ['tid', 'tid', (place) => `(${number(place)},7)`],
];

export const protectedColumns = protectedTypes.map(([name]) => `m_${name}`);
const quote = (text: string) => `'${text.replaceAll("'", "''")}'`;
const places = ([0, 1] as const).flatMap((world) => ([0, 1] as const).map((row): Place => [world, row]));

/** Objects of the first world; the second is a copy with `otherValues`. */
export function vaultSchema(major: number): string {
  const columns = protectedTypes.map(([name, type]) => `m_${name} ${type}`).join(', ');
  const values = (row: 0 | 1) =>
    protectedTypes.map(([, type, value]) => `${quote(value([0, row]))}::${type}`).join(', ');
  const all = `id int, clear text, n int, ${columns}`;
  const rows = `(1, 'clear one', 1, ${values(0)}, DEFAULT), (2, 'clear two', 2, ${values(1)}, DEFAULT)`;
  return `
CREATE TYPE shade AS ENUM (${places.map((place) => quote(word(place))).join(', ')});
CREATE TYPE pair AS (a text, b int);
CREATE DOMAIN short_text AS text CHECK (length(VALUE) < 100);
CREATE TABLE vault (${all}, g_stored text GENERATED ALWAYS AS (lower(m_text)) STORED, PRIMARY KEY (id));
INSERT INTO vault VALUES ${rows};
${major >= 18 ? 'ALTER TABLE vault ADD g_virtual text GENERATED ALWAYS AS (m_text || clear) VIRTUAL;' : ''}
${major >= 16 ? "CREATE TABLE parent (id int, s text, g text GENERATED ALWAYS AS ('clear ' || id) STORED); CREATE TABLE child (m_text text, g text GENERATED ALWAYS AS (upper(s)) STORED) INHERITS (parent);" : 'CREATE TABLE parent (id int, s text, g text); CREATE TABLE child (m_text text) INHERITS (parent);'}
CREATE TABLE heir (more int) INHERITS (vault);
CREATE TABLE parted (LIKE vault, CHECK (m_text <> '')) PARTITION BY LIST (id);
CREATE TABLE slice_1 PARTITION OF parted FOR VALUES IN (1);
CREATE TABLE slice_2 PARTITION OF parted FOR VALUES IN (2);
CREATE VIEW v_all AS SELECT * FROM vault;
CREATE VIEW v_nested AS SELECT * FROM v_all WHERE id < 100;
CREATE VIEW v_barrier WITH (security_barrier) AS SELECT * FROM v_nested;
CREATE VIEW v_expr AS SELECT id, upper(m_text) AS clear, m_int4 + 1 AS n FROM vault;
CREATE VIEW v_union AS SELECT id, clear, n FROM vault UNION ALL SELECT id, m_text, m_int4 FROM vault;
CREATE VIEW v_row AS SELECT id, vault AS clear FROM vault;
CREATE MATERIALIZED VIEW mv AS SELECT * FROM vault;
CREATE MATERIALIZED VIEW mv_expr AS SELECT * FROM v_expr;
CREATE TABLE plain (id int PRIMARY KEY, label text, n int);
INSERT INTO plain VALUES (1, 'one', 1), (2, 'two', 2);
${bodyFunctions}
CREATE INDEX vault_text ON vault (m_text);
CREATE STATISTICS vault_stats (mcv) ON m_text, m_int4 FROM vault;
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'was %', OLD.m_text; PERFORM pg_notify('news', OLD.m_text); RETURN NEW; END $$;
CREATE TRIGGER tell BEFORE UPDATE ON slice_1 FOR EACH ROW EXECUTE FUNCTION tell();
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not %', OLD.m_text USING DETAIL = OLD::text, HINT = OLD.m_int4, ERRCODE = 'Q0001'; END $$;
CREATE TRIGGER refuse BEFORE DELETE ON slice_2 FOR EACH ROW EXECUTE FUNCTION refuse();`;
}

/** Rows of the other tables, from those of `vault`; run in each world after its values are in place. */
export const derivedRows = `
INSERT INTO heir (id, clear, n, ${protectedColumns.join(', ')}) SELECT id + 10, clear, n, ${protectedColumns.join(', ')} FROM ONLY vault;
INSERT INTO parted (id, clear, n, ${protectedColumns.join(', ')}) SELECT id, clear, n, ${protectedColumns.join(', ')} FROM ONLY vault;
INSERT INTO child (id, s) SELECT id, m_text FROM ONLY vault;
REFRESH MATERIALIZED VIEW mv;
REFRESH MATERIALIZED VIEW mv_expr;
ANALYZE;`;

/** Turns the values of a copy of the first world into those of the second. */
export const otherValues = ([0, 1] as const)
  .map((row) => {
    const assignments = protectedTypes.map(([name, type, value]) => `m_${name} = ${quote(value([1, row]))}::${type}`);
    return `UPDATE vault SET ${assignments.join(', ')} WHERE id = ${row + 1}`;
  })
  .join(';\n');

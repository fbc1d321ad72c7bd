import type { AnalysisRequest, Catalog, CatalogColumn, CatalogRelation } from '../src/index.ts';

const types: Readonly<Record<string, number>> = { int: 23, text: 25, jsonb: 3802, numeric: 1700 };

function columnsOf(spec: string): CatalogColumn[] {
  return spec.split(' ').map((part, at) => {
    const [name = '', type = 'text'] = part.split(':');
    return {
      name,
      number: at + 1,
      typeOid: types[type] ?? 25,
      typeModifier: -1,
      generated: null,
      notNull: name === 'id',
    };
  });
}

let nextOid = 20_000;

/** A relation of the fixture: `columns` is `name:type name …`. */
export function relation(name: string, columns: string, more: Partial<CatalogRelation> = {}): CatalogRelation {
  nextOid += 1;
  const [schema = 'public', table = name] = name.includes('.') ? name.split('.') : ['public', name];
  return {
    oid: nextOid,
    schema,
    name: table,
    kind: 'r',
    columns: columnsOf(columns),
    definition: null,
    parents: [],
    ...more,
  };
}

const events = relation('events', 'id:int day:text email:text', { kind: 'p' });
const system = [
  relation('pg_catalog.pg_class', 'oid:int relname relnamespace:int relkind'),
  relation('pg_catalog.pg_tables', 'schemaname tablename tableowner'),
  relation('pg_catalog.pg_stats', 'schemaname tablename attname most_common_vals', { kind: 'v' }),
  relation('pg_catalog.pg_stat_activity', 'pid:int usename state query', { kind: 'v' }),
  relation('pg_catalog.pg_settings', 'name setting unit', { kind: 'v' }),
];

/** The catalog of the corpora with some more relations. users.email is the protected column. */
export const fixtureRelations: readonly CatalogRelation[] = [
  relation('users', 'id:int email name ssn boss_id:int'),
  relation('orders', 'id:int user_id:int amount:numeric note'),
  relation('hr.users', 'id:int salary:numeric'),
  relation('v_users', 'id:int contact', {
    kind: 'v',
    definition: ' SELECT users.id,\n    users.email AS contact\n   FROM public.users;',
  }),
  relation('vv', 'c', { kind: 'v', definition: ' SELECT upper(v_users.contact) AS c\n   FROM public.v_users;' }),
  relation('mv', 'id:int mail', {
    kind: 'm',
    definition: ' SELECT u.id,\n    u.email AS mail\n   FROM public.users u;',
  }),
  events,
  relation('events_2026', 'id:int day:text email:text', { parents: [events.oid] }),
  relation('gen', 'id:int secret shout', {
    columns: [
      { name: 'id', number: 1, typeOid: 23, typeModifier: -1, generated: null },
      { name: 'secret', number: 2, typeOid: 25, typeModifier: -1, generated: null },
      { name: 'shout', number: 3, typeOid: 25, typeModifier: -1, generated: 'upper(secret)' },
    ],
  }),
  relation('customers', 'id:int name email ssn note'),
  relation('staging', 'id:int name'),
  relation('sessions', 'uid:int'),
  relation('notes', 'id:int body'),
  relation('audit', 'note'),
  relation('t', 'id:int name'),
  ...system,
];

/** The fixture as a catalog. */
export const fixtureCatalog: Catalog = {
  version: 'fixture-1',
  serverVersion: 180_004,
  database: 'shop',
  relations: fixtureRelations,
  functions: [
    { oid: 1, schema: 'public', name: 'leak', language: 'plpgsql', body: 'x', volatility: 'v' },
    { oid: 2, schema: 'public', name: 'trusted', language: 'sql', body: 'x', volatility: 'i' },
    { oid: 3, schema: 'public', name: 'similarity', language: 'c', body: 'x', volatility: 'i', extension: 'pg_trgm' },
    { oid: 4, schema: 'public', name: 'dblink', language: 'c', body: 'x', volatility: 'v', extension: 'dblink' },
  ],
  operators: [{ schema: 'public', name: '<~>' }],
  types: [{ oid: 30_001, schema: 'public', name: 'mood', kind: 'e' }],
  recordFunctions: [
    { name: 'jsonb_each_text', columns: ['key', 'value'] },
    { name: 'jsonb_each', columns: ['key', 'value'] },
    { name: 'json_each', columns: ['key', 'value'] },
    { name: 'pg_get_keywords', columns: ['word', 'catcode', 'barelabel', 'catdesc', 'baredesc'] },
  ],
};

/** A request on the fixture. */
export function requestOf(text: string, more: Partial<AnalysisRequest> = {}): AnalysisRequest {
  return {
    text,
    searchPath: ['pg_catalog', 'public'],
    role: 'app',
    objects: { prepared: {}, cursors: {} },
    catalogVersion: fixtureCatalog.version,
    ...more,
  };
}

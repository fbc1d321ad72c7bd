import type { Catalog, CatalogRelation } from '@weir/sql';

const types: Readonly<Record<string, number>> = { int: 23, text: 25, jsonb: 3802, numeric: 1700 };

/** `columns` is `name:type name …`; text unless it says otherwise. */
function relation(oid: number, name: string, columns: string, more: Partial<CatalogRelation> = {}): CatalogRelation {
  const [schema = 'public', table = name] = name.includes('.') ? name.split('.') : ['public', name];
  const list = columns.split(' ').map((part, at) => {
    const [column = '', type = 'text'] = part.split(':');
    const fixed = { typeModifier: -1, generated: null, notNull: column === 'id' };
    return { name: column, number: at + 1, typeOid: types[type] ?? 25, ...fixed };
  });
  return { oid, schema, name: table, kind: 'r', columns: list, definition: null, parents: [], ...more };
}

/** A small database for targets that analyse statements. */
export const catalog: Catalog = {
  version: 'fuzz',
  serverVersion: 180_004,
  database: 'shop',
  relations: [
    relation(20_001, 'users', 'id:int email name ssn boss_id:int'),
    relation(20_002, 'orders', 'id:int user_id:int amount:numeric note'),
    relation(20_003, 'hr.users', 'id:int salary:numeric'),
    relation(20_004, 't', 'id:int name data:jsonb'),
    relation(20_005, 'v_users', 'id:int contact', {
      kind: 'v',
      definition: ' SELECT users.id,\n    users.email AS contact\n   FROM public.users;',
    }),
    relation(20_006, 'vv', 'c', {
      kind: 'v',
      definition: ' SELECT upper(v_users.contact) AS c\n   FROM public.v_users;',
    }),
    relation(20_007, 'events', 'id:int day email', { kind: 'p' }),
    relation(20_008, 'events_2026', 'id:int day email', { parents: [20_007] }),
    relation(20_009, 'pg_catalog.pg_class', 'oid:int relname relnamespace:int relkind'),
    relation(20_010, 'pg_catalog.pg_settings', 'name setting unit', { kind: 'v' }),
  ],
  functions: [
    { oid: 1, schema: 'public', name: 'leak', language: 'plpgsql', body: 'x', volatility: 'v' },
    { oid: 2, schema: 'public', name: 'trusted', language: 'sql', body: 'x', volatility: 'i' },
  ],
  operators: [{ schema: 'public', name: '<~>' }],
  types: [{ oid: 30_001, schema: 'public', name: 'mood', kind: 'e' }],
  recordFunctions: [{ name: 'jsonb_each_text', columns: ['key', 'value'] }],
};

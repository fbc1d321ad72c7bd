import type { Catalog, CatalogRelation } from '@weir/sql';

/** pg_type OID of text: cases do not speak of types. */
const textOid = 25;
/** First OID that PostgreSQL gives to user objects. */
const firstOid = 16_384;

/** A catalog of plain tables with text columns. */
export function caseCatalog(tables: Readonly<Record<string, readonly string[]>>): Catalog {
  const relations = Object.entries(tables).map(([path, columns], index): CatalogRelation => {
    const [schema = '', name = ''] = path.split('.');
    return {
      oid: firstOid + index,
      schema,
      name,
      kind: 'r',
      definition: null,
      parents: [],
      columns: columns.map((column, at) => ({
        name: column,
        number: at + 1,
        typeOid: textOid,
        typeModifier: -1,
        generated: null,
      })),
    };
  });
  return {
    version: 'cases',
    serverVersion: 180_000,
    database: 'cases',
    relations,
    functions: [],
    operators: [],
    types: [],
  };
}

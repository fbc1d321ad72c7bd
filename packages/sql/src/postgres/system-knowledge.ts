/** Catalog relations that hold values of users' columns (statistics, large objects). Reading them cannot be followed to a column. */
const leakingRelations = new Set([
  'pg_statistic',
  'pg_stats',
  'pg_statistic_ext_data',
  'pg_stats_ext',
  'pg_stats_ext_exprs',
  'pg_largeobject',
]);

/** Columns of catalog relations that hold statement texts or secrets of other sessions. */
const leakingColumns: Readonly<Record<string, ReadonlySet<string>>> = {
  pg_stat_activity: new Set(['query']),
  pg_prepared_statements: new Set(['statement']),
  pg_cursors: new Set(['statement']),
  pg_stat_statements: new Set(['query']),
  pg_authid: new Set(['rolpassword']),
  pg_shadow: new Set(['passwd']),
  pg_user_mapping: new Set(['umoptions']),
  pg_user_mappings: new Set(['umoptions']),
  _pg_user_mappings: new Set(['umoptions']),
  user_mapping_options: new Set(['option_value']),
};

/** Why reading a relation of pg_catalog (or an extension's statistics view) cannot be followed; null when it can. */
export function leakingRelation(schema: string, name: string): string | null {
  if (schema === 'pg_catalog' && leakingRelations.has(name)) return `${name} holds values of other tables`;
  return null;
}

/** Why reading this column cannot be followed; null when it can. */
export function leakingColumn(schema: string, relation: string, column: string): string | null {
  const known = Object.hasOwn(leakingColumns, relation) ? leakingColumns[relation] : undefined;
  if (known === undefined || !known.has(column)) return null;
  const isSystem = schema === 'pg_catalog' || schema === 'information_schema';
  if (!isSystem && relation !== 'pg_stat_statements') return null;
  return `${relation}.${column} holds statement texts or secrets of other sessions`;
}

const opaqueFunctions = new Set([
  'query_to_xml',
  'query_to_xmlschema',
  'query_to_xml_and_xmlschema',
  'cursor_to_xml',
  'cursor_to_xmlschema',
  'table_to_xml',
  'table_to_xmlschema',
  'table_to_xml_and_xmlschema',
  'schema_to_xml',
  'schema_to_xmlschema',
  'schema_to_xml_and_xmlschema',
  'database_to_xml',
  'database_to_xmlschema',
  'database_to_xml_and_xmlschema',
  'ts_stat',
  'ts_rewrite',
  'loread',
  'lowrite',
  'pg_stat_file',
  'pg_read_file',
  'pg_read_file_old',
  'pg_read_binary_file',
  'pg_file_write',
  'pg_file_read',
  'pg_stat_get_activity',
  'pg_stat_get_backend_activity',
  'pg_prepared_statement',
  'pg_cursor',
  'pg_mcv_list_items',
  'pg_stat_statements',
  'pg_logdir_ls',
  'pg_create_logical_replication_slot',
  'pg_create_physical_replication_slot',
  'pg_copy_logical_replication_slot',
  'pg_restore_relation_stats',
  'pg_restore_attribute_stats',
  'binary_upgrade_create_empty_extension',
  'ts_parse_sql',
  'crosstab',
  'connectby',
  'get_raw_page',
]);
const opaquePrefixes = ['lo_', 'dblink', 'pg_logical_', 'pg_ls_', 'pg_walinspect', 'binary_upgrade_', 'heap_page_'];

/** Why a function of the server's own cannot be followed (dynamic SQL, files, large objects, other sessions' texts); null when it can. */
export function opaqueFunction(name: string): string | null {
  if (opaqueFunctions.has(name) || opaquePrefixes.some((prefix) => name.startsWith(prefix))) {
    return `${name}() reads or writes what cannot be followed`;
  }
  return null;
}

const deliveringFunctions: ReadonlySet<string> = new Set([
  'pg_notify',
  'pg_logical_emit_message',
  // A sequence's position and the generator's seed can be read back.
  'setval',
  'setseed',
  // How long it took tells the value.
  'pg_sleep',
  'pg_sleep_for',
  'pg_sleep_until',
  'pg_terminate_backend',
  'pg_cancel_backend',
  'pg_log_backend_memory_contexts',
  'pg_create_restore_point',
]);
/** Keys of advisory locks stand in pg_locks, names of replication origins in their catalog. */
const deliveringPrefixes = ['pg_advisory_', 'pg_try_advisory_', 'pg_replication_origin_'];

/** Functions that hand a value to another place than the answer; no protected value may be in their arguments. */
export function deliversElsewhere(name: string): boolean {
  return deliveringFunctions.has(name) || deliveringPrefixes.some((prefix) => name.startsWith(prefix));
}

const rowFunctions =
  /^(generate_series|generate_subscripts|unnest|regexp_matches|regexp_split_to_table|string_to_table|jsonb?_(array_elements|each|object_keys|populate_recordset|to_recordset)(_text)?|jsonb_path_query(_tz)?|ts_parse|ts_debug|xmltable|json_table)$/;

/** Server functions that give any number of rows: the number tells of their arguments. */
export function givesRows(name: string): boolean {
  return rowFunctions.test(name);
}

/** Extensions whose functions and operators work on their arguments alone: values flow through them as through the server's own. */
export const plainExtensions: readonly string[] = [
  'citext',
  'pg_trgm',
  'pgcrypto',
  'uuid-ossp',
  'hstore',
  'ltree',
  'unaccent',
  'fuzzystrmatch',
  'intarray',
  'btree_gin',
  'btree_gist',
  'cube',
  'earthdistance',
  'isn',
  'seg',
  'vector',
];

/** Server major versions since which a node of the grammar has its meaning; an older server reads the same text as a call of an ordinary function. */
export const grammarSince: Readonly<Record<string, number>> = {
  JsonParseExpr: 17,
  JsonScalarExpr: 17,
  JsonSerializeExpr: 17,
  JsonFuncExpr: 17,
  JsonTable: 17,
  MergeSupportFunc: 17,
  JsonObjectConstructor: 16,
  JsonArrayConstructor: 16,
  JsonArrayQueryConstructor: 16,
  JsonObjectAgg: 16,
  JsonArrayAgg: 16,
  JsonIsPredicate: 16,
};

/** Settings that change what a statement means or how its text is read. */
export const meaningfulSettings: ReadonlySet<string> = new Set([
  'search_path',
  'role',
  'session_authorization',
  'standard_conforming_strings',
  'client_encoding',
]);

/** Columns that every table has besides its own; they hold no values of users. */
export const systemColumns: ReadonlySet<string> = new Set(['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid']);

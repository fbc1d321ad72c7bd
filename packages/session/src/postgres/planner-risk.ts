import type { AnalysedStatement } from '@weir/sql';

/** The relations of these statements, as `plannerRiskQuery` takes them. */
export function riskParameter(statements: readonly AnalysedStatement[]): string {
  return JSON.stringify(
    statements.flatMap(({ facts }) => facts.tables.map(({ schema, table }) => ({ schema, name: table }))),
  );
}

const dependsOn = (catalog: string, id: string) =>
  `EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = '${catalog}'::regclass AND d.objid = ${id} AND (
     d.refclassid = 'pg_operator'::regclass AND d.refobjid >= 16384
     OR d.refclassid = 'pg_proc'::regclass AND d.refobjid >= 16384 AND EXISTS (
       SELECT 1 FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE p.oid = d.refobjid AND (p.provolatile <> 'v' OR l.lanname = 'sql'))))`;

/**
 * One row: what the planner might run of users' code besides what the statement calls, or null. Policies, checks, defaults, indexes, statistics,
 * partition keys, views and rules are simplified while a statement is planned, which runs immutable functions of constants; estimates run stable
 * ones. Volatile functions are never run (one in SQL may be replaced by its body, though). A foreign table's server may be asked.
 * Send it with search_path = pg_catalog.
 */
export const plannerRiskQuery = `
WITH RECURSIVE used AS (
  SELECT c.oid FROM json_to_recordset($1::json) AS t(schema text, name text)
    JOIN pg_namespace n ON n.nspname = t.schema JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.name
  UNION
  SELECT x.oid FROM used u, LATERAL (
    SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = u.oid
    UNION ALL SELECT i.inhparent FROM pg_inherits i WHERE i.inhrelid = u.oid
    UNION ALL SELECT d.refobjid FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
      WHERE r.ev_class = u.oid
    UNION ALL SELECT d.refobjid FROM pg_policy p JOIN pg_depend d ON d.classid = 'pg_policy'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_class'::regclass
      WHERE p.polrelid = u.oid) AS x(oid))
SELECT CASE
  WHEN EXISTS (SELECT 1 FROM pg_class c WHERE c.oid IN (SELECT oid FROM used) AND c.relkind = 'f') THEN 'it uses a foreign table'
  WHEN EXISTS (SELECT 1 FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid
      WHERE c.oid IN (SELECT oid FROM used) AND c.relkind = 'p' AND d.refclassid = 'pg_opclass'::regclass AND d.refobjid >= 16384)
    OR EXISTS (SELECT 1 FROM used u WHERE ${dependsOn('pg_class', 'u.oid')})
    OR EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid IN (SELECT oid FROM used) AND ${dependsOn('pg_policy', 'p.oid')})
    OR EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conrelid IN (SELECT oid FROM used) AND ${dependsOn('pg_constraint', 'c.oid')})
    OR EXISTS (SELECT 1 FROM pg_attrdef a WHERE a.adrelid IN (SELECT oid FROM used) AND ${dependsOn('pg_attrdef', 'a.oid')})
    OR EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid IN (SELECT oid FROM used) AND ${dependsOn('pg_class', 'i.indexrelid')})
    OR EXISTS (SELECT 1 FROM pg_statistic_ext s WHERE s.stxrelid IN (SELECT oid FROM used) AND ${dependsOn('pg_statistic_ext', 's.oid')})
    OR EXISTS (SELECT 1 FROM pg_rewrite r WHERE r.ev_class IN (SELECT oid FROM used) AND ${dependsOn('pg_rewrite', 'r.oid')})
  THEN 'a policy, check, default, index or view of its tables calls a function that the planner might run' END`;

import { allStamps } from './catalog-stamps.ts';
import { plainExtensions } from './system-knowledge.ts';

const plain = plainExtensions.map((name) => `'${name}'`).join(', ');

/**
 * Texts to send one after the other on a connection of their own; their rows go to `buildCatalog`. Works on PostgreSQL 13 to 18
 * for any role. The first one clears search_path, so that the server qualifies every name in the definitions that it prints.
 */
export function catalogQueries(serverVersion: number): readonly string[] {
  if (serverVersion < 130_000) throw new RangeError(`server version ${serverVersion} is older than 13`);
  return ["SELECT set_config('search_path', 'pg_catalog', false), set_config('jit', 'off', false)", loadQuery];
}

/**
 * One row: a text that changes whenever something changes that `catalogQueries` would load. A few milliseconds. The OID is the seed of the hash: hashed
 * together in one number they would be folded, and an OID and a transaction that both grow by one could give the same hash.
 */
export const catalogFingerprintQuery = `
SELECT concat_ws(' ',
 (SELECT concat(count(*), ':', sum(hashint8extended(c.xmin::text::int8, c.oid::int8))) FROM pg_catalog.pg_class c WHERE c.oid >= 16384 AND c.relkind <> 'i'),
 (SELECT concat(count(*), ':', sum(hashint8extended(a.xmin::text::int8, a.attrelid::int8 + (a.attnum::int8 << 32)))) FROM pg_catalog.pg_attribute a WHERE a.attrelid >= 16384 AND a.attnum > 0),
 (SELECT concat(count(*), ':', sum(hashint8extended(d.xmin::text::int8, d.oid::int8))) FROM pg_catalog.pg_attrdef d),
 (SELECT concat(count(*), ':', sum(hashint8extended(r.xmin::text::int8, r.oid::int8))) FROM pg_catalog.pg_rewrite r WHERE r.oid >= 16384),
 (SELECT concat(count(*), ':', sum(hashint8extended(p.xmin::text::int8, p.oid::int8))) FROM pg_catalog.pg_proc p WHERE p.oid >= 16384),
 (SELECT concat(count(*), ':', sum(hashint8extended(t.xmin::text::int8, t.oid::int8))) FROM pg_catalog.pg_type t WHERE t.oid >= 16384),
 (SELECT concat(count(*), ':', sum(hashint8extended(i.xmin::text::int8, i.inhrelid::int8))) FROM pg_catalog.pg_inherits i),
 (SELECT concat(count(*), ':', sum(hashint8extended(o.xmin::text::int8, o.oid::int8))) FROM pg_catalog.pg_operator o WHERE o.oid >= 16384),
 (SELECT concat(count(*), ':', sum(hashint8extended(x.xmin::text::int8, x.oid::int8))) FROM pg_catalog.pg_cast x WHERE x.oid >= 16384),
 (SELECT concat(count(*), ':', sum(hashint8extended(n.xmin::text::int8, n.oid::int8))) FROM pg_catalog.pg_namespace n WHERE n.oid >= 16384),
 (SELECT concat(count(*), ':', sum(hashint8extended(e.xmin::text::int8, e.oid::int8))) FROM pg_catalog.pg_extension e),
 pg_catalog.current_setting('server_version_num'))`;

const relations = `
SELECT 'relation', json_build_array(c.oid::int8, n.nspname, c.relname, c.relkind,
  CASE WHEN c.relkind IN ('v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema') THEN pg_get_viewdef(c.oid) END,
  (SELECT json_agg(json_build_array(a.attname, a.attnum, coalesce(nullif(b.typbasetype, 0), a.atttypid)::int8, a.atttypmod, a.attnotnull,
     CASE WHEN a.attgenerated <> '' THEN (SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum) END)
     ORDER BY a.attnum) FROM pg_attribute a LEFT JOIN pg_type b ON b.oid = a.atttypid WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
  (SELECT json_agg(i.inhparent::int8 ORDER BY i.inhseqno) FROM pg_inherits i WHERE i.inhrelid = c.oid),
  EXISTS (SELECT 1 FROM pg_rewrite r WHERE r.ev_class = c.oid AND r.ev_type <> '1'))::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f', 'S', 'c') AND n.nspname <> 'pg_toast'`;

const functions = `
SELECT 'function', json_build_array(p.oid::int8, n.nspname, p.proname, l.lanname, NULL, p.provolatile,
  (SELECT e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
   WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass LIMIT 1),
  p.prokind,
  CASE WHEN l.lanname IN ('sql', 'plpgsql') AND p.prokind IN ('f', 'p') AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
    AND length(p.prosrc) <= 65536 AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
   THEN pg_get_functiondef(p.oid) END)::text
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
WHERE p.oid >= 16384 OR n.nspname NOT IN ('pg_catalog', 'information_schema')`;

const ownedByPlain = (
  catalog: string,
  id: string,
) => `EXISTS (SELECT 1 FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
   WHERE d.classid = '${catalog}'::regclass AND d.objid = ${id} AND d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass AND e.extname IN (${plain}))`;

const operators = `
SELECT 'operator', json_build_array(n.nspname, o.oprname)::text
FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
WHERE (o.oid >= 16384 OR n.nspname NOT IN ('pg_catalog', 'information_schema')) AND NOT ${ownedByPlain('pg_operator', 'o.oid')}`;

const types = `
SELECT 'type', json_build_array(t.oid::int8, n.nspname, t.typname, CASE
  WHEN EXISTS (SELECT 1 FROM pg_cast x JOIN pg_proc f ON f.oid = x.castfunc
    WHERE (x.casttarget = t.oid OR x.castsource = t.oid) AND x.castmethod = 'f' AND f.oid >= 16384 AND NOT ${ownedByPlain('pg_proc', 'f.oid')}) THEN 'x'
  WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN (SELECT b.typtype FROM pg_type b WHERE b.oid = t.typelem)
  ELSE t.typtype END)::text
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
  AND NOT EXISTS (SELECT 1 FROM pg_class c WHERE c.reltype IN (t.oid, t.typelem) AND c.relkind <> 'c' AND c.oid <> 0)`;

const records = `
SELECT 'record', json_build_array(p.proname,
  (SELECT json_agg(coalesce(p.proargnames[m.at], '') ORDER BY m.at) FROM unnest(p.proargmodes) WITH ORDINALITY m(mode, at) WHERE m.mode IN ('o', 'b', 't')))::text
FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prorettype = 'record'::regtype AND p.proargmodes IS NOT NULL`;

const loadQuery = [
  `SELECT 'server', json_build_array(current_setting('server_version_num')::int, current_database())::text`,
  relations,
  functions,
  operators,
  types,
  records,
  allStamps,
].join('\nUNION ALL ');

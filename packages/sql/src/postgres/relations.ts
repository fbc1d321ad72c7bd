import type { TableEffectKind } from '@weir/policy';
import type { CatalogColumn, CatalogRelation } from '../catalog.ts';
import { bodyOf, type Node, type RangeVar, type SelectStmt } from './ast.ts';
import type { Expansion } from './catalog-index.ts';
import type { Context } from './context.ts';
import { expressionValue } from './expressions.ts';
import { Findings } from './findings.ts';
import { clearValue, mixed, type NamedProvenance, opaqueValue, type Provenance, withOrigins } from './provenance.ts';
import { createSource, Scope, type Source } from './scope.ts';
import { selectColumns } from './select.ts';
import { leakingColumn, leakingRelation } from './system-knowledge.ts';

/** Finds the relation that a name means; notes it as unknown when the catalog has none. */
export function resolveRelation(context: Context, name: RangeVar): CatalogRelation | null {
  const relation = context.index.relation(name.schemaname ?? null, name.relname ?? '', context.searchPath);
  if (relation === null) {
    const shown = name.schemaname === undefined ? (name.relname ?? '') : `${name.schemaname}.${name.relname ?? ''}`;
    context.findings.unknownRelations.add(shown);
    context.findings.opaque.add(`relation ${shown} is not in the known catalog`);
  }
  return relation;
}

/** Notes an effect on a relation, on its parents and partitions, and for a view on what it reads. */
export function noteEffect(context: Context, relation: CatalogRelation, effect: TableEffectKind, only: boolean): void {
  const { findings, index } = context;
  const family = index.family(relation, only) ?? index.family(relation, true) ?? [relation];
  for (const member of family) findings.addEffect(member.schema, member.name, effect);
  const expansion = expand(context, relation, only);
  if (expansion.findings === null) return;
  findings.absorb(expansion.findings);
  if (effect === 'read' || effect === 'lock' || effect === 'ddl') return;
  for (const { schema, table } of expansion.findings.tables.values()) findings.addEffect(schema, table, effect);
}

/** Base tables and views that a row filter on this relation filters: itself and, for a view, those that it reads. */
export function filteredRelations(
  context: Context,
  relation: CatalogRelation,
): readonly { schema: string; name: string }[] {
  const own = { schema: relation.schema, name: relation.name };
  const expansion = expand(context, relation, false);
  if (expansion.findings === null) return [own];
  return [own, ...[...expansion.findings.tables.values()].map(({ schema, table }) => ({ schema, name: table }))];
}

/** The source that a relation is in FROM (or as the target of a write), its reading noted. */
export function relationSource(context: Context, name: RangeVar, relation: CatalogRelation): Source {
  const leak = leakingRelation(relation.schema, relation.name);
  if (leak !== null) context.findings.opaque.add(leak);
  return createSource({
    name: name.alias?.aliasname ?? relation.name,
    schema: name.alias === undefined ? relation.schema : null,
    columns: expand(context, relation, name.inh !== true).columns,
    relation,
  });
}

/** A source for a name that the catalog does not have: nothing is known of its columns. */
export function unknownSource(name: RangeVar): Source {
  return createSource({
    name: name.alias?.aliasname ?? name.relname ?? '',
    columns: [],
    rest: opaqueValue,
    counted: false,
  });
}

/** Notes a read of a column whose values must not be followed. */
export function noteColumnRead(context: Context, value: Provenance): void {
  for (const origin of value.origins) {
    const leak = leakingColumn(origin.schema, origin.table, origin.column);
    if (leak !== null) context.findings.opaque.add(leak);
  }
}

/** Columns of a relation down to base columns; kept with the catalog. */
export function expand(context: Context, relation: CatalogRelation, only: boolean): Expansion {
  const key = `${relation.oid}${only ? '!' : ''}${context.trustKey}`;
  const known = context.index.expansions.get(key);
  if (known) return known;
  const isView = (relation.kind === 'v' || relation.kind === 'm') && !isSystem(relation.schema);
  const expansion = isView ? expandView(context, relation) : expandTable(context, relation, only);
  context.index.expansions.set(key, expansion);
  return expansion;
}

function isSystem(schema: string): boolean {
  return schema === 'pg_catalog' || schema === 'information_schema';
}

function ownColumn(context: Context, relation: CatalogRelation, column: CatalogColumn): Provenance {
  const origins = new Set([context.index.origin(relation.schema, relation.name, column.name)]);
  const composite = context.index.mayBeComposite(column);
  return { ...clearValue, origins, direct: true, typeOid: column.typeOid, composite };
}

function expandTable(context: Context, relation: CatalogRelation, only: boolean): Expansion {
  const family = context.index.family(relation, only);
  const relatives = (family ?? context.index.family(relation, true) ?? []).slice(1);
  const columns = relation.columns.map((column): NamedProvenance => {
    const origins = relatives
      .filter((relative) => relative.columns.some(({ name }) => name === column.name))
      .map((relative) => context.index.origin(relative.schema, relative.name, column.name));
    const value = withOrigins(ownColumn(context, relation, column), origins, true);
    return { name: column.name, value: family === null ? { ...value, opaque: true } : value };
  });
  const members = [relation, ...relatives].filter((member) =>
    member.columns.some(({ generated }) => generated !== null),
  );
  if (members.length === 0) return { columns, findings: null };
  // A child may generate a column of its parent by an expression of its own.
  const generated = members.flatMap((member) => {
    const inside = member === relation ? columns : member.columns.map((column) => namedColumn(context, member, column));
    return member.columns.map((column) => ({
      name: column.name,
      value: generatedValue(context, member, inside, column),
    }));
  });
  return {
    columns: columns.map(({ name, value }) => ({
      name,
      value: generated.reduce((all, made) => (made.name === name ? taintedBy(all, made.value) : all), value),
    })),
    findings: null,
  };
}

function namedColumn(context: Context, relation: CatalogRelation, column: CatalogColumn): NamedProvenance {
  return { name: column.name, value: ownColumn(context, relation, column) };
}

function taintedBy(value: Provenance, from: Provenance | null): Provenance {
  if (from === null) return value;
  const both = withOrigins(value, from.origins, false);
  return { ...both, opaque: both.opaque || from.opaque };
}

/** What a column is generated from; null for a plain one. */
function generatedValue(
  context: Context,
  relation: CatalogRelation,
  columns: readonly NamedProvenance[],
  { generated: text }: CatalogColumn,
): Provenance | null {
  if (text === null) return null;
  const query = context.parseQuery(`SELECT ${text}`);
  const expression = bodyOf<{ val?: Node }>(query?.targetList?.[0], 'ResTarget')?.val;
  if (expression === undefined) return opaqueValue;
  const scope = new Scope(null);
  scope.sources.push(createSource({ name: relation.name, schema: relation.schema, columns }));
  const inner: Context = {
    ...context,
    ...{ findings: new Findings(), searchPath: ['pg_catalog'] },
    ...shared(context),
  };
  return expressionValue(inner, scope, expression);
}

/** What is kept with the catalog serves all sessions: temporary tables of this one must not be seen. */
function shared({ runPath }: Context): Pick<Context, 'variables' | 'isShared' | 'runPath'> {
  return { variables: null, isShared: true, runPath: runPath.filter((schema) => !schema.startsWith('pg_temp_')) };
}

/** Views nested deeper than this are not followed. */
const maxViewDepth = 40;

function expandView(context: Context, relation: CatalogRelation): Expansion {
  const findings = new Findings();
  const query = parseDefinition(context, relation);
  if (query === null) {
    findings.opaque.add(`the definition of view ${relation.schema}.${relation.name} is not known`);
    const columns = relation.columns.map((column) => ({
      name: column.name,
      value: { ...ownColumn(context, relation, column), opaque: true },
    }));
    return { columns, findings };
  }
  const inner: Context = {
    ...context,
    ...{ findings, searchPath: ['pg_catalog'], depth: context.depth + 1 },
    ...shared(context),
  };
  const result = selectColumns(inner, new Scope(null), query);
  const matches = result.counted && result.columns.length === relation.columns.length;
  if (!matches) findings.opaque.add(`the columns of view ${relation.schema}.${relation.name} could not be followed`);
  const all = mixed(result.columns.map(({ value }) => value));
  const columns = relation.columns.map((column, at): NamedProvenance => {
    const own = ownColumn(context, relation, column);
    const behind = matches ? (result.columns[at]?.value ?? opaqueValue) : all;
    const value = withOrigins(behind, own.origins, true);
    const typeOid = value.direct ? column.typeOid : null;
    return {
      name: column.name,
      value: { ...value, typeOid, composite: own.composite, opaque: value.opaque || !matches },
    };
  });
  return { columns, findings };
}

function parseDefinition(context: Context, relation: CatalogRelation): SelectStmt | null {
  if (relation.definition === null || context.depth >= maxViewDepth) return null;
  return context.parseQuery(relation.definition);
}

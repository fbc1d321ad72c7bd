import type { CatalogFunction } from '../catalog.ts';
import type { Node } from './ast.ts';
import { qualifiedName, type TypeName } from './ast.ts';
import type { Context } from './context.ts';
import { expressionValue } from './expressions.ts';
import { Findings } from './findings.ts';
import { type FunctionDefinition, readDefinition } from './function-definitions.ts';
import type { PlpgsqlBody } from './plpgsql.ts';
import { mixed, type NamedProvenance, opaqueValue, type Provenance, sameReach } from './provenance.ts';
import { Scope } from './scope.ts';
import { analyseStatement } from './statements.ts';
import { blockVariables, sqlVariables, type Variables } from './variables.ts';

/** Functions that call functions deeper than this are not followed. */
const maxCalls = 12;
/** Bodies that one statement may have looked into. */
export const maxBodies = 200;

/** Kinds of statements that a body may hold: what they do can be told from the catalog as it is. */
const bodyKinds: ReadonlySet<string> = new Set('select insert update delete merge call truncate lock empty'.split(' '));

/** Where the result of a user's function comes from. What its body reads, writes and calls becomes part of the statement. */
export function functionValue(
  context: Context,
  fn: CatalogFunction,
  args: readonly Provenance[],
  isNamed: boolean,
): Provenance {
  const title = `${fn.kind === 'p' ? 'procedure' : 'function'} ${fn.schema}.${fn.name}()`;
  const refuse = (why: string): Provenance => {
    context.findings.opaque.add(`${title} cannot be followed: ${why}`);
    return { ...mixed(args), opaque: true };
  };
  const definition = definitionOf(context, fn);
  if (typeof definition === 'string') return refuse(definition);
  if (context.calls.includes(fn.oid)) return refuse('it calls itself');
  if (context.calls.length >= maxCalls || context.work.bodies >= maxBodies)
    return refuse('too many functions call each other');
  if (definition.path === null && context.isShared)
    return refuse('a view calls it, and it has no search_path of its own');
  context.work.bodies += 1;
  const path = definition.path === null ? context.runPath : effectivePath(definition.path, context.runPath);
  const inside: Context = {
    ...context,
    ...{ searchPath: path, runPath: path, depth: context.depth + 1, calls: [...context.calls, fn.oid] },
  };
  const values = bindArguments(inside, definition, args, isNamed || fn.kind === 'p');
  const findings = new Findings();
  const columns =
    'sql' in definition.body
      ? sqlColumns({ ...inside, findings }, definition.body.sql, variablesOf(definition, values))
      : [blockValue({ ...inside, findings }, definition.body.block, values)];
  const result = resultOf(context, definition, columns, args);
  const isFollowed = findings.opaque.size === 0;
  context.findings.absorbBody(findings, title);
  return isFollowed ? result : { ...result, opaque: true };
}

/** A PL/pgSQL block that is run by itself (DO). */
export function blockEffects(context: Context, block: PlpgsqlBody): void {
  const findings = new Findings();
  blockValue({ ...context, findings }, block, []);
  context.findings.absorbBody(findings, 'the block');
}

function definitionOf(context: Context, fn: CatalogFunction): FunctionDefinition | string {
  const known = context.index.definitions.get(fn.oid);
  if (known !== undefined) return known;
  const read = readDefinition(context.parser, fn);
  context.index.definitions.set(fn.oid, read);
  return read;
}

/** May a call with so many arguments mean this function? */
export function takesArguments(context: Context, fn: CatalogFunction, count: number): boolean {
  const definition = definitionOf(context, fn);
  if (typeof definition === 'string') return true;
  const { inputs } = definition;
  const least = inputs.filter(({ fallback, variadic }) => fallback === null && !variadic).length;
  return count >= least && (count <= inputs.length || inputs.some(({ variadic }) => variadic));
}

/** Names of the columns that a procedure answers with. */
export function procedureOutputs(context: Context, fn: CatalogFunction): readonly string[] {
  const definition = definitionOf(context, fn);
  return typeof definition === 'string' ? [] : definition.outputs;
}

/** What the server searches while a function with this setting runs: pg_temp and pg_catalog come first unless they are named. */
function effectivePath(path: readonly string[], caller: readonly string[]): readonly string[] {
  const temporary = caller.find((schema) => schema.startsWith('pg_temp_'));
  const named = path.flatMap((schema) =>
    schema !== 'pg_temp' ? [schema] : temporary === undefined ? [] : [temporary],
  );
  const withCatalog = path.includes('pg_catalog') ? named : ['pg_catalog', ...named];
  return temporary === undefined || path.includes('pg_temp') ? withCatalog : [temporary, ...withCatalog];
}

function bindArguments(
  context: Context,
  { inputs }: FunctionDefinition,
  args: readonly Provenance[],
  isMixed: boolean,
): readonly Provenance[] {
  if (isMixed) {
    const all = mixed([...args, ...inputs.map(({ fallback }) => fallbackValue(context, fallback))]);
    return inputs.map(() => all);
  }
  return inputs.map(({ fallback, variadic }, at) => {
    if (variadic) return mixed(args.slice(at));
    const given = args[at];
    return given === undefined ? fallbackValue(context, fallback) : { ...mixed([given]), row: given.row };
  });
}

/** The server stores defaults with every name resolved. */
function fallbackValue(context: Context, fallback: Node | null): Provenance {
  return mixed(
    fallback === null ? [] : [expressionValue({ ...context, searchPath: ['pg_catalog'] }, new Scope(null), fallback)],
  );
}

const variablesOf = ({ inputs }: FunctionDefinition, values: readonly Provenance[]): Variables =>
  sqlVariables(
    inputs.map(({ name }) => name),
    values,
  );

/** Columns that the last statement of a body in SQL answers with. */
function sqlColumns(context: Context, statements: readonly Node[], variables: Variables): readonly Provenance[] {
  let last: readonly Provenance[] = [];
  for (const node of statements) last = statementValues({ ...context, variables }, node);
  return last;
}

function statementValues(context: Context, node: Node): readonly Provenance[] {
  const { kind, command, outputs } = analyseStatement(context, node);
  context.findings.kinds.add(kind);
  if (!bodyKinds.has(kind)) context.findings.opaque.add(`${command} in a body is not followed`);
  // A search_path that the body sets would change what the rest of it means.
  if (context.findings.changes.length > 0) context.findings.opaque.add('it changes the session');
  return (outputs ?? []).map(({ origins, opaque }) => ({ ...opaqueValue, origins: new Set(origins), opaque }));
}

/** Rounds after which what variables hold must not grow any more. */
const maxRounds = 12;

/** Everything that the block reads: any of it may decide about, or be part of, what any variable holds. */
function blockValue(context: Context, block: PlpgsqlBody, args: readonly Provenance[]): Provenance {
  let taint = mixed(args);
  for (let round = 0; round < maxRounds; round += 1) {
    const held = { ...taint, composite: taint.composite || block.hasRecords };
    const variables = blockVariables(block.names, held);
    const values = block.statements.flatMap((node) => statementValues({ ...context, variables }, node));
    const next = mixed([taint, ...values]);
    if (sameReach(next, taint)) {
      if (block.branches) context.findings.addInfluence(next, 'filter');
      if (block.tells) context.findings.addCopies(next, null);
      return next;
    }
    taint = next;
  }
  context.findings.opaque.add('its variables cannot be followed');
  return opaqueValue;
}

/** The result with its columns, by what the function says that it returns. */
function resultOf(
  context: Context,
  { outputs, returns, body }: FunctionDefinition,
  columns: readonly Provenance[],
  args: readonly Provenance[],
): Provenance {
  const all = mixed(columns);
  const shape = (names: readonly string[]): readonly NamedProvenance[] =>
    names.map((name, at) => ({
      name,
      value: 'sql' in body && columns.length === names.length ? (columns[at] ?? all) : all,
    }));
  if (outputs.length > 0) return { ...all, row: shape(outputs), composite: outputs.length > 1 };
  const relation = relationOf(context, returns);
  if (relation !== null) return { ...all, row: shape(relation), composite: true };
  return { ...all, composite: mayBeRow(context, returns, args) };
}

/** Columns when the type is that of a relation. The definition names every type outside of pg_catalog with its schema. */
function relationOf(context: Context, type: TypeName | null): readonly string[] | null {
  const { schema, name } = qualifiedName(type?.names);
  if (schema === null || schema === 'pg_catalog') return null;
  return context.index.relation(schema, name, [])?.columns.map((column) => column.name) ?? null;
}

function mayBeRow(context: Context, type: TypeName | null, args: readonly Provenance[]): boolean {
  const { schema, name } = qualifiedName(type?.names);
  if (schema !== null && schema !== 'pg_catalog') return context.index.userType(schema, name, []) !== 'e';
  return name === 'record' || (name.startsWith('any') && args.some(({ composite }) => composite));
}

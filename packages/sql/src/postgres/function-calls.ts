import type { CatalogFunction } from '../catalog.ts';
import { type Constant, constantValue, type FuncCall, type Node, qualifiedName } from './ast.ts';
import type { Context } from './context.ts';
import { expressionValue, listValue, noteInfluence } from './expressions.ts';
import { functionValue, takesArguments } from './function-bodies.ts';
import { clearValue, computed, mixed, opaqueValue, type Provenance, withOrigins } from './provenance.ts';
import type { Scope } from './scope.ts';
import {
  deliversElsewhere,
  givesRows,
  meaningfulSettings,
  opaqueFunction,
  plainExtensions,
} from './system-knowledge.ts';

/** What a call means: the server's own function, one through which values flow the same way, or code of a user. */
export interface ResolvedCall {
  readonly schema: string;
  readonly name: string;
  /** The server's own. */
  readonly builtin: boolean;
  /** Why it cannot be followed; null when values flow from the arguments to the result alone, or as the bodies say. */
  readonly opaque: string | null;
  /** Functions of users whose bodies say where the result comes from. */
  readonly bodies: readonly CatalogFunction[];
}

/** Resolves a call by name as far as the name goes: when an overload of a user's may be meant, it is. */
export function resolveCall(
  context: Context,
  names: readonly Node[] | undefined,
  args: readonly Node[] = [],
  isProcedure = false,
): ResolvedCall {
  const { schema: given, name } = qualifiedName(names);
  const schema = given === 'pg_catalog' && name === 'json_object' && context.index.major < 16 ? null : given;
  // An extension may put functions into pg_catalog.
  const added = schema === 'pg_catalog' && context.index.userFunctions(schema, name, []).length > 0;
  if (!added && (schema === 'pg_catalog' || schema === 'information_schema')) {
    return { schema, name, builtin: true, opaque: opaqueFunction(name), bodies: [] };
  }
  context.findings.resolvesNames = true;
  const named = context.index
    .userFunctions(schema, name, context.searchPath)
    .filter((fn) => (fn.kind === 'p') === isProcedure || fn.kind === undefined);
  const untrusted = named.filter((fn) => !isTrusted(context, fn));
  const found = untrusted[0] ?? named[0];
  if (found === undefined) {
    if (schema === null) return { schema: 'pg_catalog', name, builtin: true, opaque: opaqueFunction(name), bodies: [] };
    context.findings.unknownFunctions.add(`${schema}.${name}`);
    const opaque = `function ${schema}.${name}() is not in the known catalog`;
    return { schema, name, builtin: false, opaque, bodies: [] };
  }
  const fitting = untrusted.filter((fn) => takesArguments(context, fn, args.length));
  const bodies = fitting.length > 0 ? fitting : untrusted;
  const closed = bodies.find(({ definition }) => definition == null);
  const reason =
    closed === undefined ? opaqueFunction(name) : `function ${closed.schema}.${name}() is not the server's own`;
  return { schema: found.schema, name, builtin: false, opaque: reason, bodies: closed === undefined ? bodies : [] };
}

function isTrusted(
  context: Context,
  fn: { schema: string; name: string; language: string; extension?: string | null },
): boolean {
  if (context.trustedFunctions.has(`${fn.schema}.${fn.name}`)) return true;
  return plainExtensions.includes(fn.extension ?? '') && fn.language !== 'plpgsql';
}

/** Functions whose result can be their argument. */
const sameText: ReadonlySet<string> = new Set([
  'lower',
  'btrim',
  'ltrim',
  'rtrim',
  'unnest',
  'max',
  'min',
  'any_value',
]);

/** Where the result of a call comes from; notes the function, what it decides by, and what it does to the session. */
export function callValue(context: Context, scope: Scope, call: FuncCall): Provenance {
  const resolved = resolveCall(context, call.funcname, call.args);
  context.findings.addFunction(resolved.schema, resolved.name);
  if (resolved.opaque !== null) context.findings.opaque.add(resolved.opaque);
  const args = (call.args ?? []).map((arg) => expressionValue(context, scope, arg));
  const ordered = listValue(context, scope, call.agg_order);
  noteInfluence(context, scope, call.agg_filter, 'filter');
  if (call.over !== undefined) {
    const { partitionClause, orderClause, startOffset, endOffset } = call.over;
    noteInfluence(context, scope, partitionClause, 'group');
    noteInfluence(context, scope, orderClause, 'order');
    noteInfluence(context, scope, startOffset, 'filter');
    noteInfluence(context, scope, endOffset, 'filter');
  }
  if (!call.agg_within_group) context.findings.addInfluence(ordered, 'order');
  const all = mixed(call.agg_within_group ? [...args, ordered] : args);
  const value = sameText.has(resolved.name) ? all : computed(all);
  if (resolved.builtin) noteDelivery(context, resolved.name, call.args ?? [], args);
  if (givesRows(resolved.name)) context.findings.addInfluence(value, 'count');
  if (resolved.builtin && resolved.name === 'count') {
    context.findings.addInfluence(value, 'count');
    return value.opaque ? opaqueValue : clearValue;
  }
  if (resolved.opaque !== null) return { ...value, opaque: true };
  if (resolved.bodies.length > 0) return bodiesValue(context, resolved.bodies, call, args);
  return resolved.builtin ? recordOf(context, resolved.name, value) : value;
}

/** The result of a call that may mean any of these functions (or one of the server's own, whose result comes from the arguments). */
function bodiesValue(
  context: Context,
  bodies: readonly CatalogFunction[],
  call: FuncCall,
  args: readonly Provenance[],
): Provenance {
  const isNamed = call.func_variadic === true || (call.args ?? []).some((arg) => 'NamedArgExpr' in arg);
  const values = bodies.map((fn) => functionValue(context, fn, args, isNamed));
  const [only] = values;
  if (only === undefined || values.length > 1) return mixed([...values, ...args]);
  // Without a schema one of the server's own may be meant, whose result comes from the arguments.
  if (qualifiedName(call.funcname).schema !== null) return only;
  const withArguments = (value: Provenance) => withOrigins(value, mixed(args).origins, false);
  const row = only.row?.map(({ name, value }) => ({ name, value: withArguments(value) })) ?? null;
  return { ...withArguments(only), row, opaque: only.opaque || args.some(({ opaque }) => opaque) };
}

/** The result as a row when the server's function returns records. */
function recordOf(context: Context, name: string, value: Provenance): Provenance {
  if (!context.index.returnsRecord(name) || name === 'unnest') return value;
  const row = context.index.recordColumns(name)?.map((column) => ({ name: column, value }));
  return { ...value, composite: true, row: row ?? null };
}

function noteDelivery(context: Context, name: string, args: readonly Node[], values: readonly Provenance[]): void {
  if (name === 'set_config') noteSetConfig(context, args, values);
  if (!deliversElsewhere(name)) return;
  const value = mixed(values);
  context.findings.addCopies(value, null);
}

/** What pg_dump sets through pg_settings to find out whether the setting exists. */
const restrictedKinds = 'view, foreign-table';

/** Names of settings may come from pg_settings for that one value; any other could reach a setting that is guarded. */
function fromSettings(value: Provenance | undefined, setting: Constant | null): boolean {
  if (value === undefined || value.opaque || setting?.text !== restrictedKinds) return false;
  return [...value.origins].every(({ schema, table }) => schema === 'pg_catalog' && table === 'pg_settings');
}

function noteSetConfig(context: Context, args: readonly Node[], values: readonly Provenance[]): void {
  const name = constantValue(args[0]);
  const value = constantValue(args[1]);
  const parameter = 'ParamRef' in (args[1] ?? {});
  if ((name === null && !fromSettings(values[0], value)) || (value === null && !parameter)) {
    context.findings.opaque.add('set_config() with computed arguments stores a value that a later statement can read');
  }
  const setting = name === null ? '*' : name.text.toLowerCase();
  noteSetting(context, setting, value === null || value.kind === 'null' ? null : value.text);
}

/** Notes a change of a setting and, when it changes what statements mean, that the environment must be asked for again. */
export function noteSetting(context: Context, name: string, value: string | null): void {
  context.findings.settings.push({ name, value });
  if (name === '*' || meaningfulSettings.has(name)) context.findings.changes.push({ change: 'environment' });
}

import type { CatalogFunction } from '../catalog.ts';
import {
  bodyOf,
  constantValue,
  type Node,
  openNode,
  stringList,
  stringValue,
  type TypeName,
  type VariableSetStmt,
} from './ast.ts';
import { defaultMaxText, guardText } from './guards.ts';
import type { Parser } from './parser.ts';
import { type PlpgsqlBody, readPlpgsql } from './plpgsql.ts';
import { meaningfulSettings } from './system-knowledge.ts';

/** One parameter that a call gives. */
export interface FunctionParameter {
  /** Empty: it has none. */
  readonly name: string;
  readonly fallback: Node | null;
  readonly variadic: boolean;
}

/** A function or procedure as its CREATE statement says. */
export interface FunctionDefinition {
  readonly inputs: readonly FunctionParameter[];
  /** Names of the columns that OUT, INOUT and TABLE make. */
  readonly outputs: readonly string[];
  readonly returns: TypeName | null;
  readonly body: { readonly sql: readonly Node[] } | { readonly block: PlpgsqlBody };
  /** Schemas that names in the body are looked up in, in order; null = those of the caller. */
  readonly path: readonly string[] | null;
}

interface CreateFunction {
  readonly is_procedure?: boolean;
  readonly parameters?: Node[];
  readonly returnType?: TypeName;
  readonly options?: Node[];
  readonly sql_body?: Node;
}

/** Reads a definition as pg_get_functiondef prints it with search_path = pg_catalog. @returns a reason when it cannot be followed. @throws BrokenParser */
export function readDefinition(parser: Parser, fn: CatalogFunction): FunctionDefinition | string {
  const { definition } = fn;
  if (definition == null) return "it is not the server's own";
  const create = bodyOf<CreateFunction>(parseOne(parser, definition) ?? undefined, 'CreateFunctionStmt');
  if (create === null) return 'its definition is not understood';
  const options = new Map((create.options ?? []).map((node) => optionOf(node)));
  const path = pathOf(create, options.get('security') !== undefined);
  if (typeof path === 'string') return path;
  const body = readBody(parser, create, stringValue(options.get('language')) ?? '', options.get('as'), definition);
  if (typeof body === 'string') return body;
  const parameters = (create.parameters ?? []).map(parameterOf);
  const isInput = ({ mode }: { mode: string }) =>
    create.is_procedure === true || !/OUT$|TABLE$/.test(mode) || /INOUT$/.test(mode);
  return {
    inputs: parameters.filter((one) => isInput(one) && !/TABLE$/.test(one.mode)),
    outputs: parameters.filter(({ mode }) => /OUT$|TABLE$/.test(mode)).map(({ name }, at) => name || `column${at + 1}`),
    returns: create.returnType ?? null,
    body,
    path: create.sql_body === undefined ? path : ['pg_catalog'],
  };
}

function parseAll(parser: Parser, text: string): readonly Node[] | null {
  if (guardText(text, { maxText: defaultMaxText, standardConformingStrings: true }) !== null) return null;
  const outcome = parser.parse(text);
  return outcome.ok ? outcome.statements.flatMap(({ node }) => (node === null ? [] : [node])) : null;
}

function parseOne(parser: Parser, text: string): Node | null {
  const nodes = parseAll(parser, text);
  return nodes?.length === 1 ? (nodes[0] ?? null) : null;
}

function optionOf(node: Node): [string, Node | undefined] {
  const { defname = '', arg } = bodyOf<{ defname?: string; arg?: Node }>(node, 'DefElem') ?? {};
  return [defname, arg];
}

function parameterOf(node: Node): FunctionParameter & { readonly mode: string } {
  const body = bodyOf<{ name?: string; mode?: string; defexpr?: Node }>(node, 'FunctionParameter') ?? {};
  const mode = body.mode ?? '';
  return { name: body.name ?? '', mode, fallback: body.defexpr ?? null, variadic: mode.endsWith('VARIADIC') };
}

/** The path of SET search_path; a body that has none uses its caller's. Other settings that change what a text means are not followed. */
function pathOf(create: CreateFunction, hasSecurity: boolean): readonly string[] | null | string {
  let path: string[] | null = null;
  for (const [name, arg] of (create.options ?? []).map(optionOf)) {
    if (name !== 'set') continue;
    const set = bodyOf<VariableSetStmt>(arg, 'VariableSetStmt');
    const setting = (set?.name ?? '').toLowerCase();
    if (setting !== 'search_path') {
      if (set === null || meaningfulSettings.has(setting)) return `it sets ${setting}`;
      continue;
    }
    path = (set?.args ?? []).map((node) => constantValue(node)?.text ?? '$user').filter((schema) => schema !== '');
    if (path.includes('$user')) return 'its search_path depends on who calls it';
  }
  // With the owner's rights "$user" of the caller's path is the owner.
  if (path === null && hasSecurity && isDefiner(create) && create.sql_body === undefined)
    return 'it is SECURITY DEFINER without a search_path of its own';
  return path;
}

function isDefiner(create: CreateFunction): boolean {
  return (create.options ?? [])
    .map(optionOf)
    .some(([name, arg]) => name === 'security' && bodyOf<{ boolval?: boolean }>(arg, 'Boolean')?.boolval === true);
}

function readBody(
  parser: Parser,
  create: CreateFunction,
  language: string,
  as: Node | undefined,
  definition: string,
): FunctionDefinition['body'] | string {
  if (create.sql_body !== undefined) return { sql: atomicStatements(create.sql_body) };
  if (language === 'plpgsql') {
    const block = readPlpgsql(parser, definition);
    return typeof block === 'string' ? block : { block };
  }
  if (language !== 'sql') return `its language is ${language}`;
  const [text] = stringList(bodyOf<{ items?: Node[] }>(as, 'List')?.items);
  const sql = text === undefined ? null : parseAll(parser, text);
  return sql === null ? 'its body is not understood' : { sql };
}

/** `RETURN expression`, or the statements between BEGIN ATOMIC and END. */
function atomicStatements(body: Node): readonly Node[] {
  const open = openNode(body);
  if (open?.tag === 'ReturnStmt') return [selectOf(open.body['returnval'] as Node)];
  const items = open?.tag === 'List' ? ((open.body['items'] as Node[] | undefined) ?? []) : [];
  return items.flatMap((item) => {
    const inner = openNode(item);
    if (inner?.tag === 'List' || inner?.tag === 'ReturnStmt') return atomicStatements(item);
    return [item];
  });
}

function selectOf(value: Node): Node {
  return { SelectStmt: { targetList: [{ ResTarget: { val: value } }], op: 'SETOP_NONE' } } as unknown as Node;
}

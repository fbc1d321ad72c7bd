import type { AnalysedStatement } from '../analysis.ts';
import type { CatalogRelation } from '../catalog.ts';
import { type CopyStmt, type Node, openNode, stringList } from './ast.ts';
import type { Context } from './context.ts';
import { noteInfluence } from './expressions.ts';
import { modifyColumns } from './modify.ts';
import { noteColumnRead, noteEffect, relationSource, resolveRelation, unknownSource } from './relations.ts';
import { Scope, type Source } from './scope.ts';
import { type QueryColumns, selectColumns } from './select.ts';
import { toOutputs, type Verb } from './statement-result.ts';

type CopyFormat = NonNullable<AnalysedStatement['copy']>;

/** COPY in both directions. Files and programs of the server are opaque. */
export function copyStatement(context: Context, body: Record<string, unknown>): Verb {
  const node = body as CopyStmt;
  if (node.filename !== undefined || node.is_program === true) {
    context.findings.opaque.add('COPY with a file or program of the server cannot be followed');
  }
  const format = copyFormat(context, node);
  if (node.is_from === true) return copyFrom(context, node, format);
  context.findings.kinds.add('copy-to');
  const result = node.query === undefined ? tableColumns(context, node) : queryColumns(context, node.query as Node);
  return { kind: 'copy-to', command: 'COPY', outputs: toOutputs(result), copy: format };
}

function copyFrom(context: Context, node: CopyStmt, format: CopyFormat): Verb {
  const name = node.relation ?? {};
  const relation = resolveRelation(context, name);
  context.findings.dataChanges.add(node);
  if (relation !== null) {
    noteEffect(context, relation, 'insert', false);
    if (relation.rules === true) context.findings.opaque.add('rules rewrite what is written to the table');
    const scope = new Scope(null);
    scope.sources.push(relationSource(context, name, relation));
    noteInfluence(context, scope, node.whereClause as Node | undefined, 'filter');
  }
  const listed = stringList(node.attlist as Node[] | undefined);
  const names = listed.length > 0 ? listed : (relation?.columns ?? []).filter(isCopied).map((column) => column.name);
  const columns =
    relation === null ? null : names.map((column) => context.index.origin(relation.schema, relation.name, column));
  return { kind: 'copy-from', command: 'COPY', outputs: null, copy: { ...format, columns } };
}

const isCopied = ({ generated }: CatalogRelation['columns'][number]) => generated === null;

function queryColumns(context: Context, query: Node): QueryColumns {
  const open = openNode(query);
  if (open?.tag === 'SelectStmt') {
    context.findings.kinds.add('select');
    return selectColumns(context, new Scope(null), open.body);
  }
  return modifyColumns(context, new Scope(null), open);
}

/** COPY table TO: the listed columns, else all that are not generated. A partitioned or inherited table gives its own rows alone. */
function tableColumns(context: Context, node: CopyStmt): QueryColumns {
  const name = node.relation ?? {};
  const relation = resolveRelation(context, name);
  if (relation === null) return { columns: toColumns(unknownSource(name), null, []), counted: false };
  noteEffect(context, relation, 'read', name.inh !== true);
  const filtered = [{ schema: relation.schema, name: relation.name }];
  context.findings.addFilter(name, 'select', filtered, 'none', null);
  const columns = toColumns(
    relationSource(context, name, relation),
    relation,
    stringList(node.attlist as Node[] | undefined),
  );
  for (const { value } of columns) noteColumnRead(context, value);
  return { columns, counted: true };
}

function toColumns(
  source: Source,
  relation: CatalogRelation | null,
  listed: readonly string[],
): QueryColumns['columns'] {
  if (listed.length === 0) {
    const generated = new Set(relation?.columns.filter((column) => column.generated !== null).map(({ name }) => name));
    return source.columns.filter(({ name }) => !generated.has(name));
  }
  return listed.flatMap((name) => source.columns.filter((column) => column.name === name));
}

/** Options of COPY as the server reads them (their defaults follow from the format). */
function copyFormat(context: Context, node: CopyStmt): CopyFormat {
  const options = new Map<string, string>();
  for (const item of (node.options ?? []) as Node[]) {
    const body = openNode(item)?.body ?? {};
    const arg = openNode(body['arg']);
    const value = arg?.body['sval'] ?? arg?.body['ival'] ?? arg?.body['boolval'];
    options.set(
      String(body['defname']),
      value === undefined ? (arg === null ? 'true' : defaultOf(arg.tag)) : String(value),
    );
  }
  const encoding = options.get('encoding');
  if (encoding !== undefined && !/^utf-?8$/i.test(encoding))
    context.findings.opaque.add('COPY with an encoding other than UTF8 cannot be masked');
  const format = formatOf(options.get('format'));
  const quote = options.get('quote') ?? '"';
  return {
    direction: node.is_from === true ? 'from' : 'to',
    format,
    delimiter: options.get('delimiter') ?? (format === 'csv' ? ',' : '\t'),
    quote,
    escape: options.get('escape') ?? quote,
    nullText: options.get('null') ?? (format === 'csv' ? '' : '\\N'),
    header: isOn(options.get('header')),
  };
}

/** The parser leaves out empty strings, zeros and false. */
function defaultOf(tag: string): string {
  return tag === 'Integer' ? '0' : tag === 'Boolean' ? 'false' : '';
}

function formatOf(text: string | undefined): CopyFormat['format'] {
  return text === 'csv' || text === 'binary' ? text : 'text';
}

function isOn(text: string | undefined): boolean {
  return text !== undefined && !/^(f|false|off|0|no)$/i.test(text);
}

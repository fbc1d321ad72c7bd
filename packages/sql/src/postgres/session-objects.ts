import type { PlacedValue, SqlFacts } from '@weir/policy';
import type { SelectStmt } from './ast.ts';
import { type Node, openNode } from './ast.ts';
import type { Literal } from './constants.ts';
import { type Context } from './context.ts';
import { expressionValue } from './expressions.ts';
import { Findings } from './findings.ts';
import { mixed, type Provenance } from './provenance.ts';
import { Scope } from './scope.ts';
import { selectColumns } from './select.ts';
import { toFacts, toOutputs, type Verb } from './statement-result.ts';
import { analyseStatement } from './statements.ts';

/** PREPARE: judged by what it will do. Its effects happen at EXECUTE, so they count here only as what it reads. */
export function prepare(context: Context, body: Record<string, unknown>): Verb {
  const name = String(body['name'] ?? '');
  const inner: Context = { ...context, findings: new Findings() };
  const verb = analyseStatement(inner, (body['query'] as Node | undefined) ?? null);
  const facts = toFacts(verb, inner.findings);
  for (const reason of facts.opaque) context.findings.opaque.add(reason);
  context.findings.addUnknown(inner.findings);
  context.findings.changes.push({ change: 'prepare', name, facts });
  return { kind: 'prepare', command: 'PREPARE', outputs: null };
}

/** Facts of a prepared statement of this name; null (and opaque) when the session has none that is known. */
export function preparedFacts(context: Context, name: string): SqlFacts | null {
  const known = Object.hasOwn(context.objects.prepared, name) ? context.objects.prepared[name] : undefined;
  if (known === undefined) {
    context.findings.kinds.add('execute');
    context.findings.opaque.add(`prepared statement ${name} is not known`);
    return null;
  }
  absorbFacts(context.findings, known.facts);
  context.findings.kinds.add('execute');
  return known.facts;
}

function absorbFacts(findings: Findings, facts: SqlFacts): void {
  for (const { schema, table, effects } of facts.tables)
    for (const effect of effects) findings.addEffect(schema, table, effect);
  for (const { schema, name } of facts.functions) findings.addFunction(schema, name);
  for (const filter of facts.filters) findings.filters.set(filter, [filter]);
  for (const { ways, ...origin } of facts.influence) findings.addInfluenceOf(origin, ways);
  for (const kind of facts.kinds) findings.kinds.add(kind);
  for (let i = 0; i < facts.dataChanges; i += 1) findings.dataChanges.add({});
  for (const copy of facts.copies) findings.copies.set(JSON.stringify(copy), copy);
  for (const reason of facts.opaque) findings.opaque.add(reason);
  findings.settings.push(...facts.settings);
}

/** What the prepared statement does with its parameters, the EXECUTE does with its arguments. */
function placeArgument(findings: Findings, placed: PlacedValue, values: readonly Provenance[]): void {
  const { column, place, value } = placed;
  const literals: readonly Literal[] =
    'parameter' in value
      ? (values[value.parameter - 1]?.literals ?? [])
      : 'text' in value
        ? [{ kind: 'text', text: value.text }]
        : [];
  for (const literal of literals) findings.placed.push({ column, place, literal });
}

export function execute(context: Context, body: Record<string, unknown>): Verb {
  const nodes = (body['params'] as Node[] | undefined) ?? [];
  const values = nodes.map((node) => expressionValue(context, new Scope(null), node));
  const arguments_ = mixed(values);
  context.findings.addInfluence(arguments_, 'filter');
  const facts = preparedFacts(context, String(body['name'] ?? ''));
  for (const placed of facts?.placed ?? []) placeArgument(context.findings, placed, values);
  if (facts === null) {
    return {
      kind: 'execute',
      command: 'EXECUTE',
      outputs: [{ name: '?column?', origins: [], direct: false, opaque: true, typeOid: null }],
    };
  }
  if (facts.settings.length > 0) context.findings.changes.push({ change: 'environment' });
  if (facts.kinds.includes('ddl')) context.findings.changes.push({ change: 'catalog' });
  // A parameter may carry a value of a column into an output.
  const outputs = facts.outputs?.map((output) => ({
    ...output,
    origins: arguments_.origins.size === 0 ? output.origins : [...new Set([...output.origins, ...arguments_.origins])],
    opaque: output.opaque || arguments_.opaque,
    direct: output.direct && arguments_.origins.size === 0,
  }));
  return { kind: 'execute', command: 'EXECUTE', outputs: outputs ?? null };
}

export function deallocate(context: Context, body: Record<string, unknown>): Verb {
  const name = body['name'] === undefined ? null : String(body['name']);
  context.findings.changes.push({ change: 'deallocate', name });
  return { kind: 'deallocate', command: name === null ? 'DEALLOCATE ALL' : 'DEALLOCATE', outputs: null };
}

/** Bit of DeclareCursorStmt.options for WITH HOLD (parsenodes.h, CURSOR_OPT_HOLD). */
const holdOption = 0x0020;

/** DECLARE runs the query (row by row, at FETCH), so its facts are those of the query. */
export function declareCursor(context: Context, body: Record<string, unknown>): Verb {
  const open = openNode(body['query']);
  const name = String(body['portalname'] ?? '');
  const hold = (Number(body['options'] ?? 0) & holdOption) !== 0;
  if (open?.tag !== 'SelectStmt') {
    context.findings.opaque.add('the query of the cursor is not understood');
  } else {
    context.findings.kinds.add('select');
    const outputs = toOutputs(selectColumns(context, new Scope(null), open.body as SelectStmt));
    context.findings.changes.push({ change: 'declare', name, outputs, hold });
  }
  return { kind: 'declare-cursor', command: 'DECLARE CURSOR', outputs: null };
}

export function fetchCursor(context: Context, body: Record<string, unknown>): Verb {
  const name = String(body['portalname'] ?? '');
  const isMove = body['ismove'] === true;
  const known = Object.hasOwn(context.objects.cursors, name) ? context.objects.cursors[name] : undefined;
  if (isMove) return { kind: 'fetch', command: 'MOVE', outputs: null };
  if (known !== undefined) return { kind: 'fetch', command: 'FETCH', outputs: known.outputs };
  context.findings.opaque.add(`cursor ${name} is not known`);
  return {
    kind: 'fetch',
    command: 'FETCH',
    outputs: [{ name: '?column?', origins: [], direct: false, opaque: true, typeOid: null }],
  };
}

export function closeCursor(context: Context, body: Record<string, unknown>): Verb {
  const name = body['portalname'] === undefined ? null : String(body['portalname']);
  context.findings.changes.push({ change: 'close', name });
  return { kind: 'close-cursor', command: name === null ? 'CLOSE CURSOR ALL' : 'CLOSE CURSOR', outputs: null };
}

export function discard(context: Context, body: Record<string, unknown>): Verb {
  const target = String(body['target'] ?? '').replace('DISCARD_', '');
  if (target === 'ALL')
    context.findings.changes.push({ change: 'discard' }, { change: 'environment' }, { change: 'catalog' });
  if (target === 'TEMP') context.findings.changes.push({ change: 'catalog' });
  return { kind: 'maintenance', command: `DISCARD ${target}`, outputs: null };
}

import { type Constant, constantValue, type Node, openNode } from './ast.ts';
import type { Context } from './context.ts';
import { Findings } from './findings.ts';
import { plainOutput, type Verb } from './statement-result.ts';
import { analyseStatement } from './statements.ts';

/** EXPLAIN: with ANALYZE the statement runs and all its effects count; without, it reads nothing but the statistics that its plan shows. */
export function explain(context: Context, body: Record<string, unknown>): Verb {
  const inner: Context = { ...context, findings: new Findings() };
  const verb = analyseStatement(inner, (body['query'] as Node | undefined) ?? null);
  const runs = ((body['options'] as Node[] | undefined) ?? []).some(isAnalyze);
  if (inner.findings.kinds.has('execute')) context.findings.kinds.add('execute');
  context.findings.resolvesNames ||= inner.findings.resolvesNames;
  if (runs) return { ...running(context, inner.findings, verb), command: 'EXPLAIN ANALYZE' };
  for (const { schema, table } of inner.findings.tables.values()) context.findings.addEffect(schema, table, 'read');
  for (const [origin, ways] of inner.findings.influence) context.findings.addInfluenceOf(origin, ways);
  for (const { schema, name } of inner.findings.functions.values()) context.findings.addFunction(schema, name);
  for (const reason of inner.findings.opaque) context.findings.opaque.add(reason);
  context.findings.addUnknown(inner.findings);
  return { kind: 'explain', command: 'EXPLAIN', outputs: plainOutput('QUERY PLAN') };
}

function running(context: Context, found: Findings, verb: Verb): Verb {
  const { findings } = context;
  findings.absorb(found);
  findings.addUnknown(found);
  findings.kinds.add(verb.kind);
  for (const node of found.dataChanges) findings.dataChanges.add(node);
  for (const kind of found.kinds) findings.kinds.add(kind);
  for (const [node, filters] of found.filters) findings.filters.set(node, filters);
  for (const [key, copy] of found.copies) findings.copies.set(key, copy);
  findings.placed.push(...found.placed);
  findings.settings.push(...found.settings);
  findings.changes.push(...found.changes);
  return { kind: 'explain', command: 'EXPLAIN', outputs: plainOutput('QUERY PLAN') };
}

function isAnalyze(node: Node): boolean {
  const option = openNode(node)?.body ?? {};
  if (String(option['defname']).toLowerCase() !== 'analyze') return false;
  const arg = option['arg'] as Node | undefined;
  if (arg === undefined) return true;
  const open = openNode(arg);
  const text = String(
    open?.body['sval'] ?? open?.body['ival'] ?? open?.body['boolval'] ?? constantText(constantValue(arg)),
  );
  // What is not plainly off is taken as on.
  return (
    !/^(f|fa|fal|fals|false|off|of|n|no|0)$/i.test(text.trim()) &&
    !(open?.tag === 'Integer' && open.body['ival'] === undefined)
  );
}

function constantText(constant: Constant | null): string {
  return constant?.text ?? '';
}

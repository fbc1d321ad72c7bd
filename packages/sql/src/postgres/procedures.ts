import { type FuncCall, type Node, openNode, stringValue } from './ast.ts';
import type { Context } from './context.ts';
import { expressionValue } from './expressions.ts';
import { blockEffects, functionValue, procedureOutputs } from './function-bodies.ts';
import { resolveCall } from './function-calls.ts';
import { readPlpgsql } from './plpgsql.ts';
import { mixed } from './provenance.ts';
import { Scope } from './scope.ts';
import type { Verb } from './statement-result.ts';

const unseen: Verb['outputs'] = [{ name: '?column?', origins: [], direct: false, opaque: true, typeOid: null }];

/** Its code may have changed anything that later statements depend on. */
function refuse(context: Context, kind: 'do' | 'call', command: string, reason: string): Verb {
  context.findings.opaque.add(reason);
  context.findings.changes.push({ change: 'catalog' }, { change: 'environment' });
  return { kind, command, outputs: unseen };
}

/** DO: a block in PL/pgSQL is looked into. It answers with nothing. */
export function doBlock(context: Context, body: Record<string, unknown>): Verb {
  const options = new Map<string, string | null>();
  for (const node of (body['args'] as Node[] | undefined) ?? []) {
    const option = openNode(node)?.body ?? {};
    options.set(String(option['defname'] ?? ''), stringValue(option['arg'] as Node | undefined));
  }
  const text = options.get('as') ?? null;
  if (text === null || (options.get('language') ?? 'plpgsql') !== 'plpgsql')
    return refuse(context, 'do', 'DO', 'a DO block of another language than PL/pgSQL is not looked into');
  const quote = quoteFor(text);
  const block = readPlpgsql(context.parser, `DO ${quote}${text}${quote}`);
  if (typeof block === 'string') return refuse(context, 'do', 'DO', `the DO block cannot be followed: ${block}`);
  blockEffects(context, block);
  return { kind: 'do', command: 'DO', outputs: null };
}

/** A dollar quote that does not occur in the text. */
function quoteFor(text: string): string {
  for (let number = 0; ; number += 1) {
    const quote = `$q${number}$`;
    if (!text.includes(quote)) return quote;
  }
}

/** CALL: the bodies of all procedures that may be meant are looked into. */
export function call(context: Context, body: Record<string, unknown>): Verb {
  const target = body['funccall'] as FuncCall | undefined;
  const args = target?.args ?? [];
  const resolved = resolveCall(context, target?.funcname, args, true);
  context.findings.addFunction(resolved.schema, resolved.name);
  const values = args.map((arg) => expressionValue(context, new Scope(null), arg));
  if (resolved.builtin || resolved.opaque !== null)
    return refuse(context, 'call', 'CALL', resolved.opaque ?? `procedure ${resolved.name}() is not known`);
  if (resolved.bodies.length === 0)
    return { kind: 'call', command: 'CALL', outputs: args.length === 0 ? null : unseen };
  const value = mixed(resolved.bodies.map((fn) => functionValue(context, fn, values, true)));
  const names = resolved.bodies.map((fn) => procedureOutputs(context, fn));
  const [first = []] = names;
  const isSure = names.every((other) => other.join('\0') === first.join('\0'));
  const outputs = first.map((name) => ({
    ...{ name, origins: [...value.origins], direct: false, opaque: value.opaque, typeOid: null },
  }));
  return { kind: 'call', command: 'CALL', outputs: !isSure ? unseen : first.length === 0 ? null : outputs };
}

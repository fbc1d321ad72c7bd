import { bodyOf, type Node, type RangeVar } from './ast.ts';
import type { Context } from './context.ts';
import { noteEffect, resolveRelation } from './relations.ts';
import type { Verb } from './statement-result.ts';

export function truncate(context: Context, body: Record<string, unknown>): Verb {
  for (const node of (body['relations'] as Node[] | undefined) ?? []) effectOn(context, node, 'truncate');
  if (body['behavior'] === 'DROP_CASCADE')
    context.findings.opaque.add('TRUNCATE … CASCADE empties relations that are not named');
  return { kind: 'truncate', command: 'TRUNCATE TABLE', outputs: null };
}

export function lock(context: Context, body: Record<string, unknown>): Verb {
  for (const node of (body['relations'] as Node[] | undefined) ?? []) effectOn(context, node, 'lock');
  return { kind: 'lock', command: 'LOCK TABLE', outputs: null };
}

function effectOn(context: Context, node: Node, effect: 'truncate' | 'lock'): void {
  const name = bodyOf<RangeVar>(node, 'RangeVar') ?? {};
  const relation = resolveRelation(context, name);
  if (relation !== null) noteEffect(context, relation, effect, name.inh !== true);
}

export function notify(): Verb {
  return { kind: 'notify', command: 'NOTIFY', outputs: null };
}

import { constantValue, type Node, openNode } from './ast.ts';
import type { Context } from './context.ts';
import { noteSetting } from './function-calls.ts';
import type { Verb } from './statement-result.ts';
import { plainOutput } from './statement-result.ts';

/** SET, RESET, SET ROLE, SET SESSION AUTHORIZATION, SET TRANSACTION, SET TIME ZONE. */
export function setVariable(context: Context, body: Record<string, unknown>): Verb {
  const kind = String(body['kind'] ?? '');
  const name = String(body['name'] ?? '').toLowerCase();
  const args = (body['args'] as Node[] | undefined) ?? [];
  if (kind === 'VAR_RESET_ALL') {
    noteSetting(context, '*', null);
    return { kind: 'set', command: 'RESET ALL', outputs: null };
  }
  if (kind === 'VAR_SET_MULTI') return multiple(context, name, args);
  noteSetting(context, name, kind === 'VAR_SET_VALUE' ? args.map(argumentText).join(', ') : null);
  return { kind: 'set', command: kind === 'VAR_RESET' ? 'RESET' : 'SET', outputs: null };
}

function argumentText(node: Node): string {
  const constant = constantValue(node);
  if (constant !== null) return constant.text;
  const arg = openNode(node)?.body['arg'] as Node | undefined;
  return constantValue(arg)?.text ?? '';
}

/** SET TRANSACTION and SET SESSION CHARACTERISTICS; SET TRANSACTION SNAPSHOT shows another session's data, which is no more than its own. */
function multiple(context: Context, name: string, args: readonly Node[]): Verb {
  for (const node of args) {
    const item = openNode(node)?.body ?? {};
    const value = constantValue(item['arg'] as Node | undefined);
    context.findings.settings.push({ name: String(item['defname'] ?? ''), value: value?.text ?? null });
  }
  return {
    kind: 'set',
    command: name === 'transaction' ? 'SET TRANSACTION' : `SET ${name.toUpperCase()}`,
    outputs: null,
  };
}

export function showVariable(body: Record<string, unknown>): Verb {
  const name = String(body['name'] ?? '');
  const names = name === 'all' ? ['name', 'setting', 'description'] : [name];
  return { kind: 'show', command: 'SHOW', outputs: names.flatMap(plainOutput) };
}

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { daytime, documentOf, evaluatorOf, type FactsSketch, openAccess, statementOf } from './fixture.ts';

interface Group {
  readonly match: unknown;
  readonly statements: readonly {
    readonly facts: FactsSketch;
    readonly reason: string | null;
    readonly count?: number | null;
  }[];
}
const groups = parse(readFileSync(new URL('cases/guardrail-match.yaml', import.meta.url), 'utf8')) as Group[];

describe.each(groups.map((group) => ({ name: JSON.stringify(group.match), ...group })))('match $name', (group) => {
  const spec = `match: ${JSON.stringify(group.match)}\naction: deny`;
  const evaluator = evaluatorOf(openAccess + documentOf('Guardrail', 'rule', spec));

  it.each(group.statements.map((row) => ({ title: JSON.stringify(row.facts), ...row })))('$title: $reason', (row) => {
    const context =
      row.count === null ? { now: daytime.now, interactive: true } : { ...daytime, statementCount: row.count ?? 1 };
    const verdict = evaluator.evaluate(statementOf(row.facts), context);
    expect(verdict.action === 'deny' ? verdict.reason : null).toBe(row.reason);
    const step = verdict.trace.find(({ rule }) => rule === 'rule');
    expect(step?.matched).toBe(row.reason !== null);
  });

  it('is taken to match a statement that is not understood', () => {
    const access = openAccess.replace('spec:', 'spec:\n  opaque: allow');
    const open = evaluatorOf(access + documentOf('Guardrail', 'rule', spec));
    const verdict = open.evaluate(statementOf({ kind: 'do', opaque: ['a DO block runs code'] }), daytime);
    expect(verdict).toMatchObject({ action: 'deny', rule: 'rule' });
  });
});

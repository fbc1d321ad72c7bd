import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { daytime, documentOf } from '../fixture.ts';
import { allKindsAccess, type SshSketch, sshEvaluatorOf, sshStatementOf } from './ssh-fixture.ts';

interface Group {
  readonly match: unknown;
  readonly statements: readonly { readonly facts: SshSketch; readonly reason: string | null }[];
}
const groups = parse(readFileSync(new URL('../cases/ssh-match.yaml', import.meta.url), 'utf8')) as Group[];

describe.each(groups.map((group) => ({ name: JSON.stringify(group.match), ...group })))('match $name', (group) => {
  const spec = `match: ${JSON.stringify(group.match)}\naction: deny`;
  const evaluator = sshEvaluatorOf(allKindsAccess + documentOf('Guardrail', 'rule', spec));

  it.each(group.statements.map((row) => ({ title: JSON.stringify(row.facts), ...row })))('$title: $reason', (row) => {
    const verdict = evaluator.evaluateSsh(sshStatementOf(row.facts), { now: daytime.now, interactive: true });
    expect(verdict.action === 'deny' ? verdict.reason : null).toBe(row.reason);
  });
});

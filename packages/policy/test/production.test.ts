import { readFileSync } from 'node:fs';
import { lintPolicies, type Principal } from '@weir/policy';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { columnOf, evaluatorOf, type FactsSketch, statementOf } from './fixture.ts';

interface Row {
  readonly who: string;
  readonly at: string;
  readonly facts: FactsSketch;
  readonly verdict: string;
  readonly interactive?: boolean;
  readonly hour?: number;
}
const { policy, rows } = parse(readFileSync(new URL('cases/production.yaml', import.meta.url), 'utf8')) as {
  readonly policy: string;
  readonly rows: readonly Row[];
};

function evaluatorFor(row: Pick<Row, 'who' | 'at'>) {
  const [name = '', kind, groups = ''] = row.who.split('/');
  const [connection = '', env = ''] = row.at.split('/');
  const principal: Principal = {
    id: `id-${name}`,
    name,
    kind: kind as Principal['kind'],
    groups: groups === '' ? [] : groups.split('+'),
  };
  return evaluatorOf(policy, principal, { name: connection, protocol: 'postgres', labels: { env } });
}

describe('a policy of several teams', () => {
  it('has no finding', () => {
    expect(lintPolicies(policy, 'p')).toEqual([]);
  });

  it.each(rows.map((row) => ({ ...row, what: JSON.stringify(row.facts), hour: row.hour ?? 12 })))(
    '$who at $at ($hour h): $what -> $verdict',
    (row) => {
      const verdict = evaluatorFor(row).evaluate(statementOf(row.facts), {
        now: new Date(Date.UTC(2026, 2, 4, row.hour)),
        interactive: row.interactive ?? true,
        statementCount: 1,
      });
      const bound = verdict.action === 'deny' || verdict.maxRows === null ? '' : ` ${verdict.maxRows}`;
      expect(`${verdict.action} ${verdict.rule}${bound}`).toBe(row.verdict);
    },
  );

  it.each([
    ['ann/person/analysts', 'users.email', 'hash'],
    ['ann/person/analysts', 'app.users.work_email', 'hash'],
    ['ann/person/analysts', 'users.emails', undefined],
    ['both/person/on-call+analysts', 'users.email', undefined],
    ['bot/ai-agent/', 'users.email', 'hash'],
  ])('%s sees %s by %s', (who, path, transform) => {
    const evaluator = evaluatorFor({ who, at: 'orders-db/production' });
    expect(evaluator.maskOf(columnOf(path))?.transform).toBe(transform);
  });

  it('depends on the time and on the client', () => {
    const at = 'orders-db/production';
    expect(evaluatorFor({ who: 'olga/person/on-call', at }).reads).toMatchObject({ now: true, interactive: true });
    expect(evaluatorFor({ who: 'ann/person/analysts', at }).reads).toMatchObject({ now: true, interactive: false });
  });
});

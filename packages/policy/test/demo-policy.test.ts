import { readFileSync } from 'node:fs';
import { type ColumnRef, compilePlan, lintPolicies, loadPlan, parsePolicies } from '@weir/policy';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { columnOf, daytime, demo, evaluatorOf, type FactsSketch, statementOf } from './fixture.ts';

interface Row {
  readonly sql: string;
  readonly as?: string;
  readonly facts: FactsSketch;
  readonly verdict: string;
}
const text = readFileSync(new URL('../../../apps/demo/policy/shop.yaml', import.meta.url), 'utf8');
const rows = parse(readFileSync(new URL('cases/demo.yaml', import.meta.url), 'utf8')) as Row[];
const member = (group: string) => ({ id: `id-${group}`, name: group, kind: 'person' as const, groups: [group] });
const evaluators = Object.fromEntries(
  ['developers', 'security', 'admins', 'guests'].map((group) => [group, evaluatorOf(text, member(group))]),
);

describe('the policy of the demo', () => {
  it('has no finding', () => {
    expect(lintPolicies(text, 'shop.yaml')).toEqual([]);
  });

  it.each(rows.map((row) => ({ who: row.as ?? 'developers', ...row })))('$who: $sql -> $verdict', (row) => {
    const verdict = evaluators[row.who]?.evaluate(statementOf(row.facts), daytime);
    expect(`${verdict?.action} ${verdict?.rule}`).toBe(row.verdict);
    expect(verdict?.reason).toMatch(/^[A-Z].*[.!?]$/);
  });

  it('speaks to the user', () => {
    const facts: FactsSketch = { kind: 'delete', filters: ['delete customers none'] };
    expect(evaluators['developers']?.evaluate(statementOf(facts), daytime)).toMatchObject({
      reason: 'DELETE on customers has no WHERE clause: it would change every row.',
      hint: 'Add a WHERE clause that names the rows you mean.',
    });
  });

  it('asks the security team, for ten minutes', () => {
    const facts: FactsSketch = {
      kind: 'update',
      tables: { payments: ['update'] },
      filters: ['update payments effective'],
    };
    expect(evaluators['developers']?.evaluate(statementOf(facts), daytime)).toMatchObject({
      action: 'require-approval',
      approvers: ['security'],
      mode: 'auto',
      timeoutMs: 600_000,
    });
  });

  it.each([
    ['customers.email', 'partial', 'email'],
    ['customers.phone', 'partial', 'phone'],
    ['customers.ssn', 'redact', 'us-ssn'],
    ['customers.card', 'partial', 'card'],
    ['customers.iban', 'partial', 'iban'],
    ['customers.address', 'redact', 'address'],
    ['employees.salary', 'null', 'number'],
    ['payments.card', 'partial', 'card'],
    ['payments_2024_01.card', 'partial', 'card'],
    ['users.password_hash', 'redact', null],
    ['users.api_token', 'redact', null],
  ])('masks %s by %s for staff and shows it to administrators', (path, transform, contentType) => {
    const column: ColumnRef = columnOf(path);
    for (const group of ['developers', 'security']) {
      expect(evaluators[group]?.maskOf(column)).toMatchObject({ transform, contentType });
    }
    expect(evaluators['admins']?.maskOf(column)).toBeNull();
  });

  it.each([
    'customers.id',
    'customers.name',
    'customers.notes',
    'orders.amount',
    'users.email',
    'archive.customers.email',
  ])('does not mask %s', (path) => {
    expect(evaluators['developers']?.maskOf(columnOf(path))).toBeNull();
  });

  it.each(['customers.notes', 'orders.note'])('searches %s for personal data', (path) => {
    const types = ['email', 'phone', 'us-ssn', 'card', 'iban'];
    expect(evaluators['developers']?.detectOf(columnOf(path))).toEqual(types);
    expect(evaluators['admins']?.detectOf(columnOf(path))).toEqual([]);
  });

  it('gives administrators a plan without masks and guardrails', () => {
    expect(evaluators['admins']).toMatchObject({ hasMasks: false, hasRules: false });
    expect(evaluators['developers']).toMatchObject({ hasMasks: true, hasRules: true });
    expect(evaluators['developers']?.plan.requires).toEqual(['postgres/1', 'plan/1', 'approval/1']);
    expect(evaluators['admins']?.plan.requires).toEqual(['postgres/1', 'plan/1']);
  });

  it('is about connections with the label env=demo only', () => {
    const production = { ...demo, name: 'prod', labels: { env: 'production' } };
    const plan = compilePlan(parsePolicies(text, 'shop.yaml'), member('admins'), production, { policyVersion: '1' });
    expect(plan).toMatchObject({ allowed: false, access: [], guardrails: [], masks: [] });
    expect(loadPlan(plan).evaluate(statementOf({}), daytime)).toMatchObject({
      action: 'deny',
      reason: 'No access rule lets admins use the connection prod.',
    });
  });
});

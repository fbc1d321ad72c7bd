import { budgetWindowAt, compilePlan, lintPolicies, parsePolicies } from '@weir/policy';
import { describe, expect, it } from 'vitest';
import {
  daytime,
  demo,
  dev,
  documentOf,
  evaluatorOf,
  type FactsSketch,
  factsOf,
  openAccess,
  statementOf,
} from './fixture.ts';

const customers = documentOf(
  'Budget',
  'customers',
  "tables: ['public.customers', 'crm.*']\nrows: 100\nbytes: 5000\nper: day",
);
const orders = documentOf('Budget', 'orders', "tables: ['public.orders']\nrows: 10\nper: hour\nmode: observe");
const evaluator = evaluatorOf(openAccess + customers + orders);
const charged = (sketch: FactsSketch) => evaluator.budgets.chargedBy(factsOf(sketch)).map(({ rule }) => rule);

describe('a statement counts in the budgets', () => {
  it.each<[string, FactsSketch, string[]]>([
    ['of the tables that it reads', { tables: { customers: ['read'] } }, ['customers']],
    [
      'whatever it delivers of them',
      { tables: { customers: ['read'] }, outputs: ['orders.id'] },
      ['customers', 'orders'],
    ],
    [
      'of the tables that its outputs come from (FETCH names no table)',
      { kind: 'fetch', outputs: ['crm.leads.id'].map((path) => path) },
      ['customers'],
    ],
    ['by RETURNING', { kind: 'update', tables: { 'crm.leads': ['update'] }, outputs: ['crm.leads.id'] }, ['customers']],
    ['by globs, case ignored', { tables: { 'CRM.Leads': ['read'] } }, ['customers']],
    ['of no table: none', { tables: { products: ['read'] }, outputs: ['products.id'] }, []],
    ['all, when it is not understood', { opaque: ['who knows'] }, ['customers', 'orders']],
    [
      'all, when an output is not understood',
      { tables: { products: ['read'] }, outputs: ['?'] },
      ['customers', 'orders'],
    ],
  ])('%s', (_name, sketch, expected) => {
    expect(charged(sketch)).toEqual(expected);
  });
});

describe('rows of a budget stored elsewhere', () => {
  const verdictOf = (sketch: FactsSketch) => evaluator.evaluate(statementOf(sketch), daytime);
  it.each<[string, FactsSketch, string | null]>([
    ['in another table', { kind: 'insert', copies: ['customers.name -> notes.text'] }, 'customers'],
    ['in a place that is no column', { kind: 'ddl', copies: ['customers.name -> ?'] }, 'customers'],
    ['in a table of the same budget', { kind: 'insert', copies: ['customers.name -> crm.leads.name'] }, null],
    ['from a table that is only observed', { kind: 'insert', copies: ['orders.note -> notes.text'] }, null],
    ['from elsewhere', { kind: 'insert', copies: ['notes.text -> customers.name'] }, null],
  ])('%s', (_name, sketch, rule) => {
    const verdict = verdictOf(sketch);
    expect(verdict).toMatchObject(rule === null ? { action: 'allow' } : { action: 'deny', rule });
    if (rule !== null) expect(verdict.reason).toContain('where reading it is not counted');
  });

  it('the trace names every budget', () => {
    const { trace } = verdictOf({ tables: { customers: ['read'] }, copies: ['orders.note -> ?'] });
    const steps = Object.fromEntries(trace.map(({ rule, matched, why }) => [rule, `${matched} ${why}`]));
    expect(steps['customers']).toBe('true budget: the rows that are delivered count');
    expect(steps['orders']).toMatch(/^true observe only: SELECT would store orders.note/);
  });
});

describe('a budget document', () => {
  const problems = (spec: string) => lintPolicies(documentOf('Budget', 'b', spec), 'p').map(({ message }) => message);
  it.each<[string, string]>([
    ["tables: ['public.t']\nper: day", 'needs "rows", "bytes" or both'],
    ["tables: ['public.t']\nrows: 1", 'per: This key is required.'],
    ["tables: ['public.t']\nrows: 0\nper: day", 'Expected at least 1.'],
    ["tables: ['t']\nrows: 1\nper: day", 'must have the form schema.table'],
    ["tables: ['public.t']\nrows: 1\nper: week", 'is not one of hour, day'],
    ["tables: ['public.t']\nrows: 1\nper: day\naction: require-approval", 'needs "approval"'],
    ["tables: ['public.t']\nrows: 1\nper: day\napproval: { approvers: { groups: [a] } }", 'cannot ask for approval'],
    ["tables: ['public.t']\nrow: 1\nper: day", 'Unknown key "row". Did you mean "rows"?'],
  ])('%s: %s', (spec, problem) => {
    expect(problems(spec).join('\n')).toContain(problem);
  });

  it('asks the agent for what it needs, and only those whom it names', () => {
    const policy = openAccess + customers.replace('spec:', 'spec:\n  who: { groups: [developers] }');
    const planFor = (groups: string[]) =>
      compilePlan(parsePolicies(policy, 'p'), { ...dev, groups }, demo, { policyVersion: 'v' });
    expect(planFor(['developers']).requires).toContain('budget/1');
    expect(planFor(['others'])).toMatchObject({ budgets: [], requires: ['postgres/1', 'plan/1'] });
  });
});

describe('windows are those of the calendar in UTC', () => {
  it.each<['hour' | 'day', string, string, string]>([
    ['hour', '2026-03-04T10:00:00.000Z', '2026-03-04T10:00:00.000Z', '2026-03-04T11:00:00.000Z'],
    ['hour', '2026-03-04T10:59:59.999Z', '2026-03-04T10:00:00.000Z', '2026-03-04T11:00:00.000Z'],
    ['day', '2026-12-31T23:59:59.999Z', '2026-12-31T00:00:00.000Z', '2027-01-01T00:00:00.000Z'],
  ])('%s at %s', (per, now, startsAt, endsAt) => {
    const { startsAtMs, endsAtMs } = budgetWindowAt(per, Date.parse(now));
    expect([startsAtMs, endsAtMs].map((ms) => new Date(ms).toISOString())).toEqual([startsAt, endsAt]);
  });
});

import {
  compilePlan,
  evaluateCase,
  lintPolicies,
  loadPlan,
  type Plan,
  type Principal,
  parseCases,
  parsePolicies,
  type StatementKind,
} from '@weir/policy';
import { describe, expect, it } from 'vitest';
import { planVersion } from '../src/compile.ts';
import { columnOf, daytime, demo, documentOf, evaluatorOf, statementOf } from './fixture.ts';

const anna = { id: 'p7', name: 'anna', groups: ['analysts'] };
const bot: Principal = { id: 's1', name: 'report-bot', kind: 'ai-agent', groups: ['bots'] };
const botForAnna: Principal = { ...bot, actingFor: anna };
const botForGuest: Principal = { ...bot, actingFor: { id: 'p8', name: 'guest', groups: [] } };
const annaHerself: Principal = { ...anna, kind: 'person' };

const access = (name: string, who: string, rest = '') =>
  documentOf('Access', name, `who: { ${who} }\nconnections: { names: ['*'] }\n${rest}`);
const bots = access('bots', 'groups: [bots]');
const analysts = access('analysts', 'groups: [analysts]');

describe('a principal that acts for a person', () => {
  it.each<[string, string, Principal, boolean]>([
    ['both hold the access', bots + analysts, botForAnna, true],
    ['one rule names both', access('both', 'groups: [bots, analysts]'), botForAnna, true],
    ['the person has none', bots + analysts, botForGuest, false],
    ['the principal has none', analysts, botForAnna, false],
    ['it acts for itself', bots, bot, true],
    ['required, and it acts', access('a', 'groups: [bots, analysts], actingFor: required'), botForAnna, true],
    ['required, and it acts for itself', access('a', 'groups: [bots], actingFor: required'), bot, false],
    ['required does not open it to the person', access('a', "groups: ['*'], actingFor: required"), annaHerself, false],
    ['none, and it acts', access('a', 'groups: [bots, analysts], actingFor: none'), botForAnna, false],
    ['none, and it acts for itself', access('a', 'groups: [bots], actingFor: none'), bot, true],
    [
      'access of the person that nobody else may use',
      bots + access('a', 'groups: [analysts], actingFor: none'),
      botForAnna,
      false,
    ],
    ['the person is excepted', access('a', 'groups: [bots, analysts], exceptPrincipals: [anna]'), botForAnna, false],
  ])('%s', (_what, policy, principal, expected) => {
    expect(evaluatorOf(policy, principal).plan.allowed).toBe(expected);
  });

  it('says who lacks the access', () => {
    expect(evaluatorOf(bots, botForAnna).plan.reason).toBe(
      'The principal acts for anna, and no access rule lets anna use the connection demo-pg that way: both need the access.',
    );
  });

  it.each<[StatementKind, string, string, 'allow' | 'deny']>([
    ['select', '[select, update]', '[select, delete]', 'allow'],
    ['update', '[select, update]', '[select, delete]', 'deny'],
    ['delete', '[select, update]', '[select, delete]', 'deny'],
  ])('%s, allowed %s to it and %s to the person: %s', (kind, own, behind, action) => {
    const policy =
      access('bots', 'groups: [bots]', `statements: { kinds: ${own} }`) +
      access('analysts', 'groups: [analysts]', `statements: { kinds: ${behind} }`);
    expect(evaluatorOf(policy, botForAnna).evaluate(statementOf({ kind }), daytime)).toMatchObject({ action });
  });

  it('gets the smaller bound on rows, and the settings and functions of both', () => {
    const policy =
      access('bots', 'groups: [bots]', 'maxRows: 100\nallowSettings: [a, b]\ntrustedFunctions: [s.f, s.g]') +
      access('analysts', 'groups: [analysts]', 'maxRows: 10\nallowSettings: [b, c]\ntrustedFunctions: [s.g, s.h]');
    const evaluator = evaluatorOf(policy, botForAnna);
    expect(evaluator.evaluate(statementOf({}), daytime)).toMatchObject({ action: 'allow', maxRows: 10 });
    expect(evaluator.trustedFunctions).toEqual(['s.g']);
  });

  it('keeps to what restricts either of the two', () => {
    const policy =
      bots +
      analysts +
      documentOf('Guardrail', 'no-delete', 'who: { groups: [analysts] }\nmatch: { kinds: [delete] }\naction: deny') +
      documentOf('Guardrail', 'not-anna', 'match: { kinds: [update] }\nwhen: principal.name == "anna"\naction: deny') +
      documentOf('Guardrail', 'no-insert', 'who: { groups: [bots] }\nmatch: { kinds: [insert] }\naction: deny') +
      documentOf('Masking', 'email', "columns: ['*.*.email']\ntransform: redact\nexempt: { groups: [bots] }") +
      documentOf('Masking', 'phone', "columns: ['*.*.phone']\ntransform: redact\nexempt: { groups: [analysts] }") +
      documentOf('Masking', 'card', "columns: ['*.*.card']\ntransform: redact\nexempt: { groups: [bots, analysts] }");
    const evaluator = evaluatorOf(policy, botForAnna);
    const verdictOn = (kind: StatementKind) => evaluator.evaluate(statementOf({ kind }), daytime).rule;
    expect(['delete', 'update', 'insert'].map((kind) => verdictOn(kind as StatementKind))).toEqual([
      'no-delete',
      'not-anna',
      'no-insert',
    ]);
    expect(['email', 'phone', 'card'].map((name) => evaluator.isProtected(columnOf(`users.${name}`)))).toEqual([
      true,
      true,
      false,
    ]);
  });

  it.each([
    ['actingFor.name == "anna"', botForAnna, true],
    ['actingFor.name == "anna"', bot, false],
    ['"analysts" in actingFor.groups', botForAnna, true],
    ['actingFor.id == ""', bot, true],
  ])('the condition %s', (when, principal, holds) => {
    const policy = access('a', 'groups: [bots, analysts]', `when: ${JSON.stringify(when)}`);
    const { action } = evaluatorOf(policy, principal).evaluate(statementOf({}), daytime);
    expect(action).toBe(holds ? 'allow' : 'deny');
  });

  it('needs the grant of both', () => {
    const policy =
      access('a', 'groups: [bots, analysts]', 'grant: required') +
      documentOf(
        'AccessRequest',
        'ask',
        "who: { principals: ['*'] }\nconnections: { names: ['*'] }\nlongest: 1h\napprovers: { groups: [leads] }",
      );
    const grant = { rule: 'ask', kind: 'request', ticket: null } as const;
    const isAllowed = (grants: boolean, grantsBehind: boolean) =>
      compilePlan(parsePolicies(policy, 'p'), botForAnna, demo, {
        policyVersion: '',
        grants: grants ? [grant] : [],
        grantsBehind: grantsBehind ? [grant] : [],
      }).allowed;
    expect([isAllowed(true, true), isAllowed(true, false), isAllowed(false, true)]).toEqual([true, false, false]);
  });
});

describe('a plan of somebody who acts for a person', () => {
  const planOf = (principal: Principal): Plan =>
    compilePlan(parsePolicies(bots + analysts, 'p'), principal, demo, { policyVersion: '' });

  it('names both, asks an agent that knows it, and differs by person', () => {
    const plan = planOf(botForAnna);
    expect(plan.principal).toMatchObject({ name: 'report-bot', actingFor: { name: 'anna' } });
    expect(plan.requires).toContain('acting-for/1');
    expect(planOf(bot).requires).not.toContain('acting-for/1');
    const other = { ...botForAnna, actingFor: { ...anna, name: 'bob' } };
    expect(planOf(other).version).not.toBe(plan.version);
  });

  it.each<[string, (plan: Record<string, unknown>) => void]>([
    ['without the access of the person', (plan) => delete plan['accessBehind']],
    ['without the person', (plan) => delete (plan['principal'] as Record<string, unknown>)['actingFor']],
  ])('is refused %s', (_what, change) => {
    const plan = JSON.parse(JSON.stringify(planOf(botForAnna))) as Record<string, unknown>;
    change(plan);
    const signed = { ...plan, version: planVersion(plan as Plan) };
    expect(() => loadPlan(signed)).toThrow('not understood');
  });
});

it('policy cases can act for a person', () => {
  const [one, other] = parseCases(
    `cases:
  - name: both
    principal: { name: report-bot, kind: ai-agent, groups: [bots], actingFor: { name: anna, groups: [analysts] } }
    connection: { name: demo-pg }
    sql: SELECT 1
    expect: { action: allow }
  - name: a guest
    principal: { name: report-bot, kind: ai-agent, groups: [bots], actingFor: { name: guest } }
    connection: { name: demo-pg }
    sql: SELECT 1
    expect: { action: deny, reason: acts for guest }
`,
    'cases.yaml',
  );
  if (one === undefined || other === undefined) throw new Error('two cases were written');
  const documents = parsePolicies(bots + analysts, 'p');
  const problemOf = (policyCase: typeof one) =>
    evaluateCase(documents, policyCase, statementOf({}), daytime.now).problem;
  expect([problemOf(one), problemOf(other)]).toEqual([null, null]);
});

it('lint finds access for people who act for a person', () => {
  const codes = (who: string) => lintPolicies(access('a', who), 'p').map(({ code }) => code);
  expect(codes('groups: [a], kinds: [person], actingFor: required')).toEqual(['acting-for-nobody']);
  expect(codes('groups: [a], kinds: [person, ai-agent], actingFor: required')).toEqual([]);
});

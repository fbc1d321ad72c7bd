import { isWeirError } from '@weir/errors';
import { compilePlan, loadPlan, type Plan, parsePolicies, planSchema } from '@weir/policy';
import { describe, expect, it } from 'vitest';
import { planVersion } from '../src/compile.ts';
import { columnOf, daytime, demo, dev, documentOf, openAccess, statementOf } from './fixture.ts';

const policy =
  openAccess +
  documentOf('Guardrail', 'no-ddl', 'match: { kinds: [ddl] }\nwhen: principal.name == "alice"\naction: deny') +
  documentOf(
    'Guardrail',
    'ask',
    'match: { kinds: [delete] }\naction: require-approval\napproval: { approvers: { groups: [s] } }',
  ) +
  documentOf('Masking', 'email', "columns: ['*.*.email']\ntransform: partial\ncontentType: email\ndetect: [card]");

const compile = (text: string, version = 'v1', principal = dev): Plan =>
  compilePlan(parsePolicies(text, 'p'), principal, demo, { policyVersion: version });
const travel = (plan: unknown): Record<string, unknown> => JSON.parse(JSON.stringify(plan)) as Record<string, unknown>;

/** The plan after a change, with the fingerprint that the change asks for, as another gateway would send it. */
function changed(change: (plan: Record<string, unknown>) => void): Record<string, unknown> {
  const plan = travel(compile(policy));
  change(plan);
  return { ...plan, version: planVersion(plan as Plan) };
}

describe('a plan', () => {
  it('outlives a trip as JSON', () => {
    const plan = compile(policy);
    expect(travel(plan)).toEqual(plan);
    expect(planSchema.parse(travel(plan))).toEqual(plan);
    expect(loadPlan(travel(plan)).maskOf(columnOf('users.email'))).toEqual({
      transform: 'partial',
      contentType: 'email',
      rule: 'email',
    });
  });

  it('holds only what concerns this principal on this connection', () => {
    const others =
      documentOf('Access', 'other-access', 'who: { groups: [secret-team] }\nconnections: { names: [secret-db] }') +
      documentOf('Guardrail', 'other-rule', 'who: { groups: [secret-team] }\nmatch: {}\naction: deny') +
      documentOf(
        'Masking',
        'other-mask',
        "connections: { names: [secret-db] }\ncolumns: ['*.*.x']\ntransform: redact",
      ) +
      documentOf('Masking', 'exempt-mask', "columns: ['*.*.y']\ntransform: redact\nexempt: { groups: [developers] }");
    const plan = compile(policy + others);
    expect(JSON.stringify(plan)).not.toMatch(/secret|other|exempt/);
    expect(plan).toEqual(compile(policy));
  });

  it('has no rules at all without access', () => {
    const text = policy.replace("principals: ['*']", 'principals: [bob]');
    expect(compile(text)).toMatchObject({
      allowed: false,
      reason: 'No access rule lets alice use the connection demo-pg.',
      requires: ['postgres/1', 'plan/1'],
      access: [],
      guardrails: [],
      masks: [],
    });
  });

  it('is denied as a whole without access', () => {
    const text = policy.replace("principals: ['*']", 'principals: [bob]');
    const verdict = loadPlan(compile(text)).evaluate(statementOf({ kind: 'empty' }), daytime);
    expect(verdict).toMatchObject({ action: 'deny', rule: 'default', trace: [{ rule: 'default', matched: true }] });
  });

  it.each([
    [openAccess, ['postgres/1', 'plan/1']],
    [policy, ['postgres/1', 'plan/1', 'approval/1']],
  ])('names what its reader must be able to do', (text, requires) => {
    expect(compile(text).requires).toEqual(requires);
  });
});

describe('the version of a plan', () => {
  it('stays when only the policy version changes, or documents of others', () => {
    const other = documentOf('Guardrail', 'other', 'who: { groups: [x] }\nmatch: {}\naction: deny');
    expect(compile(policy, 'v2').version).toBe(compile(policy, 'v1').version);
    expect(compile(policy + other).version).toBe(compile(policy).version);
  });

  it('stays when groups come in another order', () => {
    const versions = [
      ['a', 'b'],
      ['b', 'a'],
    ].map((groups) => compile(policy, 'v1', { ...dev, groups }).version);
    expect(versions[0]).toBe(versions[1]);
  });

  it.each([
    ['a reason', policy.replace('action: deny', 'action: deny\n  reason: x')],
    ['a transform', policy.replace('partial', 'redact')],
    ['a condition', policy.replace('"alice"', '"alic"')],
    ['a rule', policy.replace('no-ddl', 'no-ddl2')],
    ['an access rule', policy.replace("names: ['*']", "names: ['*'] }\n  opaque: allow\n  allowSettings: [role] #")],
  ])('changes with %s', (_what, text) => {
    expect(compile(text).version).not.toBe(compile(policy).version);
  });

  it('changes with the principal', () => {
    expect(compile(policy, 'v1', { ...dev, id: 'p2' }).version).not.toBe(compile(policy).version);
  });
});

describe('a plan that is not understood', () => {
  const list = (plan: Record<string, unknown>, key: string) => plan[key] as Record<string, unknown>[];
  const first = (plan: Record<string, unknown>, key: string) => list(plan, key)[0] ?? {};
  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['text', '{}'],
    ['an empty object', {}],
    ['an array', []],
    ['a later format', changed((plan) => Object.assign(plan, { format: 2 }))],
    ['an unknown part', changed((plan) => Object.assign(plan, { quotas: [] }))],
    ['an unknown capability', changed((plan) => list(plan, 'requires').push('mysql/1' as never))],
    ['an unknown protocol', changed((plan) => Object.assign(plan['connection'] as object, { protocol: 'mysql' }))],
    ['an unknown kind of principal', changed((plan) => Object.assign(plan['principal'] as object, { kind: 'robot' }))],
    ['an unknown statement kind', changed((plan) => Object.assign(first(plan, 'access'), { kinds: ['vacuum'] }))],
    [
      'an unknown condition key',
      changed((plan) => Object.assign(first(plan, 'guardrails'), { match: { moon: 'full' } })),
    ],
    [
      'an unknown effect',
      changed((plan) => Object.assign(first(plan, 'guardrails'), { match: { effects: ['burn'] } })),
    ],
    [
      'an unknown approval mode',
      changed((plan) => Object.assign(first(plan, 'guardrails')['approval'] ?? {}, { mode: 'later' })),
    ],
    ['an unknown rule mode', changed((plan) => Object.assign(first(plan, 'guardrails'), { mode: 'maybe' }))],
    ['an unknown transform', changed((plan) => Object.assign(first(plan, 'masks'), { transform: 'rot13' }))],
    ['clear as a transform', changed((plan) => Object.assign(first(plan, 'masks'), { transform: 'clear' }))],
    ['an unknown content type', changed((plan) => Object.assign(first(plan, 'masks'), { detect: ['dna'] }))],
    ['a missing part', changed((plan) => Reflect.deleteProperty(plan, 'masks'))],
    ['a rule without a name', changed((plan) => Reflect.deleteProperty(first(plan, 'masks'), 'rule'))],
    ['a condition that does not parse', changed((plan) => Object.assign(first(plan, 'guardrails'), { when: 'a ==' }))],
    [
      'a condition on something unknown',
      changed((plan) => Object.assign(first(plan, 'access'), { when: 'moon.phase == 1' })),
    ],
    ['a condition that is no bool', changed((plan) => Object.assign(first(plan, 'access'), { when: '1' }))],
    ['a version of another form', { ...travel(compile(policy)), version: 'latest' }],
    ['a version of other contents', { ...travel(compile(policy)), version: '0'.repeat(32) }],
    ['a dropped mask', { ...travel(compile(policy)), masks: [] }],
    ['allowed set by hand', { ...travel(compile(policy.replace("['*']", '[bob]'))), allowed: true }],
  ])('is refused: %s', (_what, json) => {
    let error: unknown;
    try {
      loadPlan(json);
    } catch (thrown) {
      error = thrown;
    }
    expect(isWeirError(error) && error.code).toBe('policy_invalid');
    expect(String(error)).toContain('The plan is not understood and therefore refused: ');
  });

  it('is not one whose contents and fingerprint fit', () => {
    expect(() => loadPlan(changed((plan) => Object.assign(first(plan, 'masks'), { transform: 'hash' })))).not.toThrow();
  });
});

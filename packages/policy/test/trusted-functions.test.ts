import { compilePlan, lintPolicies, loadPlan, parsePolicies } from '@weir/policy';
import { describe, expect, it } from 'vitest';
import { demo, dev, documentOf, evaluatorOf, openAccess } from './fixture.ts';

const reach = "who: { groups: [developers] }\nconnections: { names: ['*'] }";
const trusting = (name: string, functions: string, more = '') =>
  documentOf('Access', name, `${reach}\ntrustedFunctions: ${functions}${more}`);

describe('trusted functions', () => {
  it('of all access rules add up, in an order of their own; none is undefined', () => {
    const evaluator = evaluatorOf(trusting('b', '[public.b, app.a]') + trusting('a', '[public.b]'));
    expect(evaluator.trustedFunctions).toEqual(['app.a', 'public.b']);
    expect(evaluator.trustedFunctions).toBe(evaluator.trustedFunctions);
    expect(evaluatorOf(openAccess).trustedFunctions).toBeUndefined();
  });

  it('are those of the rules that name the principal', () => {
    const policy = parsePolicies(openAccess + trusting('a', '[public.a]'), 'p');
    const plan = compilePlan(policy, { ...dev, groups: ['others'] }, demo, { policyVersion: 'v' });
    expect(loadPlan(plan).trustedFunctions).toBeUndefined();
  });

  it.each<[string, string, string]>([
    ["['public.*']", '', 'Name each function in full'],
    ['[a]', '', 'must have the form schema.function'],
    ['[public.a]', '\nwhen: session.interactive', 'without "when" and "window"'],
  ])('%s%s: %s', (functions, more, problem) => {
    const messages = lintPolicies(trusting('a', functions, more), 'p').map(({ message }) => message);
    expect(messages.join('\n')).toContain(problem);
  });
});

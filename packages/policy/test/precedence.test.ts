import {
  type ColumnRef,
  compilePlan,
  loadPlan,
  type PlanEvaluator,
  type PolicyDocument,
  parsePolicies,
  statementKinds,
  transforms,
  type Verdict,
} from '@weir/policy';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { columnOf, daytime, demo, dev, documentOf, type FactsSketch, statementOf } from './fixture.ts';

const kinds = fc.uniqueArray(fc.constantFrom(...statementKinds.slice(0, 9)), { minLength: 1, maxLength: 4 });
const who = fc.constantFrom({}, { groups: ['developers'] }, { groups: ['other'] }, { exceptGroups: ['developers'] });
const when = fc.constantFrom(undefined, 'session.interactive', '!session.interactive', 'connection.labels.x == "1"');
const column = fc.constantFrom('a.x', 'a.y', 'b.x');

const accessSpec = fc.record({
  who: fc.constantFrom({ principals: ['*'] }, { groups: ['developers'] }, { groups: ['other'] }),
  connections: fc.constant({ names: ['*'] }),
  statements: fc.option(fc.record({ kinds }), { nil: undefined }),
  opaque: fc.constantFrom('deny', 'allow'),
  when,
});
const match = fc.record(
  {
    kinds,
    effects: fc.constantFrom(['delete'], ['read', 'update']),
    tables: fc.constantFrom(['public.a'], ['public.*']),
    where: fc.constantFrom('none', 'ineffective'),
    outputs: fc.constantFrom('protected', ['public.a.x']),
    influence: fc.constant('protected'),
  },
  { requiredKeys: [] },
);
const denySpec = fc.record({ who, match, when, action: fc.constant('deny') });
const approvalSpec = fc.record({
  who,
  match,
  when,
  action: fc.constant('require-approval'),
  approval: fc.record({ approvers: fc.record({ groups: fc.constantFrom(['s'], ['s', 't'], ['t']) }) }),
});
const maskSpec = fc.record({
  who,
  columns: fc.constantFrom(['public.a.x'], ['*.*.x'], ['public.a.*']),
  transform: fc.constantFrom(...transforms),
  exempt: fc.constantFrom(undefined, { groups: ['developers'] }, { groups: ['other'] }),
});

type Sketch = readonly [kind: string, spec: object];
const sketch: fc.Arbitrary<Sketch> = fc.oneof(
  fc.tuple(fc.constant('Access'), accessSpec),
  fc.tuple(fc.constant('Guardrail'), denySpec),
  fc.tuple(fc.constant('Guardrail'), approvalSpec),
  fc.tuple(fc.constant('Masking'), maskSpec),
);
const policy = fc
  .tuple(accessSpec, fc.array(sketch, { maxLength: 6 }))
  .map(([access, rest]) => documentsOf([['Access', access], ...rest], 'r'));
const oneOf = (kind: string, spec: fc.Arbitrary<object>) => spec.map((value) => documentsOf([[kind, value]], 'added'));

const facts: fc.Arbitrary<FactsSketch> = fc.record({
  kind: fc.constantFrom(...statementKinds.slice(0, 9)),
  tables: fc.dictionary(fc.constantFrom('a', 'b'), fc.subarray(['read', 'update', 'delete'] as const)),
  filters: fc.subarray(['delete a none', 'update a always-true', 'select b effective']),
  outputs: fc.subarray(['a.x', 'b.x', '?']),
  influence: fc.subarray(['a.x', 'a.y']),
  copies: fc.subarray(['a.x -> b.x', 'a.x -> ?', 'b.x -> a.x']),
  opaque: fc.constantFrom([], [], ['not understood']),
  settings: fc.constantFrom([], ['role=x'], ['work_mem=1']),
});

function documentsOf(sketches: readonly Sketch[], prefix: string): PolicyDocument[] {
  const text = sketches
    .map(([kind, spec], index) => documentOf(kind, `${prefix}${index}`, JSON.stringify(spec)))
    .join('');
  return parsePolicies(text, 'p');
}

function load(documents: readonly PolicyDocument[]): PlanEvaluator {
  return loadPlan(compilePlan(documents, dev, demo, { policyVersion: 'v' }));
}

/** 0 deny, 1 require-approval, 2 allow. */
function freedom(verdict: Verdict): number {
  return ['deny', 'require-approval', 'allow'].indexOf(verdict.action);
}

/** 0 null … 4 partial, 5 clear. */
function clarity(evaluator: PlanEvaluator, ref: ColumnRef): number {
  const mask = evaluator.maskOf(ref);
  return mask === null ? transforms.length : transforms.indexOf(mask.transform);
}

describe('whatever the policy', () => {
  it.each([
    ['denying guardrail', oneOf('Guardrail', denySpec)],
    ['approval rule', oneOf('Guardrail', approvalSpec)],
    ['masking rule', oneOf('Masking', maskSpec)],
  ])('one more %s never allows more (a mask can free a copy to its column only)', (name, added) => {
    fc.assert(
      fc.property(policy, added, facts, (documents, [extra], sketched) => {
        const statement = statementOf(name === 'masking rule' ? { ...sketched, copies: [] } : sketched);
        const before = load(documents).evaluate(statement, daytime);
        const after = load(extra === undefined ? documents : [...documents, extra]).evaluate(statement, daytime);
        expect(freedom(after)).toBeLessThanOrEqual(freedom(before));
      }),
      { numRuns: 300 },
    );
  });

  it('one more access rule never allows less', () => {
    fc.assert(
      fc.property(policy, oneOf('Access', accessSpec), facts, (documents, added, sketched) => {
        const statement = statementOf(sketched);
        const before = load(documents);
        fc.pre(before.plan.allowed);
        const after = load([...documents, ...added]).evaluate(statement, daytime);
        expect(freedom(after)).toBeGreaterThanOrEqual(freedom(before.evaluate(statement, daytime)));
      }),
      { numRuns: 300 },
    );
  });

  it('one more masking rule never makes a column clearer', () => {
    fc.assert(
      fc.property(policy, oneOf('Masking', maskSpec), column, (documents, added, path) => {
        const before = load(documents);
        fc.pre(before.plan.allowed);
        expect(clarity(load([...documents, ...added]), columnOf(path))).toBeLessThanOrEqual(
          clarity(before, columnOf(path)),
        );
      }),
      { numRuns: 300 },
    );
  });

  it('the order of the documents changes nothing', () => {
    const shuffled = policy.chain((documents) =>
      fc.tuple(fc.constant(documents), fc.shuffledSubarray(documents, { minLength: documents.length })),
    );
    fc.assert(
      fc.property(shuffled, facts, ([documents, other], sketched) => {
        const [left, right] = [load(documents), load(other)];
        expect(right.plan).toEqual(left.plan);
        expect(right.evaluate(statementOf(sketched), daytime)).toEqual(left.evaluate(statementOf(sketched), daytime));
      }),
      { numRuns: 200 },
    );
  });

  it('a statement that is not understood is never freer than the same one understood', () => {
    fc.assert(
      fc.property(policy, facts, (documents, sketched) => {
        const evaluator = load(documents);
        const understood = evaluator.evaluate(statementOf({ ...sketched, opaque: [] }), daytime);
        const opaque = evaluator.evaluate(statementOf({ ...sketched, opaque: ['x'] }), daytime);
        expect(freedom(opaque)).toBeLessThanOrEqual(freedom(understood));
      }),
      { numRuns: 300 },
    );
  });

  it('every verdict has a rule, a sentence and a trace that holds the deciding rule', () => {
    fc.assert(
      fc.property(policy, facts, (documents, sketched) => {
        const verdict = load(documents).evaluate(statementOf(sketched), daytime);
        expect(verdict.reason).toMatch(/^[A-Z].*\.$/);
        const decisive = verdict.trace.filter(({ matched }) => matched).map(({ rule }) => rule);
        if (verdict.rule !== 'no-common-approver') expect(decisive).toContain(verdict.rule);
      }),
      { numRuns: 200 },
    );
  });
});

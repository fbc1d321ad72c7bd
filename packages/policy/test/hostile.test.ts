import { readdirSync, readFileSync } from 'node:fs';
import { isWeirError } from '@weir/errors';
import { compilePlan, lintPolicies, loadPlan, type Plan, parseCases, parsePolicies, type SqlFacts } from '@weir/policy';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { columnOf, daytime, demo, dev, factsOf, statementOf } from './fixture.ts';

const shop = readFileSync(new URL('../../../apps/demo/policy/shop.yaml', import.meta.url), 'utf8');
const plan = compilePlan(parsePolicies(shop, 'shop.yaml'), dev, demo, { policyVersion: '1' });

/** Strings that a catalog or a client could bring along. */
const name = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom(
    '*',
    '?',
    '.',
    '__proto__',
    'constructor',
    'toString',
    '',
    'public',
    'customers',
    'email',
    '\0',
    '"',
    '\u{1F600}',
  ),
);
const column = fc.record({ schema: name, table: name, column: name });
const base = factsOf({});
const facts: fc.Arbitrary<SqlFacts> = fc.record({
  kind: fc.constantFrom('select' as const, 'update' as const, 'delete' as const, 'merge' as const, 'set' as const),
  command: name,
  kinds: fc.constant(base.kinds),
  tables: fc.array(
    fc.record({ schema: name, table: name, effects: fc.subarray(['read', 'update', 'delete'] as const) }),
    {
      maxLength: 4,
    },
  ),
  dataChanges: fc.nat({ max: 2 }),
  placed: fc.constant([]),
  functions: fc.array(fc.record({ schema: name, name }), { maxLength: 3 }),
  filters: fc.array(
    fc.record({
      kind: fc.constantFrom('select' as const, 'update' as const, 'delete' as const),
      schema: name,
      table: name,
      where: fc.constantFrom('none' as const, 'always-true' as const, 'effective' as const, 'not-applicable' as const),
      limit: fc.option(fc.nat()),
    }),
    { maxLength: 3 },
  ),
  influence: fc.array(
    column.map((ref) => ({ ...ref, ways: ['filter'] as const })),
    { maxLength: 3 },
  ),
  outputs: fc.option(
    fc.array(
      fc.record({
        name,
        origins: fc.array(column, { maxLength: 2 }),
        direct: fc.boolean(),
        opaque: fc.boolean(),
        typeOid: fc.constant(null),
      }),
      { maxLength: 3 },
    ),
  ),
  copies: fc.array(fc.record({ from: column, to: fc.option(column) }), { maxLength: 2 }),
  opaque: fc.array(name, { maxLength: 2 }),
  settings: fc.array(fc.record({ name, value: fc.option(name) }), { maxLength: 2 }),
});

describe('names that mean harm', () => {
  it('never make the evaluator throw, and never decide differently the second time', () => {
    const evaluator = loadPlan(plan);
    fc.assert(
      fc.property(facts, (found) => {
        const statement = { ...statementOf({}), facts: found };
        const verdict = evaluator.evaluate(statement, daytime);
        expect(['allow', 'deny', 'require-approval']).toContain(verdict.action);
        expect(evaluator.evaluate(statement, daytime)).toEqual(verdict);
      }),
      { numRuns: 500 },
    );
  });

  it('do not collide in the memo of masks', () => {
    fc.assert(
      fc.property(fc.array(column, { minLength: 1, maxLength: 10 }), (columns) => {
        const warm = loadPlan(plan);
        for (const ref of columns) warm.maskOf(ref);
        for (const ref of columns) expect(warm.maskOf(ref)).toEqual(loadPlan(plan).maskOf(ref));
      }),
      { numRuns: 50 },
    );
  });

  it.each([
    [{ schema: 'public', table: 'customers.email', column: '' }],
    [{ schema: 'public.customers', table: 'email', column: 'email' }],
    [{ schema: '', table: 'public.customers', column: 'email' }],
    [{ schema: '*', table: '*', column: '*' }],
    [{ schema: 'public', table: 'customer?', column: 'email' }],
  ])('do not pass for others: %j', (ref) => {
    expect(loadPlan(plan).maskOf(ref)).toBeNull();
  });

  it.each(['CUSTOMERS.EMAIL', 'Customers.eMail', 'customers.email'])(
    'do not escape a mask by their case: %s',
    (path) => {
      expect(loadPlan(plan).isProtected(columnOf(path))).toBe(true);
    },
  );
});

describe('texts that mean harm', () => {
  const yaml = fc.oneof(
    fc.string({ maxLength: 200 }),
    fc
      .array(
        fc.constantFrom(
          'apiVersion: weir.dev/v1',
          'kind: Access',
          'spec:',
          '  when: x',
          '---',
          '- a',
          '&a *a',
          '{',
          '? :',
          '!!js/function x',
        ),
        {
          maxLength: 8,
        },
      )
      .map((lines) => lines.join('\n')),
    fc
      .tuple(fc.nat(shop.length), fc.nat(40))
      .map(([start, length]) => shop.slice(0, start) + shop.slice(start + length)),
  );

  it('give findings, never another error', () => {
    fc.assert(
      fc.property(yaml, (text) => {
        for (const finding of lintPolicies(text, 'p')) {
          expect(finding.line).toBeGreaterThanOrEqual(1);
          expect(finding.column).toBeGreaterThanOrEqual(1);
          expect(finding.message).toMatch(/\S/);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('are parsed exactly when lint has no error', () => {
    fc.assert(
      fc.property(yaml, (text) => {
        const hasErrors = lintPolicies(text, 'p').some(({ severity }) => severity === 'error');
        if (hasErrors) expect(() => parsePolicies(text, 'p')).toThrow(/^The policy has/);
        else expect(() => parsePolicies(text, 'p')).not.toThrow();
      }),
      { numRuns: 200 },
    );
  });

  it('as cases are refused in words', () => {
    fc.assert(
      fc.property(yaml, (text) => {
        try {
          parseCases(text, 'c');
        } catch (error) {
          expect(isWeirError(error) && error.code).toBe('policy_invalid');
        }
      }),
      { numRuns: 100 },
    );
  });

  it.each(['__proto__: 1', '"__proto__": { "kind": "Access" }', 'constructor: 1', '<<: { kind: Access }'])(
    'do not reach the prototype: %s',
    (line) => {
      expect(lintPolicies(`apiVersion: weir.dev/v1\nkind: Access\n${line}`, 'p').length).toBeGreaterThan(0);
      expect(({} as { kind?: string }).kind).toBeUndefined();
    },
  );
});

describe('plans that mean harm', () => {
  const text = JSON.stringify(plan);
  const broken = fc.oneof(
    fc.jsonValue(),
    fc.tuple(fc.constantFrom(...Object.keys(plan)), fc.jsonValue()).map(([key, value]) => ({ ...plan, [key]: value })),
  );

  it('are refused, or are the plan itself', () => {
    fc.assert(
      fc.property(broken, (json) => {
        let loaded: Plan | undefined;
        try {
          loaded = loadPlan(json).plan;
        } catch (error) {
          expect(isWeirError(error) && error.code).toBe('policy_invalid');
        }
        // The policy version is a label: everything else is under the fingerprint.
        if (loaded !== undefined) expect({ ...loaded, policyVersion: '1' }).toEqual(plan);
      }),
      { numRuns: 300 },
    );
  });

  it('are refused after any change of one character that is still JSON', () => {
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.constantFrom('0', 'x', 'A', ' '), (at, character) => {
        const changed = text.slice(0, at) + character + text.slice(at + 1);
        fc.pre(changed !== text);
        let json: unknown;
        try {
          json = JSON.parse(changed);
        } catch (error) {
          expect(error).toBeInstanceOf(SyntaxError);
          return;
        }
        fc.pre(JSON.stringify(json) !== text && (json as Plan).policyVersion === plan.policyVersion);
        expect(() => loadPlan(json)).toThrow(/refused/);
      }),
      { numRuns: 300 },
    );
  });
});

describe('the sources of this package', () => {
  const root = new URL('../src/', import.meta.url);
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));

  it.each(files)('%s runs in a browser', (file) => {
    const source = readFileSync(new URL(file, root), 'utf8');
    expect(source).not.toMatch(/from 'node:|\bBuffer\b|\bprocess\.|\brequire\(/);
  });
});

import { describe, expect, it } from 'vitest';
import { daytime, documentOf, evaluatorOf, factsOf, judge, openAccess, statementOf } from './fixture.ts';

const masked = (rest: string) =>
  openAccess + documentOf('Masking', 'salaries', `columns: ['*.people.salary']\ntransform: redact\n${rest}`);

describe('influence of a masking rule', () => {
  it.each([
    ['', 'people.salary filter', 'allow'],
    ['influence: allow', 'people.salary filter', 'allow'],
    ['influence: audit', 'people.salary filter', 'allow'],
    ['influence: deny', 'people.salary filter', 'deny'],
    ['influence: deny', 'people.salary join', 'deny'],
    ['influence: deny', 'people.salary group', 'deny'],
    ['influence: deny', 'people.salary order', 'deny'],
    ['influence: deny', 'people.salary count', 'deny'],
    ['influence: deny', 'people.id filter', 'allow'],
    ['influence: { filter: deny }', 'people.salary filter', 'deny'],
    ['influence: { filter: deny }', 'people.salary order', 'allow'],
    ['influence: { filter: deny }', 'people.salary order filter', 'deny'],
    ['influence: { order: audit }', 'people.salary order', 'allow'],
    ['influence: deny\nexempt: { groups: [developers] }', 'people.salary filter', 'allow'],
  ])('%j on %s: %s', (rest, influence, action) => {
    const verdict = judge(masked(rest), { influence: [influence] });
    expect(verdict.action).toBe(action);
    if (verdict.action === 'deny') expect(verdict.rule).toBe('protected-influence');
  });

  it('says what was found, and by which rule', () => {
    expect(judge(masked('influence: deny'), { influence: ['people.salary group'] })).toMatchObject({
      reason: 'SELECT groups or compares rows by people.salary, which the rule salaries protects.',
    });
  });

  it('audit is written to the trace and blocks nothing', () => {
    const { action, trace } = judge(masked('influence: audit'), { influence: ['people.salary order count'] });
    const noted = trace.filter(({ rule, matched }) => rule === 'protected-influence' && matched);
    expect(action).toBe('allow');
    expect(noted.map(({ why }) => why)).toEqual([
      'observe only: SELECT orders by people.salary, which the rule salaries protects',
      'observe only: SELECT counts the values of people.salary, which the rule salaries protects',
    ]);
  });

  it('the strictest rule on a column counts', () => {
    const policy =
      masked('influence: audit') +
      documentOf('Masking', 'all', "columns: ['*.*.*']\ndetect: [email]\ninfluence: { filter: deny }");
    expect(judge(policy, { influence: ['people.salary filter'] }).action).toBe('deny');
    expect(judge(policy, { influence: ['people.salary order'] }).action).toBe('allow');
  });

  it('is about values that an output is computed from, too', () => {
    const computed = factsOf({ outputs: ['people.salary'] });
    const facts = { ...computed, outputs: computed.outputs?.map((output) => ({ ...output, direct: false })) ?? null };
    const of = (rest: string) => evaluatorOf(masked(rest)).evaluate({ ...statementOf({}), facts }, daytime).action;
    expect(of('influence: deny')).toBe('deny');
    expect(of('influence: { expression: deny }')).toBe('deny');
    expect(of('influence: { filter: deny }')).toBe('allow');
    expect(judge(masked('influence: deny'), { outputs: ['people.salary'] }).action).toBe('allow');
  });
});

describe('a group size', () => {
  const output = (groupSize: number | undefined, table = 'people') => ({
    ...{ name: 'avg', origins: [{ schema: 'public', table, column: 'salary' }], direct: false, opaque: false },
    ...{ typeOid: null, ...(groupSize === undefined ? {} : { aggregate: { groupSize } }) },
  });
  it.each([
    ['aggregates: { minGroupSize: 5 }', 5, true],
    ['aggregates: { minGroupSize: 5 }', 6, true],
    ['aggregates: { minGroupSize: 5 }', 4, false],
    ['aggregates: { minGroupSize: 5 }', undefined, false],
    ['', 100, false],
  ])('%j releases sums of groups of %s: %s', (rest, size, expected) => {
    expect(evaluatorOf(masked(rest)).isReleased(output(size))).toBe(expected);
  });

  it('every masking rule of the column must know it', () => {
    const rule = (name: string, rest: string) =>
      documentOf('Masking', name, `columns: ['public.*.salary']\ntransform: partial\n${rest}`);
    const policy = masked('aggregates: { minGroupSize: 5 }');
    const released = (text: string, size: number) => evaluatorOf(text).isReleased(output(size));
    expect(released(policy + rule('x', ''), 100)).toBe(false);
    expect(released(policy + rule('x', 'aggregates: { minGroupSize: 9 }'), 8)).toBe(false);
    expect(released(policy + rule('x', 'aggregates: { minGroupSize: 9 }'), 9)).toBe(true);
  });

  it('leaves released sums out of the stance on expressions', () => {
    const policy = masked('aggregates: { minGroupSize: 5 }\ninfluence: deny');
    const of = (size: number) =>
      evaluatorOf(policy).evaluate({ ...statementOf({}), facts: { ...factsOf({}), outputs: [output(size)] } }, daytime);
    expect(of(5).action).toBe('allow');
    expect(of(4).action).toBe('deny');
  });
});

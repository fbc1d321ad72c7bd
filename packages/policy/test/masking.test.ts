import { type Principal, transforms } from '@weir/policy';
import { describe, expect, it } from 'vitest';
import { columnOf, demo, dev, documentOf, evaluatorOf, judge, openAccess } from './fixture.ts';

const mask = (name: string, columns: string, rest: string) =>
  documentOf('Masking', name, `columns: ["${columns.split(', ').join('", "')}"]\n${rest}`);
const email = columnOf('customers.email');
const admin: Principal = { id: 'p9', name: 'root', kind: 'person', groups: ['admins'] };

describe('columns of a masking rule', () => {
  const policy = openAccess + mask('m', 'public.customers.email, *.*.ssn, public.pay*.card', 'transform: redact');
  it.each([
    ['customers.email', true],
    ['customers.EMAIL', true],
    ['Customers.email', true],
    ['archive.customers.email', false],
    ['customers.email2', false],
    ['archive.people.ssn', true],
    ['payments_1.card', true],
    ['cards.card', false],
  ])('hold %s: %j', (path, expected) => {
    const evaluator = evaluatorOf(policy);
    expect(evaluator.isProtected(columnOf(path))).toBe(expected);
    expect(evaluator.maskOf(columnOf(path))).toEqual(
      expected ? { transform: 'redact', contentType: null, rule: 'm' } : null,
    );
  });
});

describe('several masking rules on one column', () => {
  const pairs = transforms.flatMap((left, strict) => transforms.slice(strict).map((right) => [left, right] as const));
  it.each(pairs)('the stricter of %s and %s wins, in either order', (strict, loose) => {
    const rules = (a: string, b: string) =>
      openAccess +
      mask('a', '*.*.email', `transform: "${a}"\ncontentType: email`) +
      mask('b', 'public.customers.*', `transform: "${b}"`);
    const inOrder = evaluatorOf(rules(strict, loose)).maskOf(email);
    const reversed = evaluatorOf(rules(loose, strict)).maskOf(email);
    expect(inOrder?.transform).toBe(strict);
    expect(reversed?.transform).toBe(strict);
    expect(inOrder).toEqual({ transform: strict, contentType: 'email', rule: 'a' });
  });

  it('add up their detectors, in a fixed order', () => {
    const policy =
      openAccess +
      mask('a', '*.*.notes', 'detect: [card, email]') +
      mask('b', 'public.*.notes', 'detect: [phone, email]') +
      mask('c', 'public.*.other', 'detect: [iban]');
    expect(evaluatorOf(policy).detectOf(columnOf('customers.notes'))).toEqual(['email', 'phone', 'card']);
    expect(evaluatorOf(policy).detectOf(columnOf('customers.name'))).toEqual([]);
    expect(evaluatorOf(policy).isProtected(columnOf('customers.notes'))).toBe(false);
  });

  it('may mask and detect at once', () => {
    const policy = openAccess + mask('a', '*.*.notes', 'transform: partial\ncontentType: text\ndetect: [email]');
    const evaluator = evaluatorOf(policy);
    expect(evaluator.maskOf(columnOf('t.notes'))).toMatchObject({ transform: 'partial', contentType: 'text' });
    expect(evaluator.detectOf(columnOf('t.notes'))).toEqual(['email']);
  });
});

describe('exemptions', () => {
  it.each([
    ['exempt: { groups: [admins] }', false],
    ["exempt: { groups: ['adm*'] }", false],
    ['exempt: { principals: [root] }', false],
    ['exempt: { principals: [p9] }', false],
    ['exempt: { groups: [Admins] }', true],
    ['exempt: { groups: [developers], principals: [alice] }', true],
    ['who: { exceptGroups: [admins] }', false],
    ['who: { groups: [developers] }', false],
    ['who: { kinds: [ai-agent] }', false],
    ['connections: { names: [other] }', false],
    ['connections: { names: [demo-pg] }', true],
    ['', true],
  ])('%j masks the administrator: %j', (rest, expected) => {
    const policy = openAccess + mask('m', '*.*.email', `transform: redact\n${rest}`);
    expect(evaluatorOf(policy, admin).isProtected(email)).toBe(expected);
  });

  it('from one rule leaves the other rules in force', () => {
    const policy =
      openAccess +
      mask('a', '*.*.email', 'transform: "null"\nexempt: { groups: [admins] }') +
      mask('b', '*.*.email', 'transform: partial');
    expect(evaluatorOf(policy, admin).maskOf(email)).toMatchObject({ transform: 'partial', rule: 'b' });
    expect(evaluatorOf(policy, dev).maskOf(email)).toMatchObject({ transform: 'null', rule: 'a' });
  });
});

describe('conditions of masking rules', () => {
  it.each([
    ['principal.kind == "person"', true],
    ['principal.kind == "service"', false],
    ['"developers" in principal.groups', true],
    ['connection.labels.env == "demo"', true],
    ['has(connection.labels.tier) && connection.labels.tier == "gold"', false],
    ['connection.labels.tier == "gold"', true],
    ['connection.name.startsWith("prod-")', false],
  ])('%s: masked %j (an error counts as met)', (when, expected) => {
    const policy = openAccess + mask('m', '*.*.email', `transform: redact\nwhen: '${when}'`);
    expect(evaluatorOf(policy, dev, demo).isProtected(email)).toBe(expected);
  });
});

describe('copies of protected columns', () => {
  const policy =
    openAccess +
    mask('partial', '*.*.email', 'transform: partial') +
    mask('redact', '*.*.ssn', 'transform: redact') +
    mask('nulled', '*.*.salary', 'transform: "null"') +
    mask('notes', '*.*.notes', 'detect: [email, card]') +
    mask('note', '*.*.note', 'detect: [email]');
  it.each([
    ['users.email -> ?', 'deny'],
    ['users.email -> t.x', 'deny'],
    ['users.email -> t.email', 'allow'],
    ['users.email -> t.ssn', 'allow'],
    ['users.ssn -> t.email', 'deny'],
    ['users.salary -> t.ssn', 'deny'],
    ['users.ssn -> t.salary', 'allow'],
    ['users.id -> ?', 'allow'],
    ['users.id -> t.email', 'allow'],
    ['users.notes -> ?', 'deny'],
    ['users.notes -> t.note', 'deny'],
    ['users.note -> t.notes', 'allow'],
    ['users.notes -> t.email', 'allow'],
    ['users.email -> t.notes', 'deny'],
  ])('%s: %s', (copy, action) => {
    const verdict = judge(policy, { kind: 'insert', copies: ['a.b -> c.d', copy] });
    expect(verdict.action).toBe(action);
    if (action === 'deny') expect(verdict.rule).toBe('protected-copy');
  });

  it('are described', () => {
    expect(judge(policy, { kind: 'insert', copies: ['users.email -> ?'] }).reason).toBe(
      'INSERT would store the protected column users.email in a place without protection.',
    );
    expect(judge(policy, { kind: 'insert', copies: ['users.ssn -> app.t.email'] }).reason).toBe(
      'INSERT would store the protected column users.ssn in app.t.email, which is protected less or not at all.',
    );
  });

  it('are free for who is exempt', () => {
    const exempt = openAccess + mask('m', '*.*.email', 'transform: redact\nexempt: { groups: [developers] }');
    expect(judge(exempt, { kind: 'insert', copies: ['users.email -> ?'] }).action).toBe('allow');
  });
});

describe('guardrails about protected columns', () => {
  const guard = (key: string) =>
    openAccess +
    mask('m', '*.*.email', 'transform: redact') +
    documentOf('Guardrail', 'g', `match: { ${key}: protected }\naction: deny`);
  it.each([
    ['influence', { influence: ['users.email'] }, 'deny'],
    ['influence', { influence: ['users.id'] }, 'allow'],
    ['outputs', { outputs: ['users.email'] }, 'deny'],
    ['outputs', { outputs: ['users.id'] }, 'allow'],
    ['copies', { copies: ['users.email -> t.email'] }, 'deny'],
    ['copies', { copies: ['users.id -> t.id'] }, 'allow'],
  ])('%s of %j: %s', (key, facts, action) => {
    expect(judge(guard(key), facts).action).toBe(action);
  });
});

it('remembers more columns than a catalog has without mixing them up', () => {
  const evaluator = evaluatorOf(openAccess + mask('m', 'public.t7.*', 'transform: redact'));
  for (let table = 0; table < 25_000; table += 1) {
    const column = columnOf(`t${table % 10}.c${table}`);
    expect(evaluator.isProtected(column)).toBe(table % 10 === 7);
    expect(evaluator.isProtected(column)).toBe(table % 10 === 7);
  }
});

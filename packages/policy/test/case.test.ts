import { evaluateCase, parseCases, parsePolicies } from '@weir/policy';
import { describe, expect, it } from 'vitest';
import { daytime, documentOf, openAccess, statementOf } from './fixture.ts';

const policy = parsePolicies(
  openAccess +
    documentOf('Guardrail', 'no-drop', 'match: { commands: ["DROP *"] }\naction: deny\nreason: never') +
    documentOf('Guardrail', 'office-hours', 'when: now.getHours() >= 18 || !session.interactive\naction: deny'),
  'p',
);
const drop = statementOf({ kind: 'ddl', command: 'DROP TABLE' });
const head =
  'cases:\n  - name: c\n    principal: { name: alice, groups: [dev] }\n    connection: { name: demo-pg }\n    sql: DROP TABLE t\n';

describe('cases of weir policy test', () => {
  it('are read with their defaults', () => {
    expect(parseCases(`${head}    expect: { action: deny }`, 'c.yaml')).toEqual([
      {
        name: 'c',
        principal: { name: 'alice', kind: 'person', groups: ['dev'] },
        connection: { name: 'demo-pg', labels: {} },
        sql: 'DROP TABLE t',
        grants: [],
        interactive: true,
        statementCount: 1,
        expect: { action: 'deny' },
      },
    ]);
  });

  it.each([
    ['expect: { action: deny }', null],
    ['expect: { action: deny, rule: no-drop }', null],
    ['expect: { action: deny, reason: not for this connection }', null],
    ['expect: { action: allow }', /^expected allow, found deny by no-drop: DROP TABLE .* never\.$/],
    ['expect: { action: deny, rule: other }', /^expected rule other, found deny by no-drop/],
    ['expect: { action: deny, reason: because }', /^expected a reason with "because", found deny/],
  ])('%s: %s', (expectation, problem) => {
    const [found] = parseCases(`${head}    ${expectation}`, 'c.yaml').map((row) =>
      evaluateCase(policy, row, drop, daytime.now),
    );
    if (problem === null) expect(found?.problem).toBeNull();
    else expect(found?.problem).toMatch(problem);
    expect(found).toMatchObject({ name: 'c', verdict: { action: 'deny' } });
  });

  it.each([
    ['now: 2026-03-04T17:59:59Z', 'allow'],
    ['now: 2026-03-04T18:00:00Z', 'deny'],
    ['interactive: false', 'deny'],
    ['interactive: true', 'allow'],
  ])('%s: %s', (line, action) => {
    const [row] = parseCases(`${head}    ${line}\n    expect: { action: ${action} }`, 'c.yaml');
    expect(row && evaluateCase(policy, row, statementOf({}), daytime.now).problem).toBeNull();
  });

  it.each([
    ['', 'c.yaml holds no cases.'],
    ['cases: []', 'c.yaml:1:8: cases: The list is empty; leave the key out or name something.'],
    ['tests: []', 'c.yaml:1:1: document: Unknown key "tests". Known keys: cases.'],
    ['cases: [', 'c.yaml:1:9: '],
    [
      `${head}    expect: { action: refuse }`,
      'c.yaml:6:23: cases.0.expect.action: "refuse" is not one of allow, deny, require-approval.',
    ],
    [
      `${head}    now: today\n    expect: { action: deny }`,
      'c.yaml:6:10: cases.0.now: Expected a time such as 2026-01-31T12:00:00Z.',
    ],
    [head, 'cases.0.expect: This key is required.'],
  ])('refuse %j', (text, message) => {
    expect(() => parseCases(text, 'c.yaml')).toThrow(message);
  });
});

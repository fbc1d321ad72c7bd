import {
  breakGlassRules,
  compilePlan,
  type GrantFacts,
  isApprovedAtOnce,
  lintPolicies,
  loadPlan,
  parsePolicies,
  requestRules,
} from '@weir/policy';
import { describe, expect, it, test } from 'vitest';
import { daytime, demo, dev, documentOf, statementOf } from './fixture.ts';

const access = (more: string) =>
  documentOf('Access', 'granted', `who: { groups: [developers] }\nconnections: { names: [demo-pg] }\n${more}`);
const rule = (more = '') =>
  documentOf(
    'AccessRequest',
    'ask',
    `who: { groups: [developers] }\nconnections: { names: [demo-pg] }\nlongest: 2h\napprovers: { groups: [security] }\n${more}`,
  );
const glass = `breakGlass:
  who: { groups: [on-call] }
  longest: 1h
  review: { by: { groups: [security] }, within: 1d }`;
const grant = (change: Partial<GrantFacts> = {}): GrantFacts => ({
  rule: 'ask',
  kind: 'request',
  ticket: null,
  ...change,
});
const compiled = (policy: string, grants: GrantFacts[], groups = dev.groups, session = {}) =>
  compilePlan(parsePolicies(policy, 'p'), { ...dev, groups }, demo, {
    policyVersion: 'v',
    grants,
    session: { clientAddress: null, mfaAtMs: null, ...session },
  });

describe('access that needs a grant', () => {
  const needs = access('grant: required');
  test.each([
    ['no grant', needs + rule(), [], ['developers'], false],
    ['a grant', needs + rule(), [grant()], ['developers'], true],
    ['a grant of a rule that is gone', needs, [grant()], ['developers'], false],
    ['a grant of a rule of another name', needs + rule(), [grant({ rule: 'other' })], ['developers'], false],
    [
      'a grant, out of the group',
      access('grant: required').replace('developers', 'others') + rule(),
      [grant()],
      ['others'],
      false,
    ],
    [
      'a grant of somebody who may never',
      needs + rule('never: { groups: [interns] }'),
      [grant()],
      ['developers', 'interns'],
      false,
    ],
    ['a grant by name of the rule', access('grant: [ask]') + rule(), [grant()], ['developers'], true],
    ['a grant of a rule that is not named', access('grant: [other]') + rule(), [grant()], ['developers'], false],
    ['break-glass of a rule without it', needs + rule(), [grant({ kind: 'break-glass' })], ['developers'], false],
    ['break-glass', needs + rule(glass), [grant({ kind: 'break-glass' })], ['developers', 'on-call'], true],
    ['break-glass by others', needs + rule(glass), [grant({ kind: 'break-glass' })], ['developers'], false],
  ])('%s', (_name, policy, grants, groups, allowed) => {
    expect(compiled(policy, grants, groups).allowed).toBe(allowed);
  });

  it('says that a grant is missing', () => {
    expect(compiled(needs + rule(), []).reason).toContain('needs a grant');
  });
});

describe('conditions on the session', () => {
  const at = daytime.now.getTime();
  test.each([
    ['10.1.2.3', 'client.address.inNetwork("10.0.0.0/8")', true],
    ['11.1.2.3', 'client.address.inNetwork("10.0.0.0/8")', false],
    ['::ffff:10.1.2.3', 'client.address.inNetwork("10.0.0.0/8")', true],
    ['fd00::1', 'client.address.inNetwork("fd00::/8")', true],
    ['fe00::1', 'client.address.inNetwork("fd00::/8")', false],
    ['10.1.2.3', 'client.address.inNetwork("fd00::/8")', false],
    ['10.1.2.3', 'client.address.inNetwork("0.0.0.0/0")', true],
    ['192.168.7.129', 'client.address.inNetwork("192.168.7.128/25")', true],
    ['192.168.7.127', 'client.address.inNetwork("192.168.7.128/25")', false],
    ['not an address', 'client.address.inNetwork("0.0.0.0/0")', false],
    ['10.1.2', '!client.address.inNetwork("11.0.0.0/8")', false],
    [null, 'client.address.inNetwork("0.0.0.0/0")', false],
    [null, '!client.address.inNetwork("0.0.0.0/0")', false],
  ])('from %s: %s is %s', (clientAddress, when, allowed) => {
    const plan = compiled(access(`when: '${when}'`), [], dev.groups, { clientAddress });
    expect(loadPlan(plan).evaluate(statementOf({}), daytime).action).toBe(allowed ? 'allow' : 'deny');
  });

  test.each([
    ['a fresh second factor', at - 60_000, 'mfa.ageSeconds < 900', true],
    ['an old one', at - 901_000, 'mfa.ageSeconds < 900', false],
    ['none', null, 'mfa.ageSeconds < 900', false],
    ['none, asked the other way', null, '!(mfa.ageSeconds > 900)', false],
    ['one of the future', at + 60_000, 'mfa.ageSeconds < 900', false],
  ])('%s', (_name, mfaAtMs, when, allowed) => {
    const plan = compiled(access(`when: '${when}'`), [], dev.groups, { mfaAtMs });
    const evaluator = loadPlan(plan);
    expect(evaluator.reads.now).toBe(true);
    expect(evaluator.evaluate(statementOf({}), daytime).action).toBe(allowed ? 'allow' : 'deny');
  });

  const guarded = `apiVersion: weir.dev/v1
kind: Guardrail
metadata: { name: fresh }
spec: { when: 'mfa.ageSeconds > 900', action: deny, reason: r, hint: Read the handbook. }
---
`;
  const never = guarded.replaceAll('mfa.ageSeconds > 900', 'statement.kind == "select"').replace('fresh', 'never');
  test.each([
    ['access without a second factor', access(`when: 'mfa.ageSeconds < 900'`), null, 'It needs a fresh second factor'],
    ['access with an old one', access(`when: 'mfa.ageSeconds < 900'`), at - 901_000, 'It needs a fresh second factor'],
    ['a guardrail on an old one', guarded + access(''), at - 901_000, 'Read the handbook. It needs a fresh second'],
    ['a guardrail without one', guarded + access(''), null, 'Read the handbook. It needs a fresh second factor'],
    ['access that something else denies', access(`when: 'mfa.ageSeconds < 900 && ticket == "x"'`), null, 'Ask an'],
    ['a guardrail beside it', never + access(`when: 'mfa.ageSeconds < 900'`), null, 'Ask an administrator'],
    ['access that never asks', access(`when: 'statement.kind == "insert"'`), null, 'Ask an administrator'],
  ])('%s says how to go on, when that helps', (_name, policy, mfaAtMs, hint) => {
    const evaluator = loadPlan(compiled(policy, [], dev.groups, { mfaAtMs }));
    const verdict = evaluator.evaluate(statementOf({}), daytime);
    expect(verdict).toMatchObject({ action: 'deny', hint: expect.stringContaining(hint) });
    if (hint.includes('fresh'))
      expect(verdict).toMatchObject({ hint: expect.stringContaining('weir login --step-up') });
  });

  test.each([
    ['with a ticket', 'INC-1', 'ticket.startsWith("INC-")', true],
    ['with another', 'X', 'ticket.startsWith("INC-")', false],
    ['without', null, 'ticket != ""', false],
  ])('%s', (_name, ticket, when, allowed) => {
    const plan = compiled(access(`grant: required\nwhen: '${when}'`) + rule(), [grant({ ticket })]);
    expect(loadPlan(plan).evaluate(statementOf({}), daytime).action).toBe(allowed ? 'allow' : 'deny');
  });

  it('leaves plans as they are where no condition asks', () => {
    const plans = ['10.0.0.1', '10.0.0.2'].map((clientAddress) =>
      compiled(access(''), [], dev.groups, { clientAddress }),
    );
    expect(plans[0]).toEqual(plans[1]);
  });
});

describe('who may ask', () => {
  const documents = parsePolicies(rule(`never: { groups: [interns] }\n${glass}`), 'p');
  test.each([
    [['developers'], 1, 0],
    [['developers', 'on-call'], 1, 1],
    [['on-call'], 0, 0],
    [['developers', 'interns', 'on-call'], 0, 0],
  ])('%s', (groups, asking, breaking) => {
    expect(requestRules(documents, { ...dev, groups }, demo)).toHaveLength(asking);
    expect(breakGlassRules(documents, { ...dev, groups }, demo)).toHaveLength(breaking);
  });
});

describe('approval without a person', () => {
  const asked = {
    ...{ now: daytime.now, seconds: 1800, reason: 'x', ticket: 'INC-1' },
    ...{ clientAddress: '10.0.0.1', mfaAtMs: daytime.now.getTime() },
  };
  test.each([
    ['request.seconds <= 1800', true],
    ['request.seconds < 1800', false],
    ['ticket.startsWith("INC-") && mfa.ageSeconds < 60', true],
    ['client.address.inNetwork("192.168.0.0/16")', false],
    ['connection.labels["absent"] == "x"', false],
    ['connection.labels["env"] == "demo" && "developers" in principal.groups', true],
  ])('%s: %s', (condition, expected) => {
    const [document] = requestRules(parsePolicies(rule(`autoApprove: '${condition}'`), 'p'), dev, demo);
    if (document === undefined) throw new Error('the rule is missing');
    expect(isApprovedAtOnce(document, dev, demo, asked)).toBe(expected);
  });
  it('is not decided by what is missing', () => {
    const [document] = requestRules(parsePolicies(rule(`autoApprove: 'ticket != "x"'`), 'p'), dev, demo);
    if (document === undefined) throw new Error('the rule is missing');
    expect(isApprovedAtOnce(document, dev, demo, { ...asked, ticket: null })).toBe(false);
  });
});

describe('lint', () => {
  const noApprovers = rule().replace('approvers: { groups: [security] }', '');
  test.each([
    ['a network that is none', access(`when: 'client.address.inNetwork("10.0.0.0/33")'`), 'condition'],
    ['a network with bits behind its prefix', access(`when: 'client.address.inNetwork("10.0.0.1/8")'`), 'condition'],
    ['a network that is not written out', access(`when: 'client.address.inNetwork(principal.name)'`), 'condition'],
    ['a statement in a request', rule(`autoApprove: 'statement.kind == "select"'`), 'condition'],
    ['too long', rule().replace('2h', '8d'), 'invalid'],
    ['a negative time', rule().replace('2h', '-2h'), 'invalid'],
    ['nothing that gives a grant', noApprovers, 'invalid'],
    ['everybody left out by nothing', rule('never: {}'), 'invalid'],
    ['a grant that nobody gives', access('grant: required'), 'unknown-grant'],
    ['a slip in the name', access('grant: [aks]') + rule(), 'unknown-grant'],
    ['a rule that opens nothing', access('') + rule(), 'grant-opens-nothing'],
  ])('%s', (_name, policy, code) => {
    expect(lintPolicies(policy, 'p').map((finding) => finding.code)).toContain(code);
  });
  it('has nothing to say about a rule and its access', () => {
    expect(lintPolicies(access('grant: [ask]') + rule(glass), 'p')).toEqual([]);
  });
});

import { decideTrust, formatFinding, lintPolicies, parsePolicies, type WorkloadClaims } from '@weir/policy';
import { describe, expect, it } from 'vitest';
import { matchesGlob } from '../src/workload/claim-match.ts';
import { documentOf } from './fixture.ts';

const github = 'https://token.actions.githubusercontent.com';
const deploy = `issuer: ${github}
audience: weir
identity: ci-shop
groups: [ci-deploy]
claims: { repository: acme/shop, ref: [refs/heads/main, 'refs/heads/release/*'] }
`;
/** As GitHub writes it, shortened. */
const push: WorkloadClaims = {
  iss: github,
  aud: 'weir',
  sub: 'repo:acme/shop:ref:refs/heads/main',
  repository: 'acme/shop',
  repository_owner: 'acme',
  ref: 'refs/heads/main',
  ref_protected: 'true',
  event_name: 'push',
  run_attempt: '1',
};

const decide = (spec: string, claims: WorkloadClaims, wanted?: string) => {
  const documents = parsePolicies(documentOf('WorkloadTrust', 'deploy', spec), 'p');
  const decision = decideTrust(documents, claims, wanted);
  return decision.rule === null ? decision.why : decision.rule.spec.identity;
};
const withClaims = (claims: string) => deploy.replace(/claims: .*/, `claims: ${claims}`);
const miss = (why: string) => `The rule deploy does not take it: ${why}.`;

describe('a token of a job', () => {
  it.each<[string, string, WorkloadClaims, string]>([
    ['of the branch', deploy, push, 'ci-shop'],
    ['of another branch that a glob names', deploy, { ...push, ref: 'refs/heads/release/1.2' }, 'ci-shop'],
    ['with several audiences', deploy, { ...push, aud: ['other', 'weir'] }, 'ci-shop'],
    [
      'of another branch',
      deploy,
      { ...push, ref: 'refs/heads/evil' },
      miss('its claim ref is "refs/heads/evil", not "refs/heads/main" or "refs/heads/release/*"'),
    ],
    [
      'of a branch whose name goes on after the glob',
      deploy,
      { ...push, ref: 'refs/heads/release/1/evil' },
      miss('its claim ref is "refs/heads/release/1/evil", not "refs/heads/main" or "refs/heads/release/*"'),
    ],
    [
      'of a repository whose name begins alike',
      deploy,
      { ...push, repository: 'acme/shop-evil' },
      miss('its claim repository is "acme/shop-evil", not "acme/shop"'),
    ],
    [
      'of a repository in other letters',
      deploy,
      { ...push, repository: 'Acme/Shop' },
      miss('its claim repository is "Acme/Shop", not "acme/shop"'),
    ],
    [
      'of the fork',
      deploy,
      { ...push, repository: 'mallory/shop' },
      miss('its claim repository is "mallory/shop", not "acme/shop"'),
    ],
    [
      'with a list in place of the text',
      deploy,
      { ...push, repository: ['acme/shop'] },
      miss('its claim repository is a list, and lists match nothing'),
    ],
    ['with an object', deploy, { ...push, repository: {} }, miss('its claim repository is no plain value')],
    ['without the claim', deploy, { iss: github, aud: 'weir' }, miss('its claim repository is missing')],
    [
      'whose claim has the name of something every object has',
      withClaims('{ repository: acme/shop, constructor: "**" }'),
      push,
      miss('its claim constructor is missing'),
    ],
    ['for another audience', deploy, { ...push, aud: 'weir2' }, miss('its audience is "weir2", not "weir"')],
    ['without an audience', deploy, { ...push, aud: undefined }, miss('its audience is null, not "weir"')],
    [
      'of another issuer with the same claims',
      deploy,
      { ...push, iss: 'https://evil.example.com' },
      'No rule trusts the issuer https://evil.example.com.',
    ],
    ['of the issuer with a slash', deploy, { ...push, iss: `${github}/` }, `No rule trusts the issuer ${github}/.`],
    ['without an issuer', deploy, { ...push, iss: undefined }, 'The token names no issuer.'],
  ])('%s', (_what, spec, claims, expected) => {
    expect(decide(spec, claims)).toBe(expected);
  });

  it.each<[string, WorkloadClaims, string | null]>([
    ['a pull request that runs for main', { event_name: 'pull_request_target' }, 'event_name'],
    ['a pull request', { event_name: 'pull_request', ref: 'refs/heads/main' }, 'event_name'],
    ['a run after a run', { event_name: 'workflow_run' }, 'event_name'],
    ['a trigger that is not known', { event_name: 'something_new' }, 'event_name'],
    ['a trigger that is no text', { event_name: ['push'] }, 'event_name'],
    ['a merge request', { pipeline_source: 'merge_request_event' }, 'pipeline_source'],
    ['a pipeline of a pipeline', { pipeline_source: 'parent_pipeline' }, 'pipeline_source'],
    ['a run by hand', { event_name: 'workflow_dispatch' }, null],
    ['a push', { pipeline_source: 'push' }, null],
  ])('of %s', (_what, change, claim) => {
    const found = decide(deploy, { ...push, ...change });
    if (claim === null) expect(found).toBe('ci-shop');
    else expect(found).toContain(`and the rule does not name ${claim}`);
  });

  it('of a pull request, when the rule names the trigger', () => {
    const spec = withClaims('{ repository: acme/shop, event_name: [push, pull_request] }');
    expect(decide(spec, { ...push, event_name: 'pull_request', ref: 'refs/pull/7/merge' })).toBe('ci-shop');
    expect(decide(spec, { ...push, event_name: 'schedule' })).toContain('event_name is "schedule"');
  });

  it.each<[string, string, unknown, string]>([
    ['a number', '7', 7, 'ci-shop'],
    ['a number as text', '7', '7', miss('its claim /x/y is the string "7", not 7')],
    ['true', 'true', true, 'ci-shop'],
    ['true as text', 'true', 'true', miss('its claim /x/y is the string "true", not true')],
    ['a text for true', '"true"', true, miss('its claim /x/y is the boolean true, not "true"')],
  ])('types count: %s', (_what, wanted, value, expected) => {
    expect(decide(withClaims(`{ repository: acme/shop, /x/y: ${wanted} }`), { ...push, x: { y: value } })).toBe(
      expected,
    );
  });

  it('is looked at inside, by paths', () => {
    const spec = `issuer: https://kubernetes.default.svc
audience: weir
identity: nightly
claims: { sub: 'system:serviceaccount:jobs:nightly', /kubernetes.io/namespace: jobs, /a~1b: x }
`;
    const claims = {
      iss: 'https://kubernetes.default.svc',
      aud: ['weir'],
      sub: 'system:serviceaccount:jobs:nightly',
      'kubernetes.io': { namespace: 'jobs' },
      'a/b': 'x',
    };
    expect(decide(spec, claims)).toBe('nightly');
    expect(decide(spec, { ...claims, 'kubernetes.io': { namespace: 'dev' } })).toContain('/kubernetes.io/namespace');
    expect(decide(spec, { ...claims, 'kubernetes.io': 'jobs' })).toContain('is missing');
  });
});

describe('several rules', () => {
  const rule = (name: string, ref: string) =>
    documentOf('WorkloadTrust', name, deploy.replace('ci-shop', name).replace(/ref: \[.*\]/, `ref: ${ref}`));
  const documents = parsePolicies(
    rule('main-only', 'refs/heads/main') + rule('any-branch', "'refs/heads/*'") + rule('tags', "'refs/tags/*'"),
    'p',
  );

  it('that take one token: the caller says which is meant', () => {
    expect(decideTrust(documents, push)).toMatchObject({
      why: 'Several rules take it: any-branch, main-only. Name the one that is meant.',
    });
    expect(decideTrust(documents, push, 'main-only')).toMatchObject({ rule: { name: 'main-only' } });
    expect(decideTrust(documents, push, 'tags')).toMatchObject({ rule: null, misses: [{ rule: 'tags' }] });
    expect(decideTrust(documents, push, 'nothing')).toMatchObject({ rule: null, misses: [] });
  });

  it('that do not: each says why', () => {
    const decision = decideTrust(documents, { ...push, ref: 'refs/pull/7/merge' });
    expect(decision.rule === null && decision.misses.map(({ rule }) => rule)).toEqual([
      'any-branch',
      'main-only',
      'tags',
    ]);
  });
});

describe('globs over claims', () => {
  it.each([
    ['acme/*', 'acme/shop', true],
    ['acme/*', 'acme/', true],
    ['acme/*', 'acme/a/b', false],
    ['acme/*', 'ACME/shop', false],
    ['acme/**', 'acme/a/b', true],
    ['repo:acme/*:ref:refs/heads/main', 'repo:acme/shop:ref:refs/heads/main', true],
    ['repo:acme/*:ref:refs/heads/main', 'repo:acme/shop:environment:x:ref:refs/heads/main', false],
    ['repo:acme/*:*', 'repo:acme/shop:pull_request', true],
    ['a?c', 'abc', true],
    ['a?c', 'a/c', false],
    ['a?c', 'a😀c', true],
    ['a*', 'a\nb', true],
    ['main', 'main\n', false],
    ['a.c', 'abc', false],
    ['*a*a*a*', 'aaa', true],
    ['***', 'a/b', true],
    ['', '', true],
  ])('%j on %j: %s', (pattern, text, expected) => {
    expect(matchesGlob(pattern, text)).toBe(expected);
  });

  it('are not slowed down by a hostile value', () => {
    expect(matchesGlob(`${'*a'.repeat(200)}b`, 'a'.repeat(4000))).toBe(false);
  });
});

describe('a rule is refused', () => {
  const errors = (spec: string) =>
    lintPolicies(documentOf('WorkloadTrust', 'w', spec), 'p')
      .filter(({ severity }) => severity === 'error')
      .map(formatFinding)
      .join('\n');
  const own = deploy.replace(github, 'https://ci.example.com');
  it.each([
    ['an issuer without TLS', own.replace('https:', 'http:'), 'plain http is for loopback only'],
    ['an issuer of another scheme', own.replace('https://ci.example.com', 'file:///etc/passwd'), 'is not an address'],
    ['an issuer with a password', own.replace('https://', 'https://a:b@'), 'is not an address'],
    ['no claims', own.replace(/claims: .*/, 'claims: {}'), 'without one, everybody at the issuer is meant'],
    ['a glob as audience', own.replace('audience: weir', "audience: '*'"), 'no globs'],
    ['a claim that is checked anyway', own.replace('repository:', 'exp:'), 'checked by itself'],
    ['a role that decides', `${own}roles: [approver]`, '"approver" is not one of'],
    ['a life of a day', `${own}life: 1d`, 'At most 6h'],
    ['keys twice', `${own}jwksUri: https://a.example.com\njwks: { keys: [{ kty: RSA }] }`, 'not both'],
    ['a private key', `${own}jwks: { keys: [{ kty: EC, d: x }] }`, 'private key'],
    ['a key that both sides know', `${own}jwks: { keys: [{ kty: oct, k: x }] }`, '"oct" is not one of'],
    ['every repository of a public issuer', withClaims('{ ref: refs/heads/main }'), 'This issuer serves everybody'],
    ['a glob as owner', withClaims("{ repository: '*/shop' }"), 'This issuer serves everybody'],
    ['a glob within the owner', withClaims("{ repository: 'acm*/shop' }"), 'This issuer serves everybody'],
    ['a glob as owner in the subject', withClaims("{ sub: 'repo:*/shop:*' }"), 'This issuer serves everybody'],
    ['one of several owners a glob', withClaims("{ repository: [acme/shop, '**'] }"), 'This issuer serves everybody'],
    ['every trigger', withClaims("{ repository: acme/shop, event_name: '*' }"), 'Name the triggers'],
    ['an identity with capitals', own.replace('ci-shop', 'CI'), 'Use a-z'],
  ])('%s', (_what, spec, message) => {
    expect(errors(spec)).toContain(message);
  });

  it('that gives the identity of another', () => {
    const text = documentOf('WorkloadTrust', 'a', deploy) + documentOf('WorkloadTrust', 'b', deploy);
    expect(lintPolicies(text, 'p').map(formatFinding).join()).toContain(
      'The identity "ci-shop" is given by a already.',
    );
  });
});

it('lint doubts trust in every branch', () => {
  const codes = (claims: string) =>
    lintPolicies(documentOf('WorkloadTrust', 'w', withClaims(claims)), 'p').map(({ code }) => code);
  expect(codes('{ repository: acme/shop }')).toEqual(['workload-any-branch']);
  expect(codes('{ repository: acme/shop, environment: production }')).toEqual([]);
});

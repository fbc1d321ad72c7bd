import { nameSchema } from '@weir/api';
import { describe, expect, it } from 'vitest';
import type { GroupsConfig } from '../src/config/provider-schema.ts';
import { accountName, numberedName } from '../src/identity/providers/account-name.ts';
import { claimOf, groupsOf, namesIn } from '../src/identity/providers/groups-of-claim.ts';
import { configFor } from './fixture/test-gateway.ts';

const config = (change: Partial<GroupsConfig> = {}): GroupsConfig => ({ claim: 'groups', map: {}, ...change });

describe('the groups claim', () => {
  const nested = { realm_access: { roles: ['dba'] }, 'https://example.com/groups': ['a'], 'x.y': { z: 'q' }, n: 1 };
  it.each<[string, unknown]>([
    ['realm_access.roles', ['dba']],
    ['https://example.com/groups', ['a']],
    ['x.y.z', 'q'],
    ['n', 1],
    ['realm_access.missing', undefined],
    ['missing.roles', undefined],
    ['n.roles', undefined],
    ['__proto__', undefined],
    ['constructor.name', undefined],
    ['realm_access.roles.length', undefined],
    ['.', undefined],
  ])('is found at %s', (path, value) => {
    expect(claimOf(nested, path)).toEqual(value);
  });

  it.each<[string, unknown, string[] | undefined]>([
    ['a list', ['a', ' b '], ['a', 'b']],
    ['an empty list', [], []],
    ['one text', ' a ', ['a']],
    ['one text, whatever is in it', 'former admins, dba', ['former admins, dba']],
    ['empty text', '', []],
    ['nothing', undefined, undefined],
    ['null', null, undefined],
    ['a number', 7, undefined],
    ['an object', { a: true }, undefined],
    ['true', true, undefined],
    ['a list with something else in it', ['a', { name: 'b' }], undefined],
    ['a list with an empty name', ['a', ' '], undefined],
    ['a list in a list', [['a']], undefined],
    ['too many', Array.from({ length: 1001 }, (_, index) => `g${index}`), undefined],
  ])('may be %s', (_, value, names) => {
    expect(namesIn(value)).toEqual(names);
  });

  it.each<[string, unknown, GroupsConfig | undefined, string[] | undefined]>([
    ['takes names as they are', ['dba', 'developers'], config(), ['dba', 'developers']],
    ['takes capitals as small letters', ['DBA'], config(), ['dba']],
    ['takes the path of Keycloak', ['/dba'], config(), ['dba']],
    ['puts the prefix before', ['dba'], config({ prefix: 'okta.' }), ['okta.dba']],
    [
      'maps by the exact name, without prefix',
      ['8f2c', 'x'],
      config({ map: { '8f2c': 'dba' }, prefix: 'e.' }),
      ['dba', 'e.x'],
    ],
    ['takes only what is listed', ['dba', 'admins'], config({ only: ['dba'] }), ['dba']],
    ['leaves out names that would have to be changed', ['dba!', 'd b a', 'dbä', 'a/b'], config(), []],
    ['never takes a name of Object', ['constructor', 'toString'], config({ only: ['dba'] }), []],
    ['takes no part of a text for a group', 'former admins', config(), []],
    ['says each once', ['dba', 'DBA'], config(), ['dba']],
    ['knows nothing of a missing claim', undefined, config(), undefined],
    ['gives none when none are configured', ['dba'], undefined, []],
  ])('%s', (_, value, groups, expected) => {
    expect(groupsOf(value, groups)).toEqual(expected);
  });
});

describe('names of accounts', () => {
  it.each<[string, string | undefined]>([
    ['alice', 'alice'],
    ['Alice.Meyer@example.com', 'alice.meyer'],
    ['Zoë Müller', 'zoe-muller'],
    ['DOMAIN\\bob', 'domain-bob'],
    ['--x--', 'x'],
    ['日本', undefined],
    ['@example.com', undefined],
    ['', undefined],
    ['a\u0000b', 'a-b'],
    ['../../etc', 'etc'],
  ])('%j becomes %j', (name, expected) => {
    expect(accountName(name)).toBe(expected);
  });

  it('stay names when a number comes behind them', () => {
    const longest = accountName(`${'a'.repeat(62)}-b`) ?? '';
    for (const number of [1, 2, 10, 9999])
      expect(nameSchema.safeParse(numberedName(longest, number)).success, String(number)).toBe(true);
    expect(numberedName('alice', 2)).toBe('alice-2');
  });
});

describe('the configuration of providers', () => {
  const parse = (lines: string) => configFor('/tmp/none', `identity:\n  providers:\n${lines}`).identity.providers;
  const oidc = (extra: string, issuer = 'https://id.example.com') =>
    `    - { name: okta, type: oidc, issuer: "${issuer}", clientId: weir, clientSecret: { from: env, name: S }${extra} }\n`;
  it('fills in what is usual, and makes paths absolute', () => {
    const [provider] = parse(oidc('').replace('{ from: env, name: S }', '{ from: file, path: secret }'));
    expect(provider).toMatchObject({
      ...{ refreshMinutes: 15, outageMinutes: 60, linkByVerifiedEmail: false, nameClaim: 'preferred_username' },
      clientSecret: { from: 'file', path: '/tmp/none/secret' },
    });
  });

  it.each<[string, string, string]>([
    ['asking less often than every 15 minutes', oidc(', refreshMinutes: 16'), 'refreshMinutes'],
    ['plain http', oidc('', 'http://id.example.com'), 'loopback'],
    ['a parameter that Weir sets', oidc(', parameters: { state: x }'), 'state is set by Weir'],
    ['scopes without openid', oidc(', scopes: [profile]'), 'openid'],
    ['two with one name', oidc('') + oidc(''), 'the same name'],
    ['a secret in the file', oidc('').replace('{ from: env, name: S }', 'geheim'), 'clientSecret'],
    ['SAML without keys', '    - { name: corp, type: saml }\n', 'metadataFile'],
    [
      'SAML with metadata and keys',
      '    - { name: corp, type: saml, metadataFile: x, entityId: y, entryPoint: "https://y", certificateFiles: [z] }\n',
      'metadataFile',
    ],
    ['the name of another source', oidc('').replace('okta', 'local'), 'another name'],
  ])('refuses %s', (_, lines, message) => {
    expect(() => parse(lines)).toThrow(expect.objectContaining({ why: expect.stringContaining(message) }));
  });
});

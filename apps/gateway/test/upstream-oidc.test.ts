import { beginCodeFlow, createDpopKey, createTokenHolder, discover, refresh, type Tokens } from '@weir/api';
import type Provider from 'oidc-provider';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { clientId, type OidcIdp, startOidcIdp } from './fixture/oidc-idp.ts';
import { createRoamingBrowser } from './fixture/roaming-browser.ts';
import { failure, type TestGateway, until } from './fixture/test-gateway.ts';
import {
  eventsOf,
  oidcConfig,
  scimToken,
  signedInAs,
  signInBy,
  startUpstreamGateway,
} from './fixture/upstream-gateway.ts';

let idp: OidcIdp;
let corp: OidcIdp;
let entra: OidcIdp;
let provider: Provider;
let gateway: TestGateway;

beforeAll(async () => {
  [idp, corp, entra] = await Promise.all([startOidcIdp(), startOidcIdp(), startOidcIdp()]);
  gateway = await startUpstreamGateway([
    oidcConfig('okta', idp.issuer, { label: 'Okta', linkByVerifiedEmail: true }),
    oidcConfig('keycloak', corp.issuer, {
      groups: { claim: 'realm_access.roles', prefix: 'kc.' },
      requiredClaims: { hd: 'example.com' },
    }),
    oidcConfig('entra', entra.issuer, { linkByDirectoryId: 'oid', newAccounts: false }),
  ]);
  const api = gateway.gateway.addresses.api;
  const open = (one: OidcIdp, name: string) =>
    one.open({ redirectUri: `${api}/upstream/${name}/callback`, logoutUri: `${api}/upstream/${name}/logout` });
  provider = open(idp, 'okta');
  open(corp, 'keycloak');
  open(entra, 'entra');
});
beforeEach(() => {
  idp.state = 'there';
});
afterAll(async () => {
  await gateway.close();
  await Promise.all([idp.close(), corp.close(), entra.close()]);
});

const userOf = (name: string) => gateway.gateway.repositories.users.findByName(name);
const watch = () => gateway.gateway.capabilities.upstreamWatch;
let people = 0;
/** Signs a new person in by Okta and opens a session. */
async function somebody(person: object = {}, groups: unknown = ['developers']) {
  people += 1;
  const [sub, name] = [`sub-${people}`, `person${people}`];
  idp.people.set(sub, { preferred_username: name, groups, ...person });
  idp.signsIn = sub;
  const { browser, arrival } = await signInBy(gateway, 'okta');
  return { sub, name, browser, arrival };
}
async function openSession(name: string, actingFor?: string) {
  const user = await userOf(name);
  if (user === undefined) throw new Error(`${name} has no account`);
  const behind = actingFor === undefined ? undefined : await userOf(actingFor);
  const { capabilities } = gateway.gateway;
  const caller = {
    ...(behind && { actingFor: { id: behind.id, name: behind.name, groups: behind.groups } }),
    ...{ id: user.id, name, kind: 'person' as const, personId: user.person_id, groups: user.groups, roles: [] },
    ...{ authTimeMs: Date.now(), mfaAtMs: null, tokenId: '', expiresAt: new Date(), clientAddress: '127.0.0.1' },
  };
  const { id } = await capabilities.sessions.open(caller, { connection: 'shop' }, '127.0.0.1');
  return { id, isLive: () => capabilities.sessions.live.byId(id) !== undefined };
}

/** The provider tells the gateway that the person signed out. */
async function logoutThere(sub: string): Promise<void> {
  const row = await gateway.gateway.repositories.identities.find('okta', sub);
  const [sid] = row?.upstream_sessions ?? [];
  const client = (await provider.Client.find(clientId)) as unknown as {
    backchannelLogout(sub: string, sid: string | undefined): Promise<void>;
  };
  await client.backchannelLogout(sub, sid);
}

describe('a person who signs in by OpenID Connect', () => {
  it('gets an account with the groups of the claim, and no password', async () => {
    const { sub, name, browser } = await somebody({ name: 'Zoë', email: 'zoe@example.com' }, ['developers', 'DBA']);
    expect(await signedInAs(gateway, browser)).toBe(name);
    expect(await userOf(name)).toMatchObject({
      ...{ groups: ['dba', 'developers'], own_groups: [], password_hash: null, source: 'okta', display_name: 'Zoë' },
      ...{ email: 'zoe@example.com', email_verified: false },
    });
    expect((await eventsOf(gateway, 'user-added')).at(-1)).toMatchObject({
      actor: 'provider:okta',
      detail: { upstreamSubject: sub, groups: ['dba', 'developers'] },
    });
  });

  it('is the same account at the next sign-in, also under another name there', async () => {
    const { sub, name } = await somebody();
    idp.people.set(sub, { preferred_username: 'renamed', groups: ['developers', 'new'] });
    const { browser } = await signInBy(gateway, 'okta');
    expect(await signedInAs(gateway, browser)).toBe(name);
    expect((await userOf(name))?.groups).toEqual(['developers', 'new']);
    expect(await userOf('renamed')).toBeUndefined();
  });

  it('never gets an account that exists: the name has a number then', async () => {
    idp.people.set('not-alice', { preferred_username: 'admin', groups: [] });
    idp.signsIn = 'not-alice';
    const { browser } = await signInBy(gateway, 'okta');
    expect(await signedInAs(gateway, browser)).toBe('admin-2');
    expect((await userOf('admin-2'))?.roles).toEqual([]);
  });

  it('is nobody else at another provider with the same subject, and has its groups with their prefix', async () => {
    const { sub, name } = await somebody();
    corp.people.set(sub, { preferred_username: name, realm_access: { roles: ['developers'] }, hd: 'example.com' });
    corp.signsIn = sub;
    const { browser } = await signInBy(gateway, 'keycloak');
    expect(await signedInAs(gateway, browser)).toBe(`${name}-2`);
    expect((await userOf(`${name}-2`))?.groups).toEqual(['kc.developers']);
  });

  it('goes on where he came from: `weir login` gets tokens, and loses them by a logout there', async () => {
    idp.people.set('for-cli', { preferred_username: 'cli-person', groups: ['developers'] });
    idp.signsIn = 'for-cli';
    const browser = createRoamingBrowser();
    const metadata = await discover(gateway.gateway.addresses.api);
    const key = await createDpopKey();
    const flow = await beginCodeFlow(metadata, key, 'http://127.0.0.1:9/callback');
    const page = await browser.open(flow.url);
    const [, href = ''] = /href="([^"]*\/by\/okta)"/.exec(page.text) ?? [];
    const arrival = await browser.open(new URL(href.replaceAll('&amp;', '&'), page.url), (url) => url.port === '9');
    const tokens = await flow.finish(arrival.url);
    const renew = (old: Tokens) => refresh(metadata, old, key);
    const client = gateway.withToken(createTokenHolder({ key, tokens, renew, now: gateway.now }));
    expect((await client.listConnections()).map(({ name }) => name)).toContain('shop');
    await logoutThere('for-cli');
    expect((await failure(client.listConnections())).code).toBe('sign_in_required');
    expect((await failure(refresh(metadata, tokens, key))).code).toBe('sign_in_required');
  });

  it.each<[string, unknown]>([
    ['missing', undefined],
    ['no list', { developers: true }],
    ['a list of something else', [1, 2]],
  ])('gets nothing when the claim is %s, and loses what he had', async (_, groups) => {
    const { sub, name } = await somebody();
    const session = await openSession(name);
    idp.people.set(sub, groups === undefined ? { preferred_username: name } : { preferred_username: name, groups });
    const { browser, arrival } = await signInBy(gateway, 'okta');
    expect(arrival.status).toBe(403);
    expect(await signedInAs(gateway, browser)).toBeUndefined();
    expect((await userOf(name))?.groups).toEqual([]);
    expect(session.isLive()).toBe(false);
    expect((await eventsOf(gateway, 'upstream-sign-in-refused')).at(-1)?.detail).toMatchObject({
      upstreamSubject: sub,
    });
  });

  it.each<[string, unknown]>([
    ['another value', 'evil.example'],
    ['no value', undefined],
    ['a list with it', ['example.com']],
  ])('makes no account when a required claim has %s', async (_, hd) => {
    corp.people.set('outsider', { preferred_username: 'outsider', realm_access: { roles: ['dba'] }, hd });
    corp.signsIn = 'outsider';
    const { browser, arrival } = await signInBy(gateway, 'keycloak');
    expect(arrival.status).toBe(403);
    expect(await signedInAs(gateway, browser)).toBeUndefined();
    expect(await userOf('outsider')).toBeUndefined();
    expect((await eventsOf(gateway, 'upstream-sign-in-refused')).at(-1)?.detail).toMatchObject({
      why: 'the claim hd is not what is required',
    });
  });

  it('does not get in when his account is disabled', async () => {
    const { name } = await somebody();
    await (await gateway.as('admin')).putUser(name, { disabled: true });
    const { browser, arrival } = await signInBy(gateway, 'okta');
    expect(arrival.status).toBe(403);
    expect(await signedInAs(gateway, browser)).toBeUndefined();
  });
});

describe('linking by e-mail', () => {
  const withEmail = async (email: string, verified: boolean) => {
    const { users } = gateway.gateway.repositories;
    await users.update('dave', { email, email_verified: verified });
  };
  it('gives the identity to the account when both addresses are verified', async () => {
    await withEmail('dave@example.com', true);
    const { browser } = await somebody({ email: 'Dave@example.com', email_verified: true }, ['dba']);
    expect(await signedInAs(gateway, browser)).toBe('dave');
    expect(await userOf('dave')).toMatchObject({ groups: ['dba', 'developers'], source: 'local' });
  });

  it('makes nobody new of an account that is disabled', async () => {
    await withEmail('frank@example.com', true);
    const admin = await gateway.as('admin');
    await admin.putUser('dave', { disabled: true });
    const { name, arrival } = await somebody({ email: 'frank@example.com', email_verified: true });
    expect(arrival.status).toBe(403);
    expect(await userOf(name)).toBeUndefined();
    await admin.putUser('dave', { disabled: false });
  });

  it('leaves the account to the one who has it, when the address is given to somebody else there', async () => {
    await withEmail('dave@example.com', true);
    const { name, browser } = await somebody({ email: 'dave@example.com', email_verified: true });
    expect(await signedInAs(gateway, browser)).toBe(name);
  });

  it.each<[string, boolean, unknown]>([
    ['the provider has not verified it', true, false],
    ['the provider says so in words', true, 'true'],
    ['the account’s address was only typed', false, true],
  ])('makes an account of its own when %s', async (_, isOurs, theirs) => {
    await withEmail('eve@example.com', isOurs);
    const { name, browser } = await somebody({ email: 'eve@example.com', email_verified: theirs });
    expect(await signedInAs(gateway, browser)).toBe(name);
    await withEmail('', false);
  });
});

describe('people of a directory', () => {
  const scim = async (method: string, path: string, body: object) => {
    const answer = await fetch(`${gateway.gateway.addresses.api}/scim/v2${path}`, {
      method,
      headers: { authorization: `Bearer ${scimToken}`, 'content-type': 'application/scim+json' },
      body: JSON.stringify(body),
    });
    return (await answer.json()) as { id: string };
  };
  const schemas = ['urn:ietf:params:scim:schemas:core:2.0:User'];
  const provision = (userName: string, externalId: string) =>
    scim('POST', '/Users', { schemas, userName, externalId, active: true });
  const signIn = async (sub: string, oid: string | undefined, groups = ['dba']) => {
    entra.people.set(sub, { preferred_username: sub, groups, ...(oid === undefined ? {} : { oid }) });
    entra.signsIn = sub;
    return signInBy(gateway, 'entra');
  };
  const count = async () => (await gateway.gateway.repositories.users.list()).length;

  it('sign in to the account that it has made, and are out when it disables them', async () => {
    const { id } = await provision('nora@example.com', 'oid-nora');
    const { browser } = await signIn('nora-there', 'oid-nora', ['developers']);
    expect(await signedInAs(gateway, browser)).toBe('nora');
    expect(await userOf('nora')).toMatchObject({ id, groups: ['developers'], source: 'scim' });
    const session = await openSession('nora');
    await scim('PATCH', `/Users/${id}`, {
      schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'],
      Operations: [{ op: 'replace', path: 'active', value: false }],
    });
    expect(session.isLive()).toBe(false);
    expect(await signedInAs(gateway, browser)).toBeUndefined();
    expect((await signIn('nora-there', 'oid-nora')).arrival.status).toBe(403);
  });

  it('are nobody new when they were disabled before their first sign-in', async () => {
    const { id } = await provision('otto@example.com', 'oid-otto');
    await scim('PUT', `/Users/${id}`, { schemas, userName: 'otto@example.com', externalId: 'oid-otto', active: false });
    const before = await count();
    expect((await signIn('otto-there', 'oid-otto')).arrival.status).toBe(403);
    expect(await count()).toBe(before);
  });

  it.each<[string, string | undefined]>([
    ['an id that nobody has', 'oid-unknown'],
    ['no id', undefined],
    ['the id of somebody who has signed in before', 'oid-paul'],
    ['the name of a local account as id', 'admin'],
  ])('get in alone: with %s there is no account for the stranger', async (name, oid) => {
    if (oid === 'oid-paul') {
      await provision('paul@example.com', oid);
      await signIn('paul-there', oid);
    }
    const before = await count();
    const { browser, arrival } = await signIn(`stranger-${name.length}`, oid);
    expect(arrival.status).toBe(403);
    expect(arrival.text).toContain('You have no account at the gateway.');
    expect(await signedInAs(gateway, browser)).toBeUndefined();
    expect(await count()).toBe(before);
  });
});

describe('an administrator', () => {
  it('sees who an account is at providers, and takes that off it', async () => {
    const { sub, name, browser } = await somebody();
    const session = await openSession(name);
    const admin = await gateway.as('admin');
    expect(await admin.listIdentities(name)).toMatchObject([
      { provider: 'okta', issuer: idp.issuer, subject: sub, groups: ['developers'] },
    ]);
    expect(await admin.listIdentities('alice')).toEqual([]);
    expect((await failure(admin.removeIdentity(name, 'keycloak'))).code).toBe('not_found');
    await admin.removeIdentity(name, 'okta');
    expect(session.isLive()).toBe(false);
    expect(await signedInAs(gateway, browser)).toBeUndefined();
    expect(await userOf(name)).toMatchObject({ groups: [], disabled: false });
    expect((await eventsOf(gateway, 'upstream-identity-removed')).at(-1)).toMatchObject({
      ...{ actor: 'admin', subject: name },
      detail: { provider: 'okta', before: { upstreamSubject: sub, groups: ['developers'] }, after: null },
    });
    // The next sign-in is that of somebody new.
    const again = await signInBy(gateway, 'okta');
    expect(await signedInAs(gateway, again.browser)).toBe(`${name}-2`);
  });
});

describe('somebody who is signed in', () => {
  const minutes = (count: number) => gateway.advance(count * 60_000);

  it('is asked about after 15 minutes, not before', async () => {
    await somebody();
    minutes(14);
    const before = idp.calls.refresh;
    await watch().look();
    expect(idp.calls.refresh - before).toBe(0);
    minutes(1.1);
    await watch().look();
    expect(idp.calls.refresh - before).toBeGreaterThanOrEqual(1);
  });

  it('loses what he loses at the provider, and his session with it', async () => {
    const { sub, name, browser } = await somebody({}, ['developers', 'dba']);
    const session = await openSession(name);
    idp.people.set(sub, { preferred_username: name, groups: ['dba'] });
    minutes(15.1);
    await watch().look();
    expect((await userOf(name))?.groups).toEqual(['dba']);
    expect(session.isLive()).toBe(false);
    expect(await signedInAs(gateway, browser)).toBe(name);
    const [change] = (await eventsOf(gateway, 'upstream-groups-changed')).filter(({ subject }) => subject === name);
    expect(change?.detail).toMatchObject({
      before: { groups: ['developers', 'dba'].sort() },
      after: { groups: ['dba'] },
    });
  });

  it('is out everywhere when the provider does not know him any more', async () => {
    const { sub, name, browser } = await somebody();
    const session = await openSession(name);
    const ofAgent = await openSession('alice', name);
    expect(ofAgent.isLive()).toBe(true);
    idp.people.delete(sub);
    minutes(15.1);
    await watch().look();
    expect(session.isLive()).toBe(false);
    expect(ofAgent.isLive()).toBe(false);
    expect(await signedInAs(gateway, browser)).toBeUndefined();
    expect((await userOf(name))?.groups).toEqual([]);
    const [ended] = (await eventsOf(gateway, 'upstream-access-ended')).filter(({ subject }) => subject === name);
    expect(ended?.detail).toMatchObject({ why: 'the provider says invalid_grant' });
  });

  it('is out when the claim goes away', async () => {
    const { sub, name } = await somebody();
    idp.people.set(sub, { preferred_username: name });
    minutes(15.1);
    await watch().look();
    expect((await userOf(name))?.groups).toEqual([]);
  });

  it('keeps his groups while the provider is away, up to the limit', async () => {
    const { name } = await somebody();
    const session = await openSession(name);
    idp.state = 'away';
    minutes(15.1);
    await watch().look();
    expect(session.isLive()).toBe(true);
    expect((await eventsOf(gateway, 'upstream-silent')).at(-1)?.actor).toBe('provider:okta');
    minutes(59);
    await watch().look();
    expect((await userOf(name))?.groups).toEqual(['developers']);
    minutes(1);
    await watch().look();
    expect((await userOf(name))?.groups).toEqual([]);
    expect(session.isLive()).toBe(false);
    idp.state = 'there';
  });

  it('keeps no token of the provider in the clear', async () => {
    const { sub } = await somebody();
    const row = await gateway.gateway.repositories.identities.find('okta', sub);
    const token = row && gateway.gateway.repositories.identities.refreshTokenOf(row);
    expect(token).toMatch(/^.{20,}$/);
    expect(row?.refresh_token?.includes(Buffer.from(token ?? ''))).toBe(false);
    expect(JSON.stringify(await (await gateway.as('admin')).listAuditEvents())).not.toContain(token);
    expect(gateway.logLines.join()).not.toContain(token);
  });
});

describe('back-channel logout', () => {
  it('ends sign-ins and live sessions before it is answered', async () => {
    const { sub, name, browser } = await somebody();
    const session = await openSession(name);
    await logoutThere(sub);
    expect(session.isLive()).toBe(false);
    expect(await signedInAs(gateway, browser)).toBeUndefined();
    await until(async () => (await eventsOf(gateway, 'upstream-logout')).some(({ subject }) => subject === name));
  });
});

describe('a provider that is taken out of the configuration', () => {
  it('gives nothing any more when the gateway starts again', async () => {
    const { name } = await somebody();
    expect((await userOf(name))?.groups).toEqual(['developers']);
    const { providers } = gateway.config.identity;
    providers.splice(0, providers.length);
    await gateway.restart();
    expect((await userOf(name))?.groups).toEqual([]);
    const [ended] = (await eventsOf(gateway, 'upstream-access-ended')).filter(({ subject }) => subject === name);
    expect(ended?.detail).toMatchObject({ why: 'the provider is not configured any more' });
    const page = await createRoamingBrowser().open(`${gateway.gateway.addresses.api}/sign-in`);
    expect(page.text).not.toContain('/by/');
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseIdpMetadata } from '../src/identity/providers/saml-metadata.ts';
import { createRoamingBrowser, type RoamingBrowser } from './fixture/roaming-browser.ts';
import { type SamlIdp, startSamlIdp } from './fixture/saml-idp.ts';
import type { TestGateway } from './fixture/test-gateway.ts';
import { eventsOf, signedInAs, signInBy, startUpstreamGateway } from './fixture/upstream-gateway.ts';

let idp: SamlIdp;
let gateway: TestGateway;

beforeAll(async () => {
  idp = await startSamlIdp();
  const provider = { name: 'corp', type: 'saml', metadataUrl: idp.metadataUrl, groups: { claim: 'groups' } };
  gateway = await startUpstreamGateway([provider]);
  idp.open(await (await fetch(`${gateway.gateway.addresses.api}/upstream/corp/metadata`)).text());
});
afterAll(async () => {
  await gateway.close();
  await idp.close();
});

const userOf = (name: string) => gateway.gateway.repositories.users.findByName(name);
/** Signs somebody in as browsers do: to the provider, and back by its form. */
async function signIn(nameId: string, groups: readonly string[] | undefined, browser?: RoamingBrowser) {
  idp.people.set(nameId, groups);
  idp.signsIn = nameId;
  const at = await signInBy(gateway, 'corp', browser ?? createRoamingBrowser());
  const [, action = ''] = /action="([^"]*)"/.exec(at.arrival.text) ?? [];
  const field = (name: string) => new RegExp(`name="${name}" value="([^"]*)"`).exec(at.arrival.text)?.[1] ?? '';
  const form = { SAMLResponse: field('SAMLResponse'), RelayState: field('RelayState') };
  const arrival = await at.browser.postFromElsewhere(action, form);
  return { browser: at.browser, arrival, form, action };
}

describe('a person who signs in by SAML', () => {
  it('gets an account with the groups of the attribute', async () => {
    const { browser, arrival } = await signIn('greta@example.com', ['developers', 'DBA']);
    expect(await signedInAs(gateway, browser), arrival.text).toBe('greta');
    expect(await userOf('greta')).toMatchObject({ groups: ['dba', 'developers'], source: 'corp', password_hash: null });
    const logins = (await eventsOf(gateway, 'login')).filter(({ subject }) => subject === 'greta');
    expect(logins.map(({ detail }) => detail)).toMatchObject([{ by: ['fed'] }]);
  });

  it('is the same account the next time, with the groups of then', async () => {
    await signIn('hugo@example.com', ['developers']);
    const { browser } = await signIn('hugo@example.com', ['dba']);
    expect(await signedInAs(gateway, browser)).toBe('hugo');
    expect((await userOf('hugo'))?.groups).toEqual(['dba']);
  });

  it('gets nothing without the attribute, and loses what he had', async () => {
    const first = await signIn('ines@example.com', ['developers']);
    const { browser, arrival } = await signIn('ines@example.com', undefined);
    expect(arrival.status).toBe(403);
    expect(await signedInAs(gateway, browser)).toBeUndefined();
    expect(await signedInAs(gateway, first.browser)).toBeUndefined();
    expect((await userOf('ines'))?.groups).toEqual([]);
  });

  it('signs in when the provider has a new key, as soon as that can be asked', async () => {
    await idp.changeKey();
    // Its metadata were read a moment ago: nobody makes the gateway ask all the time.
    expect((await signIn('kim@example.com', ['dba'])).arrival.status).toBe(403);
    gateway.advance(61_000);
    const { browser } = await signIn('kim@example.com', ['dba']);
    expect(await signedInAs(gateway, browser)).toBe('kim');
  });

  it('has its groups for as long as sign-ins hold, and then no sign-in either', async () => {
    const { browser } = await signIn('jan@example.com', ['developers']);
    const { upstreamWatch } = gateway.gateway.capabilities;
    gateway.advance(479 * 60_000);
    await upstreamWatch.look();
    expect((await userOf('jan'))?.groups).toEqual(['developers']);
    gateway.advance(61_000);
    await upstreamWatch.look();
    expect((await userOf('jan'))?.groups).toEqual([]);
    expect(await signedInAs(gateway, browser)).toBeUndefined();
    const [ended] = (await eventsOf(gateway, 'upstream-access-ended')).filter(({ subject }) => subject === 'jan');
    expect(ended?.detail).toMatchObject({ why: 'nobody confirmed it in time' });
  });
});

describe('metadata', () => {
  it('of the gateway ask for signed assertions at its address', async () => {
    const api = gateway.gateway.addresses.api;
    const answer = await fetch(`${api}/upstream/corp/metadata`);
    expect(answer.headers.get('content-type')).toContain('application/samlmetadata+xml');
    const xml = await answer.text();
    expect(xml).toContain(`entityID="${api}/upstream/corp/metadata"`);
    expect(xml).toContain('WantAssertionsSigned="true"');
    expect(xml).toContain(`Location="${api}/upstream/corp/acs"`);
    expect((await fetch(`${api}/upstream/nobody/metadata`)).status).toBe(404);
  });

  const idpMetadata = ({ root = '', before = '', certificate = 'AAAA', binding = 'HTTP-Redirect' } = {}) =>
    `${before}<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://idp.example" ${root}>
<IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
<KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>${certificate}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>
<KeyDescriptor use="encryption"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>BBBB</X509Certificate></X509Data></KeyInfo></KeyDescriptor>
<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:${binding}" Location="https://idp.example/sso"/>
</IDPSSODescriptor></EntityDescriptor>`;
  const now = Date.parse('2026-01-01T00:00:00Z');

  it('of a provider name its address and the certificates that sign', () => {
    const keys = { entityId: 'https://idp.example', entryPoint: 'https://idp.example/sso', certificates: ['AAAA'] };
    expect(parseIdpMetadata(idpMetadata({ certificate: ' AA\nAA ' }), now)).toEqual(keys);
    expect(parseIdpMetadata(idpMetadata({ root: 'validUntil="2026-01-01T00:00:01Z"' }), now)).toEqual(keys);
  });

  it.each<[string, string, string]>([
    ['are over', idpMetadata({ root: 'validUntil="2026-01-01T00:00:00Z"' }), 'ended'],
    ['say an end that is no instant', idpMetadata({ root: 'validUntil="tomorrow"' }), 'ended'],
    ['have a document type', idpMetadata({ before: '<!DOCTYPE x SYSTEM "file:///etc/passwd">' }), 'document type'],
    ['have no address that is spoken', idpMetadata({ binding: 'SOAP' }), 'lack'],
    ['have no certificate', idpMetadata().replace(/<KeyDescriptor use="signing">.*/, ''), 'lack'],
    ['lead elsewhere than the web', idpMetadata().replace('https://idp.example/sso', 'javascript:alert(1)'), 'web'],
    ['describe a service provider', idpMetadata().replaceAll('IDPSSO', 'SPSSO'), 'no identity provider'],
    ['are no metadata', '<html/>', 'one entity'],
    ['are broken', idpMetadata().slice(0, -5), 'XML'],
  ])('of a provider are refused when they %s', (_, xml, message) => {
    expect(() => parseIdpMetadata(xml, now)).toThrow(message);
  });
});

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { createTemporaryFolder } from '@weir/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Arrival, createRoamingBrowser } from './fixture/roaming-browser.ts';
import { answerXml, encoded, honestAnswer, type SamlAnswer, type Signing, signXml } from './fixture/saml-answer.ts';
import { createKeys } from './fixture/saml-idp.ts';
import { wrappings } from './fixture/saml-wrapping.ts';
import { type TestGateway, until } from './fixture/test-gateway.ts';
import { eventsOf, signedInAs, signInBy, startUpstreamGateway } from './fixture/upstream-gateway.ts';

let gateway: TestGateway;
let keys: { privateKey: string; certificate: string };
let otherKeys: { privateKey: string; certificate: string };
const folder = createTemporaryFolder('weir-saml');
const entityId = (name: string) => `https://${name}.example/idp`;

beforeAll(async () => {
  [keys, otherKeys] = await Promise.all([createKeys(), createKeys()]);
  const provider = async (name: string, certificate: string) => {
    const file = join(folder.path, `${name}.pem`);
    await writeFile(file, certificate);
    const explicit = { entityId: entityId(name), entryPoint: `https://${name}.example/sso`, certificateFiles: [file] };
    return { name, type: 'saml', ...explicit, groups: { claim: 'groups' }, reauthenticate: name === 'strict' };
  };
  gateway = await startUpstreamGateway([
    await provider('corp', keys.certificate),
    await provider('other', otherKeys.certificate),
    await provider('strict', keys.certificate),
  ]);
});
afterAll(async () => {
  await gateway.close();
  folder.remove();
});

const addressOf = (name: string, what: string) => `${gateway.gateway.addresses.api}/upstream/${name}/${what}`;
/** Begins a sign-in and stops before the provider. */
async function begin(name = 'corp', browser = createRoamingBrowser()) {
  const { arrival } = await signInBy(gateway, name, browser, (url) => url.hostname === `${name}.example`);
  const query = arrival.url.searchParams;
  const request = inflateRawSync(Buffer.from(query.get('SAMLRequest') ?? '', 'base64')).toString();
  const requestId = / ID="([^"]*)"/.exec(request)?.[1] ?? '';
  const relayState = query.get('RelayState') ?? '';
  const honest = honestAnswer({
    ...{ issuer: entityId(name), acs: addressOf(name, 'acs'), audience: addressOf(name, 'metadata'), requestId },
    ...{ nameId: 'mallory', groups: ['guests'] },
  });
  const post = (xml: string, relay: string | undefined = relayState, to = name) =>
    browser.postFromElsewhere(addressOf(to, 'acs'), {
      SAMLResponse: xml.startsWith('raw:') ? xml.slice(4) : encoded(xml),
      ...(relay === '' ? {} : { RelayState: relay }),
    });
  return { browser, honest, relayState, post, request };
}
const sign = (answer: SamlAnswer, signing: Partial<Signing> = {}) =>
  signXml(answerXml(answer), { privateKey: keys.privateKey, ...signing });
const refusals = () => eventsOf(gateway, 'upstream-sign-in-refused');
/** What the audit log says when the work has been refused. */
async function refusalOf(work: () => Promise<unknown>) {
  const before = (await refusals()).length;
  await work();
  let events = await refusals();
  await until(async () => {
    events = await refusals();
    return events.length > before;
  });
  expect(events.length).toBe(before + 1);
  return events.at(-1);
}
const people = async () => (await gateway.gateway.repositories.users.list()).map(({ name }) => name).sort();

it('lets the honest answer in, so that the rows below fail for what they say', async () => {
  const { browser, honest, post } = await begin();
  await post(sign({ ...honest, nameId: 'honest' }));
  expect(await signedInAs(gateway, browser)).toBe('honest');
});

type Row = [name: string, forge: (honest: SamlAnswer) => string, why: string];
const says = (change: Partial<SamlAnswer>) => (honest: SamlAnswer) => sign({ ...honest, ...change });
const signed = (signing: () => Partial<Signing>) => (honest: SamlAnswer) => sign(honest, signing());
const after = (change: (xml: string) => string) => (honest: SamlAnswer) => change(sign(honest));
const replaced = (from: string | RegExp, to: string) => after((xml) => xml.replace(from, to));

const rows: Row[] = [
  ['unsigned', (honest) => answerXml(honest), 'Invalid signature'],
  ['signed by another key', signed(() => ({ privateKey: otherKeys.privateKey })), 'Invalid signature'],
  [
    'signed by a key that it brings along',
    signed(() => ({ privateKey: otherKeys.privateKey, publishes: otherKeys.certificate })),
    'Invalid signature',
  ],
  ['signed as a whole, the assertion is not', signed(() => ({ what: 'Response' })), 'Invalid signature'],
  [
    'signed by SHA-1',
    signed(() => ({ algorithm: 'http://www.w3.org/2000/09/xmldsig#rsa-sha1' })),
    'the answer is signed by a weak algorithm',
  ],
  [
    'with a digest by SHA-1',
    signed(() => ({ digest: 'http://www.w3.org/2000/09/xmldsig#sha1' })),
    'the answer is signed by a weak algorithm',
  ],
  [
    'signed by HMAC with the certificate as its key',
    signed(() => ({ algorithm: 'http://www.w3.org/2000/09/xmldsig#hmac-sha1', privateKey: keys.certificate })),
    'the answer is signed by a weak algorithm',
  ],
  ['with another name than was signed', replaced('>mallory<', '>admin<'), 'Invalid signature'],
  ['with another group than was signed', replaced('>guests<', '>admins<'), 'Invalid signature'],
  [
    'with another attribute than was signed',
    replaced(
      '</saml:Assertion>',
      '<saml:AttributeStatement><saml:Attribute Name="groups"><saml:AttributeValue>admins</saml:AttributeValue></saml:Attribute></saml:AttributeStatement></saml:Assertion>',
    ),
    'Invalid signature',
  ],
  [
    'with an empty signature',
    replaced(/<ds:Signature[\s\S]*<\/ds:Signature>/, '<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/>'),
    'could not find CanonicalizationMethod/@Algorithm element',
  ],
  [
    'with a second list of what was signed',
    after((xml) =>
      xml.replace('>mallory<', '>admin<').replace('<ds:SignedInfo>', '<ds:SignedInfo></ds:SignedInfo><ds:SignedInfo>'),
    ),
    'multiple SignedInfo nodes',
  ],
  ['whose signature is of another element', replaced(/URI="#[^"]*"/, 'URI="#_another"'), 'Invalid signature'],
  ['whose signature is of everything', replaced(/URI="#[^"]*"/, 'URI=""'), 'signature reference uri not found'],
  [
    'with a comment in the name',
    replaced('>mallory<', '>mal<!-- -->lory<'),
    'the answer has a document type, a comment or CDATA',
  ],
  [
    'with a comment at the end of the name',
    replaced('>mallory<', '>mallory<!-- -->.evil.example<'),
    'the answer has a document type, a comment or CDATA',
  ],
  [
    'signed over a comment in the name',
    says({ nameId: 'admin<!-- -->.evil.example' }),
    'the answer has a document type, a comment or CDATA',
  ],
  [
    'with CDATA in the name',
    says({ nameId: '<![CDATA[mallory]]>' }),
    'the answer has a document type, a comment or CDATA',
  ],
  [
    'with a processing instruction in the name',
    says({ nameId: 'admin<?x y?>.evil.example' }),
    'the answer has a processing instruction',
  ],
  ['with an element in the name', says({ nameId: 'admin<x>.evil.example</x>' }), 'it names nobody'],
  [
    'with an entity of a file',
    after((xml) => `<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>${xml.replace('>mallory<', '>&x;<')}`),
    'the answer has a document type, a comment or CDATA',
  ],
  [
    'with an entity from the network',
    after((xml) => `<!DOCTYPE r SYSTEM "http://127.0.0.1:9/x.dtd">${xml}`),
    'the answer has a document type, a comment or CDATA',
  ],
  [
    'with entities that grow',
    after(
      (xml) => `<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>${xml.replace('>mallory<', '>&b;<')}`,
    ),
    'the answer has a document type, a comment or CDATA',
  ],
  ['for another audience', says({ audience: 'https://another.example' }), 'SAML assertion audience mismatch'],
  ['for no audience', says({ audience: undefined }), 'SAML assertion has no AudienceRestriction'],
  [
    'for another recipient',
    says({ recipient: 'https://another.example/acs' }),
    'the assertion is for another recipient',
  ],
  [
    'for another destination',
    says({ destination: 'https://another.example/acs' }),
    'the answer is for another destination',
  ],
  ['by another issuer', says({ issuer: 'https://another.example/idp' }), 'the answer is by another issuer'],
  ['over', says({ from: -600, until: -40 }), 'SAML assertion expired'],
  ['not valid yet', says({ from: 40, until: 600 }), 'SAML assertion not yet valid'],
  ['whose confirmation is over', says({ confirmedUntil: -40 }), 'No valid subject confirmation found'],
  ['whose confirmation has no end', says({ confirmedUntil: undefined }), 'is not a valid date'],
  [
    'confirmed by a key instead of by being its bearer',
    says({ method: 'urn:oasis:names:tc:SAML:2.0:cm:holder-of-key' }),
    'the assertion has not one bearer confirmation',
  ],
  [
    'to another request',
    says({ inResponseTo: '_another', confirmsRequest: '_another' }),
    'the answer is to another request',
  ],
  [
    'whose envelope alone is to this request',
    says({ confirmsRequest: '_another' }),
    'InResponseTo does not match subjectInResponseTo',
  ],
  [
    'whose envelope alone was made to be to this request',
    says({ confirmsRequest: undefined }),
    'the assertion answers another request',
  ],
  ['to no request', says({ inResponseTo: undefined, confirmsRequest: undefined }), 'the answer is to another request'],
  ['that says no', says({ status: 'urn:oasis:names:tc:SAML:2.0:status:AuthnFailed' }), 'the provider says AuthnFailed'],
  [
    'that names somebody for this once',
    says({ nameIdFormat: 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient' }),
    'its NameID is transient: configure subjectAttribute',
  ],
  ['that names nobody', says({ nameId: '' }), 'it names nobody'],
  [
    'that names two',
    says({ moreOfSubject: '<saml:NameID>admin</saml:NameID>' }),
    'the assertion names the subject twice',
  ],
  [
    'that is encrypted',
    replaced(
      '<samlp:Status>',
      '<saml:EncryptedAssertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"/><samlp:Status>',
    ),
    'the assertion is encrypted, and there is no key for it here',
  ],
  [
    'that is no answer',
    () => '<samlp:LogoutResponse xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_x"/>',
    'it is no SAML response',
  ],
  ['that is no XML', () => 'not xml', 'it is no sound XML'],
  ['that is broken XML', after((xml) => xml.slice(0, -10)), 'it is no sound XML'],
  ['that is not base64', () => 'raw:<samlp:Response/>', 'the answer is not base64'],
  ['that is huge', () => `raw:${'A'.repeat(513 * 1024)}`, 'the answer is too long'],
  ...Object.entries(wrappings).map(
    ([name, wrap]): Row => [
      name,
      (honest) =>
        wrap(sign(honest, name.startsWith('XSW1') || name.startsWith('XSW2') ? { what: 'Response' } : {}), 'admin'),
      'it has not one assertion',
    ],
  ),
];

describe('an answer', () => {
  it.each(rows)('%s gets nothing', async (_, forge, why) => {
    const before = await people();
    const { browser, honest, post } = await begin();
    const refusal = await refusalOf(async () => {
      const arrival = await post(forge(honest));
      expect(arrival.status).toBe(403);
      expect(arrival.text).not.toContain('mallory');
    });
    expect(await signedInAs(gateway, browser)).toBeUndefined();
    expect(await people()).toEqual(before);
    expect(refusal).toMatchObject({
      actor: 'provider:corp',
      subject: 'corp',
      detail: { why: expect.stringContaining(why) },
    });
  });
});

describe('an honest answer', () => {
  /** Is it refused, and does the audit log say why? */
  const expectRefused = async (work: () => Promise<Arrival>, why: string, provider = 'corp') => {
    const refusal = await refusalOf(async () => expect((await work()).status).toBe(403));
    expect(refusal).toMatchObject({ actor: `provider:${provider}`, detail: { why } });
  };

  it('is taken once', async () => {
    const { browser, honest, post } = await begin();
    const answer = sign({ ...honest, nameId: 'once' });
    await post(answer);
    expect(await signedInAs(gateway, browser)).toBe('once');
    await expectRefused(() => post(answer), 'no sign-in waits for it (state)');
  });

  it('is taken once, when it comes twice at the same time', async () => {
    const { honest, post } = await begin();
    const answer = sign({ ...honest, nameId: 'twice' });
    const statuses = (await Promise.all([post(answer), post(answer)])).map(({ status }) => status);
    expect(statuses.sort()).toEqual([200, 403]);
  });

  it('is not taken in another sign-in', async () => {
    const [stolen, own] = [await begin(), await begin()];
    await expectRefused(() => own.post(sign(stolen.honest)), 'the answer is to another request');
    expect(await signedInAs(gateway, own.browser)).toBeUndefined();
  });

  it('is not taken when its assertion was used before, whatever it answers', async () => {
    const [first, second] = [await begin(), await begin()];
    await first.post(sign(first.honest));
    const again = { ...second.honest, assertionId: first.honest.assertionId };
    await expectRefused(() => second.post(sign(again)), 'the assertion was used before (replay)');
  });

  it('is not remembered in the memory of one process alone', async () => {
    const first = await begin();
    await first.post(sign(first.honest));
    await gateway.restart();
    const second = await begin();
    const again = { ...second.honest, assertionId: first.honest.assertionId };
    await expectRefused(() => second.post(sign(again)), 'the assertion was used before (replay)');
  });

  it.each<[string, string, string]>([
    ['nothing', '', 'it is no answer to a request (unsolicited)'],
    ['a value that nobody gave', 'made-up', 'no sign-in waits for it (state)'],
    ['an address to go on to', 'https://evil.example/', 'no sign-in waits for it (state)'],
    ['a path of the gateway', '/requests/1', 'no sign-in waits for it (state)'],
  ])('leads nowhere when its RelayState is %s', async (_, relay, why) => {
    const { browser, honest, post } = await begin();
    const work = async () => {
      const arrival = await post(sign(honest), relay);
      expect(arrival.url.href).toBe(addressOf('corp', 'acs'));
      return arrival;
    };
    await expectRefused(work, why);
    expect(await signedInAs(gateway, browser)).toBeUndefined();
  });

  it('of one provider is not taken at another', async () => {
    const { browser, honest, post, relayState } = await begin();
    await expectRefused(() => post(sign(honest), relayState, 'other'), 'no sign-in waits for it (state)', 'other');
    expect(await signedInAs(gateway, browser)).toBeUndefined();
  });

  it('for another provider’s sign-in is not taken, with the key of the first', async () => {
    const { browser, honest, post } = await begin('other');
    await expectRefused(() => post(sign(honest)), 'Invalid signature', 'other');
    expect(await signedInAs(gateway, browser)).toBeUndefined();
  });

  it('signs nobody in but the browser that asked: a link or a form with it is worth nothing', async () => {
    const { honest, relayState } = await begin();
    const victim = createRoamingBrowser();
    await victim.open(`${gateway.gateway.addresses.api}/sign-in`);
    const form = { SAMLResponse: encoded(sign(honest)), RelayState: relayState };
    const work = () => victim.postFromElsewhere(addressOf('corp', 'acs'), form);
    await expectRefused(work, 'another browser began it');
    expect(await signedInAs(gateway, victim)).toBeUndefined();
  });

  it('comes too late after ten minutes', async () => {
    const { honest, post } = await begin();
    gateway.advance(600_001);
    await expectRefused(() => post(sign(honest)), 'no sign-in waits for it (state)');
  });

  it('is not taken when the person had to be asked again, and was not', async () => {
    const first = await begin('strict');
    expect(first.request).toContain('ForceAuthn="true"');
    const why = 'the person was not asked again';
    await expectRefused(() => first.post(sign({ ...first.honest, authenticated: -120 })), why, 'strict');
    const second = await begin('strict');
    await second.post(sign({ ...second.honest, nameId: 'strict' }));
    expect(await signedInAs(gateway, second.browser)).toBe('strict');
  });

  it('gives the browser another id than it had before', async () => {
    const { browser, honest, post } = await begin();
    const before = browser.cookies().join();
    await post(sign(honest));
    const after = browser.cookies();
    expect(after.length).toBeGreaterThan(0);
    expect(after.filter((cookie) => before.includes(cookie))).toEqual([]);
  });
});

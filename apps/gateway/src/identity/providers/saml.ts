import { type CacheProvider, SAML, ValidateInResponseTo } from '@node-saml/node-saml';
import type { SamlProviderConfig } from '../../config/provider-schema.ts';
import { groupsOf } from './groups-of-claim.ts';
import type { UpstreamProfile } from './profile.ts';
import { type Assertion, attributeOf, confirmationOf, type Expectation, instantOf, textOf } from './saml-assertion.ts';
import { refuseUnsafeXml, requireSoundAnswer } from './saml-envelope.ts';
import type { IdpKeys, IdpKeysSource } from './saml-metadata.ts';

/** What is kept of a sign-in while the person is at the provider. */
export interface SamlSecrets {
  readonly requestId: string;
  /** When the request was made, as the request says it. */
  readonly instant: string;
}

/** The gateway's own addresses as a service provider; its entity id is the address of its metadata. */
export interface SamlAddresses {
  readonly acs: string;
  readonly entityId: string;
}

/** An assertion that was checked in all but its single use. */
export interface CheckedAssertion {
  readonly id: string;
  /** Until when it must be remembered. */
  readonly expiresAt: Date;
  readonly profile: UpstreamProfile;
}

/** A SAML 2.0 identity provider, as its service provider (Web Browser SSO, redirect and POST bindings). */
export interface SamlProvider {
  readonly config: SamlProviderConfig;
  begin(acs: string, entityId: string, relayState: string): Promise<{ location: string; saml: SamlSecrets }>;
  /** @throws when anything about the answer is wrong. */
  finish(addresses: SamlAddresses, answer: string, secrets: SamlSecrets): Promise<CheckedAssertion>;
  metadata(acs: string, entityId: string): string;
}

const requestLifeMs = 600_000;
/** Age of metadata that are fetched again when an answer does not fit. */
const newKeysAfterMs = 60_000;
const transient = 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient';

/** Makes it. `keys` gives the provider's address and certificates as they are now. */
export function createSamlProvider(config: SamlProviderConfig, keys: IdpKeysSource): SamlProvider {
  return {
    config,
    begin: async (acs, entityId, relayState) => {
      const requests = new Map<string, string>();
      const sp = serviceProvider(config, await keys(), { acs, entityId }, requests);
      const location = await sp.getAuthorizeUrlAsync(relayState, undefined, {});
      const [[requestId, instant] = ['', '']] = requests;
      return { location, saml: { requestId, instant } };
    },
    finish: async (addresses, answer, { requestId, instant }) => {
      const xml = refuseUnsafeXml(answer);
      const read = async (idp: IdpKeys): Promise<CheckedAssertion> => {
        const expected: Expectation = { ...addresses, requestId, issuer: idp.entityId };
        requireSoundAnswer(xml, expected);
        const sp = serviceProvider(config, idp, addresses, new Map([[requestId, instant]]));
        const { profile } = await sp.validatePostResponseAsync({ SAMLResponse: answer });
        // Only what the signature covers is read from here on.
        const signed = profile?.getAssertion?.() as { readonly Assertion?: Assertion } | undefined;
        if (signed?.Assertion === undefined) throw new Error('no assertion came');
        return checked(config, signed.Assertion, expected, instant);
      };
      const known = await keys();
      try {
        return await read(known);
      } catch (error) {
        // The provider may have a new key. It is asked once a minute at most, however many bad answers come.
        const newer = await keys(newKeysAfterMs);
        if (newer.certificates.join() === known.certificates.join()) throw error;
        return read(newer);
      }
    },
    metadata: (acs, entityId) => {
      const idp: IdpKeys = { entityId: 'none', entryPoint: 'https://none.invalid', certificates: ['none'] };
      return serviceProvider(config, idp, { acs, entityId }, new Map()).generateServiceProviderMetadata(null, null);
    },
  };
}

function serviceProvider(
  config: SamlProviderConfig,
  idp: IdpKeys,
  { acs, entityId }: SamlAddresses,
  requests: Map<string, string>,
): SAML {
  const cacheProvider: CacheProvider = {
    saveAsync: async (key, value) => {
      requests.set(key, value);
      return { value, createdAt: Date.now() };
    },
    getAsync: async (key) => requests.get(key) ?? null,
    removeAsync: async (key) => (key !== null && requests.delete(key) ? key : null),
  };
  return new SAML({
    ...{ callbackUrl: acs, issuer: entityId, audience: entityId, entryPoint: idp.entryPoint },
    ...{ idpCert: [...idp.certificates], idpIssuer: idp.entityId, identifierFormat: null },
    ...{
      forceAuthn: config.reauthenticate,
      wantAssertionsSigned: true,
      wantAuthnResponseSigned: config.signedResponses,
    },
    ...{ validateInResponseTo: ValidateInResponseTo.always, cacheProvider, requestIdExpirationPeriodMs: requestLifeMs },
    ...{ acceptedClockSkewMs: config.clockSkewSeconds * 1000, disableRequestedAuthnContext: true },
  });
}

function checked(
  config: SamlProviderConfig,
  assertion: Assertion,
  expected: Expectation,
  requestedAt: string,
): CheckedAssertion {
  const { id, expiresAtMs } = confirmationOf(assertion, expected);
  const [nameId] = assertion.Subject?.[0]?.NameID ?? [];
  const nameIdText = nameId === undefined ? undefined : textOf(nameId);
  const text = (name: string | undefined): string | null =>
    (name === undefined ? undefined : attributeOf(assertion, name)?.[0]?.trim().slice(0, 200)) || null;
  const named = config.subjectAttribute === undefined ? [nameIdText] : attributeOf(assertion, config.subjectAttribute);
  const subject = named?.length === 1 ? named[0] : undefined;
  if (subject === undefined || subject.trim() === '') throw new Error('it names nobody');
  if (config.subjectAttribute === undefined && nameId?.$?.['Format'] === transient)
    throw new Error('its NameID is transient: configure subjectAttribute');
  const {
    AuthnInstant: instant,
    SessionNotOnOrAfter: end,
    SessionIndex: session,
  } = assertion.AuthnStatement?.[0]?.$ ?? {};
  const authTimeMs = Math.min(instantOf(instant) ?? Date.now(), Date.now());
  const earliestMs = (instantOf(requestedAt) ?? Date.now()) - config.clockSkewSeconds * 1000;
  if (config.reauthenticate && (instant === undefined || authTimeMs < earliestMs))
    throw new Error('the person was not asked again');
  const groups = config.groups && attributeOf(assertion, config.groups.claim);
  return {
    id,
    expiresAt: new Date(expiresAtMs + config.clockSkewSeconds * 1000),
    profile: {
      ...{ issuer: expected.issuer, subject, isEmailVerified: false, mfaAtMs: null, refreshToken: null },
      name: text(config.nameAttribute) ?? nameIdText ?? subject,
      displayName: text('displayName'),
      email: text(config.emailAttribute),
      directoryId: text(config.linkByDirectoryId),
      groups: groupsOf(groups, config.groups),
      session: session ?? null,
      authTimeMs,
      endsAtMs: instantOf(end) ?? null,
    },
  };
}

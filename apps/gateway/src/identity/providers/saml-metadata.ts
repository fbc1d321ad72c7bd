import { readFile } from 'node:fs/promises';
import type { SamlProviderConfig } from '../../config/provider-schema.ts';
import { instantOf } from './saml-assertion.ts';
import { childrenOf, parseXml } from './saml-envelope.ts';

/** What is known of an identity provider. */
export interface IdpKeys {
  readonly entityId: string;
  /** Where browsers are sent (HTTP-Redirect binding). */
  readonly entryPoint: string;
  /** PEM or base64, those whose signatures are believed. */
  readonly certificates: readonly string[];
}

const metadataNamespace = 'urn:oasis:names:tc:SAML:2.0:metadata';
const signatureNamespace = 'http://www.w3.org/2000/09/xmldsig#';
const redirect = 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect';
/** How long metadata from an address are used before they are fetched again. */
const metadataLifeMs = 3_600_000;
const maxMetadataLength = 1024 * 1024;

/** Reads the metadata of one identity provider (SAML metadata 2.0, section 2.4.3). @throws Error that says what is missing. */
export function parseIdpMetadata(xml: string, nowMs: number): IdpKeys {
  if (xml.length > maxMetadataLength) throw new Error('the metadata are too long');
  if (/<!(?!--)/.test(xml)) throw new Error('the metadata have a document type');
  const root = parseXml(xml).documentElement;
  if (root === null || root.namespaceURI !== metadataNamespace || root.localName !== 'EntityDescriptor')
    throw new Error('the metadata do not describe one entity');
  const end = root.getAttribute('validUntil');
  if (end !== null && end !== '' && (instantOf(end) ?? 0) <= nowMs) throw new Error(`the metadata ended at ${end}`);
  const [idp] = childrenOf(root, metadataNamespace, 'IDPSSODescriptor');
  if (idp === undefined) throw new Error('the metadata describe no identity provider');
  const certificates = childrenOf(idp, metadataNamespace, 'KeyDescriptor')
    .filter((key) => (key.getAttribute('use') ?? '') !== 'encryption')
    .flatMap((key) => [...key.getElementsByTagNameNS(signatureNamespace, 'X509Certificate')])
    .map((certificate) => (certificate.textContent ?? '').replace(/\s+/g, ''));
  const entryPoint = childrenOf(idp, metadataNamespace, 'SingleSignOnService')
    .find((service) => service.getAttribute('Binding') === redirect)
    ?.getAttribute('Location');
  const entityId = root.getAttribute('entityID');
  if (!entityId || !entryPoint || certificates.length === 0)
    throw new Error('the metadata lack an entity id, an address of the redirect binding or a certificate');
  if (!/^https?:\/\//.test(entryPoint)) throw new Error('the address in the metadata is none of the web');
  return { entityId, entryPoint, certificates };
}

/** What is known of a provider now: not older than `maxAgeMs` (default: an hour), as far as it can be asked. */
export type IdpKeysSource = (maxAgeMs?: number) => Promise<IdpKeys>;

/** Gives what is known of the provider: from the configuration, a file, or an address that is asked again each hour. `now` is milliseconds. */
export function createIdpKeys(config: SamlProviderConfig, now: () => number): IdpKeysSource {
  const { entityId, entryPoint, certificateFiles, metadataFile, metadataUrl } = config;
  if (metadataUrl !== undefined) return fromAddress(metadataUrl, now);
  // Read each time: whoever replaces the file means it, and sign-ins are rare.
  return async () => {
    if (metadataFile !== undefined) return parseIdpMetadata(await readFile(metadataFile, 'utf8'), now());
    const certificates = await Promise.all((certificateFiles ?? []).map((file) => readFile(file, 'utf8')));
    return { entityId: entityId ?? '', entryPoint: entryPoint ?? '', certificates };
  };
}

function fromAddress(address: string, now: () => number): IdpKeysSource {
  let last: { readonly keys: IdpKeys; readonly atMs: number } | undefined;
  return async (maxAgeMs = metadataLifeMs) => {
    if (last !== undefined && now() - last.atMs < maxAgeMs) return last.keys;
    try {
      const answer = await fetch(address, { signal: AbortSignal.timeout(10_000), redirect: 'error' });
      if (!answer.ok) throw new Error(`the metadata's address answers ${answer.status}`);
      last = { keys: parseIdpMetadata(await answer.text(), now()), atMs: now() };
    } catch (error) {
      // A day without an answer is more than an outage: a certificate may have been withdrawn meanwhile.
      if (last === undefined || now() - last.atMs > 24 * metadataLifeMs) throw error;
    }
    return last.keys;
  };
}

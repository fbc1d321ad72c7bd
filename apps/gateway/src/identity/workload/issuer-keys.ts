import type { WorkloadTrustDocument } from '@weir/policy';
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { z } from 'zod';
import { DocumentProblem, fetchJson } from './fetch-json.ts';

type Trust = WorkloadTrustDocument['spec'];

/** How long keys are used before they are read again, ms. What an issuer has withdrawn is accepted no longer than this. */
const maxAgeMs = 600_000;
/** A token with an unknown key makes them be read again, but not more often than this, ms. */
const cooldownMs = 30_000;
/** An issuer that does not answer is left alone for so long, ms. */
const failureMs = 5000;
/** Issuers remembered at most; rules name them, so there are few. */
const maxSources = 500;

const discoverySchema = z.object({ issuer: z.string(), jwks_uri: z.string() });
const keySetSchema = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).max(100) });

/** Public keys of issuers. */
export interface IssuerKeys {
  /** Finds keys for the tokens of a rule's issuer. It throws DocumentProblem, or a JOSEError when no key fits. */
  of(trust: Trust): JWTVerifyGetKey;
}

interface Source {
  readAtMs: number;
  keys: JWTVerifyGetKey | undefined;
  reading: Promise<JWTVerifyGetKey> | undefined;
  failed: { readonly atMs: number; readonly error: unknown } | undefined;
}

/** Makes the cache. Only addresses that rules name are asked, and what their discovery documents name on the same server. */
export function createIssuerKeys(parts: { readonly fetch: typeof fetch; readonly now: () => number }): IssuerKeys {
  const sources = new Map<string, Source>();
  const sourceOf = (trust: Trust): Source => {
    const key = `${trust.issuer} ${trust.jwksUri ?? ''}`;
    const known = sources.get(key);
    if (known !== undefined) return known;
    const source: Source = { readAtMs: 0, keys: undefined, reading: undefined, failed: undefined };
    const [oldest] = sources.keys();
    if (sources.size >= maxSources && oldest !== undefined) sources.delete(oldest);
    sources.set(key, source);
    return source;
  };
  const read = async (source: Source, trust: Trust): Promise<JWTVerifyGetKey> => {
    const { failed } = source;
    if (failed !== undefined && parts.now() - failed.atMs < failureMs) throw failed.error;
    source.reading ??= readKeys(trust, parts.fetch)
      .then((keys) => {
        source.keys = keys;
        source.readAtMs = parts.now();
        source.failed = undefined;
        return keys;
      })
      .catch((error: unknown) => {
        source.failed = { atMs: parts.now(), error };
        throw error;
      })
      .finally(() => {
        source.reading = undefined;
      });
    return source.reading;
  };
  return {
    of: (trust) => {
      if (trust.jwks !== undefined) return createLocalJWKSet(keySetSchema.parse(trust.jwks) as JSONWebKeySet);
      return async (header, token) => {
        const source = sourceOf(trust);
        const isFresh = parts.now() - source.readAtMs < maxAgeMs;
        const keys = source.keys !== undefined && isFresh ? source.keys : await read(source, trust);
        try {
          return await keys(header, token);
        } catch (error) {
          // The issuer may have a new key.
          const isNew = error instanceof errors.JWKSNoMatchingKey;
          if (!isNew || parts.now() - source.readAtMs < cooldownMs) throw error;
          return (await read(source, trust))(header, token);
        }
      };
    },
  };
}

async function readKeys(trust: Trust, fetchOf: typeof fetch): Promise<JWTVerifyGetKey> {
  const uri = trust.jwksUri ?? (await discover(trust.issuer, fetchOf));
  const parsed = keySetSchema.safeParse(await fetchJson(uri, fetchOf));
  if (!parsed.success) throw new DocumentProblem('the keys of the issuer are not in the form of RFC 7517');
  return createLocalJWKSet(parsed.data as JSONWebKeySet);
}

/** OpenID Connect Discovery 1.0 section 4. */
async function discover(issuer: string, fetchOf: typeof fetch): Promise<string> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const parsed = discoverySchema.safeParse(await fetchJson(url, fetchOf));
  if (!parsed.success) throw new DocumentProblem('the discovery document of the issuer names no keys');
  const { issuer: named, jwks_uri: uri } = parsed.data;
  if (named !== issuer) throw new DocumentProblem('the discovery document is of another issuer');
  if (!URL.canParse(uri) || new URL(uri).origin !== new URL(issuer).origin) {
    throw new DocumentProblem('the keys are on another server than the issuer; the rule can name it by "jwksUri"');
  }
  return uri;
}

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  type JWK,
  type JWTHeaderParameters,
  SignJWT,
  UnsecuredJWT,
} from 'jose';

/** An OpenID Connect issuer of tokens for jobs, such as CI systems and clusters have, on loopback. */
export interface WorkloadIssuer {
  readonly url: string;
  /** The public keys that it serves. */
  readonly keys: JWK[];
  /** Paths that were asked for. */
  readonly asked: string[];
  /** A token with these claims beside `iss`, `aud: weir`, `iat`, `exp` in five minutes and a new `jti`; undefined takes one away. */
  sign(claims: Readonly<Record<string, unknown>>, header?: Partial<JWTHeaderParameters>): Promise<string>;
  /** The same with a signature that proves nothing: none (`alg: none`), or by the public key as if it were a shared secret (HS256). */
  forge(claims: Readonly<Record<string, unknown>>, how: 'unsigned' | 'public-key-as-secret'): Promise<string>;
  /** A new key replaces the old one. */
  rotate(): Promise<void>;
  /** What it answers instead of its documents: by path, a status and a body. */
  readonly instead: Map<string, { readonly status: number; readonly body: string; readonly location?: string }>;
  /** Serves a path as a platform does that hands tokens to its jobs; GitHub's request service, for one. */
  readonly more: Map<string, (url: URL, headers: Readonly<Record<string, unknown>>) => Promise<object | undefined>>;
  close(): Promise<void>;
}

/** Starts one. */
export async function startWorkloadIssuer(now: () => number = Date.now): Promise<WorkloadIssuer> {
  const [keys, asked]: [JWK[], string[]] = [[], []];
  const instead: WorkloadIssuer['instead'] = new Map();
  const more: WorkloadIssuer['more'] = new Map();
  let signer: { readonly privateKey: Parameters<SignJWT['sign']>[0]; readonly kid: string } | undefined;
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', issuer.url);
    asked.push(url.pathname);
    const replaced = instead.get(url.pathname);
    if (replaced !== undefined) {
      const { location } = replaced;
      response.writeHead(replaced.status, location === undefined ? {} : { location }).end(replaced.body);
      return;
    }
    const answer = async (): Promise<object | undefined> => {
      const own = more.get(url.pathname);
      if (own !== undefined) return own(url, request.headers);
      if (url.pathname === '/jwks') return { keys };
      if (url.pathname === '/.well-known/openid-configuration')
        return { issuer: issuer.url, jwks_uri: `${issuer.url}/jwks`, id_token_signing_alg_values_supported: ['RS256'] };
      return undefined;
    };
    answer().then(
      (found) => response.writeHead(found === undefined ? 404 : 200).end(JSON.stringify(found ?? {})),
      () => response.writeHead(500).end(),
    );
  });
  const rotate = async (): Promise<void> => {
    const { privateKey, publicKey } = await generateKeyPair('RS256');
    const jwk = await exportJWK(publicKey);
    const kid = await calculateJwkThumbprint(jwk);
    keys.splice(0, keys.length, { ...jwk, kid, alg: 'RS256', use: 'sig' });
    signer = { privateKey, kid };
  };
  await rotate();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const payloadOf = (claims: Readonly<Record<string, unknown>>) => {
    const at = Math.floor(now() / 1000);
    return { iss: issuer.url, aud: 'weir', iat: at, exp: at + 300, jti: crypto.randomUUID(), ...claims };
  };
  const issuer: WorkloadIssuer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...{ keys, asked, instead, more, rotate },
    sign: (claims, header = {}) => {
      if (signer === undefined) throw new Error('the issuer has no key');
      return new SignJWT(payloadOf(claims))
        .setProtectedHeader({ alg: 'RS256', kid: signer.kid, ...header })
        .sign(signer.privateKey);
    },
    forge: async (claims, how) => {
      if (how === 'unsigned') return new UnsecuredJWT(payloadOf(claims)).encode();
      return new SignJWT(payloadOf(claims))
        .setProtectedHeader({ alg: 'HS256', kid: signer?.kid ?? '' })
        .sign(new TextEncoder().encode(JSON.stringify(keys[0])));
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return issuer;
}

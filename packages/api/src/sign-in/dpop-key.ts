/** A key that tokens are bound to (RFC 9449): whoever has the token alone cannot use it. */
export interface DpopKey {
  /** The private key as JWK, to be kept by its owner. */
  readonly privateJwk: DpopJwk;
  /** SHA-256 thumbprint of the public key (RFC 7638), base64url. */
  readonly thumbprint: string;
  /** Signs that this key's owner makes this very request now. `url` loses query and fragment. */
  prove(request: {
    readonly method: string;
    readonly url: string;
    readonly accessToken?: string;
    readonly nowMs: number;
  }): Promise<string>;
}

/** A P-256 private key as JWK. */
export interface DpopJwk {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly x: string;
  readonly y: string;
  readonly d: string;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** Makes a new key. */
export async function createDpopKey(): Promise<DpopKey> {
  const { privateKey } = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const { x = '', y = '', d = '' } = await crypto.subtle.exportKey('jwk', privateKey);
  return loadDpopKey({ kty: 'EC', crv: 'P-256', x, y, d });
}

/** Takes a stored key. @throws DOMException when it is no key. */
export async function loadDpopKey(privateJwk: DpopJwk): Promise<DpopKey> {
  const key = await crypto.subtle.importKey('jwk', { ...privateJwk }, algorithm, false, ['sign']);
  const { x, y } = privateJwk;
  const publicJwk = { crv: 'P-256', kty: 'EC', x, y };
  return {
    privateJwk,
    thumbprint: await sha256(JSON.stringify(publicJwk)),
    prove: async ({ method, url, accessToken, nowMs }) => {
      const target = new URL(url);
      const payload = {
        jti: crypto.randomUUID(),
        htm: method,
        htu: `${target.origin}${target.pathname}`,
        iat: Math.floor(nowMs / 1000),
        ...(accessToken === undefined ? {} : { ath: await sha256(accessToken) }),
      };
      const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: publicJwk };
      const text = `${encode(JSON.stringify(header))}.${encode(JSON.stringify(payload))}`;
      const signature = await crypto.subtle.sign(algorithm, key, new TextEncoder().encode(text));
      return `${text}.${Buffer.from(signature).toString('base64url')}`;
    },
  };
}

/** SHA-256 of a text, base64url. */
export async function sha256(text: string): Promise<string> {
  return Buffer.from(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))).toString('base64url');
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64url');
}

import { WeirError } from '@weir/errors';
import { z } from 'zod';
import { errorOf, fetchFrom, patiently, readJson } from '../transport.ts';
import { discover, type ServerMetadata, type Tokens } from './authorization-server.ts';
import { beginCodeFlow } from './code-flow.ts';
import type { DpopKey } from './dpop-key.ts';

const pageSchema = z.object({ csrf: z.string() });
const doneSchema = z.object({ location: z.string() });
/** Nothing listens there: this program reads the code from the redirection itself. */
const redirectUri = 'http://127.0.0.1/callback';

/**
 * Signs a local account in without a browser: the code flow, with this program as the browser and the sign-in page's JSON form.
 * @throws WeirError wrong_password, too_many_attempts, gateway_unavailable
 */
export async function signInWithPassword(
  gateway: string,
  account: { readonly user: string; readonly password: string },
  key: DpopKey,
  fetchOf = fetch,
): Promise<{ metadata: ServerMetadata; tokens: Tokens }> {
  const metadata = await discover(gateway, fetchOf);
  const flow = await beginCodeFlow(metadata, key, redirectUri, fetchOf);
  const agent = createUserAgent(gateway, fetchOf);
  const page = await agent.redirectionOf(flow.url);
  const { csrf } = await readJson(await agent.send(page), pageSchema);
  const form = { ...account, csrf };
  const { location } = await readJson(
    await agent.send(page, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(form),
    }),
    doneSchema,
  );
  return { metadata, tokens: await flow.finish(await agent.redirectionOf(new URL(location, gateway).href)) };
}

/** As much of a browser as the flow needs: cookies with their paths, of one server alone. */
function createUserAgent(gateway: string, fetchOf: typeof fetch) {
  const cookies = new Map<string, { value: string; path: string }>();
  const request = async (url: string | URL, init: RequestInit = {}): Promise<Response> => {
    const { origin, pathname } = new URL(url);
    if (origin !== new URL(gateway).origin) {
      throw new WeirError('protocol_violation', `The gateway led to another server: ${origin}`);
    }
    const cookie = [...cookies]
      .filter(([, { path }]) => pathname.startsWith(path))
      .map(([name, { value }]) => `${name}=${value}`)
      .join('; ');
    const headers = { accept: 'application/json', cookie, ...(init.headers as Record<string, string>) };
    const response = await patiently(() =>
      fetchFrom(gateway, String(url), { ...init, headers, redirect: 'manual' }, fetchOf),
    );
    for (const line of response.headers.getSetCookie()) {
      const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
      const at = pair.indexOf('=');
      const path = attributes.find((part) => /^path=/i.test(part))?.slice(5) ?? '/';
      cookies.set(pair.slice(0, at), { value: pair.slice(at + 1), path });
    }
    return response;
  };
  return {
    /** @throws WeirError of the answer when it is no success. */
    send: async (url: string | URL, init?: RequestInit): Promise<Response> => {
      const response = await request(url, init);
      if (!response.ok) throw await errorOf(response);
      return response;
    },
    redirectionOf: async (url: string): Promise<URL> => {
      const response = await request(url);
      const location = response.headers.get('location');
      if (response.status < 300 || response.status > 399 || location === null) throw await errorOf(response);
      await response.arrayBuffer();
      return new URL(location, url);
    },
  };
}

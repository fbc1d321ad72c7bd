import { beginCodeFlow, createDpopKey, discover, type ServerMetadata } from '@weir/api';
import { expect, test } from 'vitest';

const gateway = 'https://weir.example.com';
const metadata: ServerMetadata = {
  issuer: gateway,
  authorization_endpoint: `${gateway}/oauth/auth`,
  token_endpoint: `${gateway}/oauth/token`,
  revocation_endpoint: `${gateway}/oauth/revoke`,
  device_authorization_endpoint: `${gateway}/oauth/device/auth`,
};
/** Nobody must be asked anything. */
const noFetch: typeof fetch = async (url) => {
  throw new Error(`asked ${String(url)}`);
};
const redirect = 'http://127.0.0.1:5/callback';

test.each<[string, (state: string) => Record<string, string>, string]>([
  ['of another sign-in: its code would sign the person in as somebody else', () => ({ state: 'other' }), 'state'],
  ['without state', () => ({ state: '' }), 'state'],
  ['of another server (RFC 9207)', (state) => ({ state, iss: 'https://evil.example' }), 'issuer'],
  ['that does not say whose it is', (state) => ({ state, iss: '' }), 'issuer'],
])('an answer %s is thrown away, and its code goes nowhere', async (_, change) => {
  const flow = await beginCodeFlow(metadata, await createDpopKey(), redirect, noFetch);
  const state = new URL(flow.url).searchParams.get('state') ?? '';
  const answer = Object.entries({ code: 'a-code', iss: gateway, ...change(state) }).filter(([, value]) => value !== '');
  const arrived = new URL(`${redirect}?${new URLSearchParams(answer)}`);
  await expect(flow.finish(arrived)).rejects.toMatchObject({ code: 'not_permitted' });
});

test('each sign-in has its own state, verifier and key', async () => {
  const key = await createDpopKey();
  const flows = [await beginCodeFlow(metadata, key, redirect), await beginCodeFlow(metadata, key, redirect)];
  const [one, other] = flows.map(({ url }) => new URL(url).searchParams);
  for (const name of ['state', 'code_challenge']) expect(one?.get(name)).not.toBe(other?.get(name));
  expect([one?.get('code_challenge_method'), one?.get('dpop_jkt')]).toEqual(['S256', key.thumbprint]);
});

test.each<[string, Partial<ServerMetadata>]>([
  ['names another issuer', { issuer: 'https://evil.example' }],
  ['sends codes elsewhere', { token_endpoint: 'https://evil.example/oauth/token' }],
  ['sends people elsewhere', { authorization_endpoint: 'https://weir.example.com.evil.example/oauth/auth' }],
])('a gateway that %s is not used', async (_, change) => {
  const answer: typeof fetch = async () => Response.json({ ...metadata, ...change });
  await expect(discover(gateway, answer)).rejects.toMatchObject({ code: 'invalid_request' });
});

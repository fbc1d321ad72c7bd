import { createDpopKey, refresh, revokeTokens, signInWithPassword } from '@weir/api';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { failure, password, startTestGateway, type TestGateway } from './fixture/test-gateway.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(() => gateway.close());

const api = () => gateway.gateway.addresses.api;
const signIn = async (user = 'alice') => {
  const key = await createDpopKey();
  return { key, ...(await signInWithPassword(api(), { user, password }, key)) };
};

test('the code flow gives a short token that is bound to a key and to this API', async () => {
  const { key, tokens, metadata } = await signIn();
  const claims = decodeJwt(tokens.accessToken);
  expect(decodeProtectedHeader(tokens.accessToken)).toMatchObject({ alg: 'ES256', typ: 'at+jwt' });
  expect(claims).toMatchObject({
    iss: metadata.issuer,
    aud: `${metadata.issuer}/api`,
    scope: 'api',
    client_id: 'weir-cli',
    cnf: { jkt: key.thumbprint },
  });
  expect(Number(claims.exp) - Number(claims.iat)).toBe(600);
  expect(JSON.stringify(claims)).not.toContain('alice');
});

test('a client that knows the address alone finds out how to sign in', async () => {
  const refused = await fetch(`${api()}/api/v1/connections`);
  expect(refused.status).toBe(401);
  const challenge = refused.headers.get('www-authenticate') ?? '';
  expect(challenge).toMatch(/^DPoP algs="ES256", resource_metadata="http[^"]+"$/);
  const resource = await fetch(/resource_metadata="([^"]+)"/.exec(challenge)?.[1] ?? '');
  const { authorization_servers: [issuer = ''] = [], ...rest } = (await resource.json()) as {
    authorization_servers?: string[];
  };
  expect(rest).toMatchObject({ resource: `${issuer}/api`, dpop_bound_access_tokens_required: true });
  const server = await fetch(`${issuer}/.well-known/oauth-authorization-server`);
  expect(await server.json()).toMatchObject({ issuer, code_challenge_methods_supported: ['S256'] });
});

test('a wrong password is answered as such', async () => {
  const key = await createDpopKey();
  const error = await failure(signInWithPassword(api(), { user: 'bob', password: 'wrong' }, key));
  expect(error).toMatchObject({ code: 'wrong_password' });
});

test('a refresh token gives the next tokens once; a second use ends the sign-in', async () => {
  const { key, tokens, metadata } = await signIn();
  const second = await refresh(metadata, tokens, key);
  const third = await refresh(metadata, second, key);
  expect(third.accessToken).not.toBe(second.accessToken);
  expect((await failure(refresh(metadata, second, key))).code).toBe('sign_in_required');
  expect((await failure(refresh(metadata, third, key))).code).toBe('sign_in_required');
});

test('two uses of one refresh token at once end the sign-in', async () => {
  const { key, tokens, metadata } = await signIn();
  const results = await Promise.allSettled([refresh(metadata, tokens, key), refresh(metadata, tokens, key)]);
  expect(results.filter(({ status }) => status === 'rejected').length).toBeGreaterThanOrEqual(1);
  for (const result of results) {
    if (result.status === 'fulfilled')
      expect((await failure(refresh(metadata, result.value, key))).code).toBe('sign_in_required');
  }
});

test('revocation ends it', async () => {
  const { key, tokens, metadata } = await signIn();
  await revokeTokens(metadata, tokens);
  expect((await failure(refresh(metadata, tokens, key))).code).toBe('sign_in_required');
});

import { createTokenHolder, refresh, revokeTokens } from '@weir/api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { failure, type Holder, password, startTestGateway, type TestGateway } from './fixture/test-gateway.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(() => gateway.close());

const auditOf = async (action: string) => (await gateway.as('admin')).listAuditEvents({ action, limit: 1000 });

describe('sign-in', () => {
  test('gives a token that says who one is', async () => {
    const { expiresAt, ...rest } = await gateway.withToken(await gateway.signIn('alice')).whoami();
    expect(rest).toEqual({ user: 'alice', groups: ['developers'], roles: [], mfaAt: null });
    expect(Date.parse(expiresAt) - Date.now()).toBeGreaterThan(11 * 3_600_000);
  });

  test('names the roles, approver among them', async () => {
    expect((await (await gateway.as('bob')).whoami()).roles).toEqual(['approver']);
    expect((await (await gateway.as('audrey')).whoami()).roles).toEqual(['auditor']);
  });

  test.each([
    ['a wrong password', 'alice'],
    ['an unknown user', 'nobody'],
  ])('%s gets the same answer and an audit event', async (_name, user) => {
    const error = await failure(gateway.signIn(user, 'wrong'));
    expect(error).toMatchObject({ code: 'wrong_password', message: 'Name or password is wrong.' });
    expect((await auditOf('login-failed')).at(-1)).toMatchObject({ actor: user, detail: { code: 'wrong_password' } });
  });

  test('guessing is slowed down, also when all guesses come at once, and other users are not locked out', async () => {
    const guesses = Array.from({ length: 12 }, () => failure(gateway.signIn('dave', 'guess')));
    const codes = (await Promise.all(guesses)).map((error) => error.code);
    expect(codes.filter((code) => code === 'wrong_password')).toHaveLength(5);
    expect(codes.filter((code) => code === 'too_many_attempts')).toHaveLength(7);
    expect((await failure(gateway.signIn('dave'))).code).toBe('too_many_attempts');
    await gateway.signIn('carol');
    gateway.advance(61_000);
    await gateway.signIn('dave');
  });

  test.each([
    ['no token', undefined],
    ['an unknown token', 'x'.repeat(43)],
    ['a token that is no token', 'a b;c'],
  ])('%s is refused', async (_name, token) => {
    const client = token === undefined ? gateway.anonymous() : gateway.withToken(token);
    expect((await failure(client.whoami())).code).toBe('sign_in_required');
  });

  test('a token ends with logout', async () => {
    const token = await gateway.signIn('alice');
    await gateway.withToken(token).logout();
    expect((await failure(gateway.withToken(token).whoami())).code).toBe('sign_in_required');
  });

  test.each<[string, (holder: Holder) => Promise<unknown>]>([
    ['logout', (holder) => gateway.withToken(holder).logout()],
    ['the revocation endpoint', ({ metadata, tokens }) => revokeTokens(metadata, tokens)],
    [
      'a refresh token that comes twice',
      async ({ metadata, tokens, key }) => {
        await refresh(metadata, tokens, key);
        await failure(refresh(metadata, tokens, key));
      },
    ],
    ['a new password', async () => (await gateway.as('admin')).putUser('greg', { password })],
    ['the account, disabled', async () => (await gateway.as('admin')).putUser('greg', { disabled: true })],
  ])('what it opened ends with it: %s', async (way, end) => {
    const admin = await gateway.as('admin');
    await admin.putUser('greg', { password, groups: ['developers'], disabled: false });
    const [holder, other] = [await gateway.signIn('greg'), await gateway.signIn('greg')];
    const [session, othersSession] = [
      await gateway.withToken(holder).openSession({ connection: 'shop' }),
      await gateway.withToken(other).openSession({ connection: 'shop' }),
    ];
    await end(holder);
    expect(gateway.dataPlane.controlPlane.findByLogin(session.user)).toBeNull();
    const reason = way.startsWith('the account') ? 'the account is disabled' : 'the sign-in that opened it was ended';
    expect(gateway.dataPlane.killed.get(session.id)).toBe(reason);
    expect(gateway.dataPlane.killed.has(othersSession.id)).toBe(/password|account/.test(way));
    expect((await failure(gateway.withToken(holder).whoami())).code).toBe('sign_in_required');
  });

  test.each([
    [-59, true],
    [59, true],
    [-62, false],
    [62, false],
  ])('a clock that is %i s off is accepted: %s', async (seconds, isAccepted) => {
    const { tokens, key } = await gateway.signIn('alice');
    const now = () => gateway.now() + seconds * 1000;
    const skewed = createTokenHolder({
      key,
      tokens: { ...tokens, refreshToken: null },
      renew: async () => tokens,
      now,
    });
    // Proofs of the first minute could be copies of those that a gateway before this one has seen.
    gateway.advance(60_000);
    const answer = await gateway
      .withToken(skewed)
      .whoami()
      .catch((error: unknown) => error);
    if (isAccepted) expect(answer).toMatchObject({ user: 'alice' });
    else expect(answer).toMatchObject({ code: 'sign_in_required', fix: expect.stringContaining('clock') });
  });

  test('a sign-in ends after twelve hours, however often its tokens were renewed', async () => {
    const token = await gateway.signIn('alice');
    gateway.advance(11.9 * 3_600_000);
    await gateway.withToken(token).whoami();
    gateway.advance(0.2 * 3_600_000);
    expect((await failure(gateway.withToken(token).whoami())).code).toBe('sign_in_required');
    gateway.advance(-12.1 * 3_600_000);
  });

  test('neither passwords nor tokens reach log or store', async () => {
    const token = await gateway.signIn('alice');
    await gateway.withToken(token).whoami();
    expect(gateway.logLines.join('')).not.toContain(password);
    const { accessToken, refreshToken } = token.tokens;
    for (const secret of [accessToken, String(refreshToken), String(token.key.privateJwk.d)]) {
      expect(gateway.logLines.join('')).not.toContain(secret);
      expect(JSON.stringify(await auditOf('login'))).not.toContain(secret);
    }
  });
});

describe('accounts', () => {
  test('disabling one ends its tokens and sessions at once', async () => {
    const admin = await gateway.as('admin');
    await admin.putUser('erin', { password, groups: ['developers'] });
    const token = await gateway.signIn('erin');
    const session = await gateway.withToken(token).openSession({ connection: 'shop' });
    await admin.putUser('erin', { disabled: true });
    expect((await failure(gateway.withToken(token).whoami())).code).toBe('sign_in_required');
    expect((await failure(gateway.signIn('erin'))).code).toBe('wrong_password');
    expect(gateway.dataPlane.killed.get(session.id)).toBe('the account is disabled');
    expect(gateway.dataPlane.controlPlane.findByLogin(session.user)).toBeNull();
  });

  test('leaving the group ends the sessions that it allowed', async () => {
    const admin = await gateway.as('admin');
    await admin.putUser('frank', { password, groups: ['developers'] });
    const token = await gateway.signIn('frank');
    const session = await gateway.withToken(token).openSession({ connection: 'shop' });
    await admin.putUser('frank', { groups: [] });
    expect(gateway.dataPlane.killed.get(session.id)).toContain('the account changed');
  });

  test('a new password ends what the old one opened, also a sign-in under way', async () => {
    const admin = await gateway.as('admin');
    await admin.putUser('henry', { password });
    for (let round = 0; round < 5; round++) {
      const logins = [0, 1, 2].map(() => gateway.signIn('henry'));
      const settled = Promise.allSettled(logins);
      await admin.putUser('henry', { password: 'another password' });
      for (const result of await settled) {
        if (result.status === 'rejected') continue;
        expect((await failure(gateway.withToken(result.value).whoami())).code).toBe('sign_in_required');
      }
      await admin.putUser('henry', { password });
      gateway.advance(61_000);
    }
  });

  test('a new one needs a password', async () => {
    const error = await failure((await gateway.as('admin')).putUser('gina', { groups: [] }));
    expect(error.code).toBe('invalid_request');
  });
});

import { randomBytes } from 'node:crypto';
import {
  generateAuthenticationOptions,
  generateRegistrationOptions,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server';
import { isWeirError, WeirError } from '@weir/errors';
import type { AuditLog } from '../../audit/audit-log.ts';
import type { Log } from '../../log/create-log.ts';
import type { Challenge, PasskeyRepository, PasskeyRow } from '../../store/passkeys.ts';
import type { UserRepository, UserRow } from '../../store/users.ts';
import { type Assertion, readAssertion, readRegistration } from './passkey-answer.ts';
import { relyingPartyOf } from './relying-party.ts';

/** Passkeys of accounts. Each use verifies the person (by PIN, finger or face), so one is two factors. */
export interface Passkeys {
  list(userId: string): Promise<PasskeyRow[]>;
  /** Options of `navigator.credentials.create()`, as JSON. */
  registrationOptions(user: Pick<UserRow, 'id' | 'name' | 'display_name'>, browser: string): Promise<object>;
  /** @throws WeirError sign_in_required, conflict, invalid_request. */
  register(user: Pick<UserRow, 'id' | 'name'>, browser: string, answer: NewPasskeyAnswer): Promise<void>;
  /** @throws WeirError not_found when the account has no such passkey. */
  remove(user: Pick<UserRow, 'id' | 'name'>, id: string): Promise<void>;
  /** Takes all passkeys of an account, for somebody who has lost them. */
  reset(user: Pick<UserRow, 'id' | 'name'>, by: string): Promise<void>;
  /** Options of `navigator.credentials.get()`, as JSON. Without a user, any passkey of this gateway answers. */
  assertionOptions(wanted: Challenge): Promise<object>;
  /** Checks an answer to a challenge that was given out for exactly this. @throws WeirError sign_in_required. */
  assert(text: string, wanted: Challenge, address: string): Promise<Asserted>;
}

/** What a registration form brings. */
export interface NewPasskeyAnswer {
  readonly name: string;
  readonly answer: string;
  readonly address: string;
}

/** Who has used which passkey. */
export interface Asserted {
  readonly user: UserRow;
  readonly passkey: PasskeyRow;
  /** RFC 8176. */
  readonly amr: readonly string[];
  /** The moment before the account was read. */
  readonly atMs: number;
}

/** What it stands on. */
export interface PasskeyParts {
  readonly passkeys: PasskeyRepository;
  readonly users: Pick<UserRepository, 'findById'>;
  readonly issuer: () => string;
  readonly audit: AuditLog;
  readonly log: Log;
  readonly now: () => number;
}

/** Time for an answer. */
const challengeLifeMs = 300_000;
/** EdDSA, ES256 and RS256 (COSE). */
const algorithms = [-8, -7, -257];
/** Passkeys of one account at most. */
const maxPasskeys = 20;

/** Makes the use-cases. */
export function createPasskeys(parts: PasskeyParts): Passkeys {
  const { passkeys, audit, issuer, now } = parts;
  const give = async (challenge: Challenge): Promise<string> => {
    const text = randomBytes(32).toString('base64url');
    const at = now();
    const times = { now: new Date(at), expiresAt: new Date(at + challengeLifeMs) };
    await passkeys.insertChallenge(text, challenge, times);
    return text;
  };
  return {
    list: (userId) => passkeys.listByUser(userId),
    registrationOptions: async (user, browser) => {
      const { id } = relyingPartyOf(issuer());
      const known = await passkeys.listByUser(user.id);
      const challenge = await give({ purpose: 'register', userId: user.id, subject: browser });
      return generateRegistrationOptions({
        ...{ rpName: 'Weir', rpID: id, userName: user.name, userDisplayName: user.display_name ?? user.name },
        userID: new Uint8Array(Buffer.from(user.id)),
        challenge: new Uint8Array(Buffer.from(challenge, 'base64url')),
        timeout: challengeLifeMs,
        excludeCredentials: known.map((passkey) => ({ id: passkey.id })),
        supportedAlgorithmIDs: algorithms,
        authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      });
    },
    register: (user, browser, answer) => register(parts, user, browser, answer),
    remove: async (user, id) => {
      const known = await passkeys.find(id);
      if (known?.user_id !== user.id) throw new WeirError('not_found', 'You have no such passkey.');
      const detail = { before: { name: known.name }, after: null };
      await audit.append({ actor: user.name, action: 'passkey-removed', subject: user.name, detail });
      await passkeys.delete(id);
    },
    reset: async (user, by) => {
      const names = (await passkeys.listByUser(user.id)).map(({ name }) => name);
      const detail = { before: { passkeys: names }, after: { passkeys: [] } };
      await audit.append({ actor: by, action: 'passkeys-reset', subject: user.name, detail });
      await passkeys.deleteByUser(user.id);
    },
    assertionOptions: async (wanted) => {
      const { id } = relyingPartyOf(issuer());
      const known = wanted.userId === null ? [] : await passkeys.listByUser(wanted.userId);
      const challenge = await give(wanted);
      return generateAuthenticationOptions({
        rpID: id,
        challenge: new Uint8Array(Buffer.from(challenge, 'base64url')),
        timeout: challengeLifeMs,
        userVerification: 'required',
        ...(known.length === 0 ? {} : { allowCredentials: known.map((passkey) => ({ id: passkey.id })) }),
      });
    },
    assert: async (text, wanted, address) => {
      const answer = readAssertion(text);
      try {
        return await assert(parts, answer, wanted);
      } catch (error) {
        if (!isWeirError(error)) throw error;
        const known = await passkeys.find(answer.id);
        const owner = known && (await parts.users.findById(known.user_id))?.name;
        const detail = { address, purpose: wanted.purpose, why: error.why ?? '' };
        audit.later({ actor: owner ?? 'unknown', action: 'passkey-refused', subject: owner ?? 'unknown', detail });
        throw error;
      }
    },
  };
}

async function register(
  { passkeys, audit, issuer, now }: PasskeyParts,
  user: Pick<UserRow, 'id' | 'name'>,
  browser: string,
  { name, answer, address }: NewPasskeyAnswer,
): Promise<void> {
  const { id: expectedRPID, origin: expectedOrigin } = relyingPartyOf(issuer());
  const held = await passkeys.listByUser(user.id);
  if (held.length >= maxPasskeys) throw new WeirError('conflict', `You have ${maxPasskeys} passkeys already.`);
  const response = readRegistration(answer);
  const isOurs = taker(passkeys, { purpose: 'register', userId: user.id, subject: browser }, now);
  const result = await checked(() =>
    verifyRegistrationResponse({
      ...{ response: response as never, expectedChallenge: isOurs, expectedOrigin, expectedRPID },
      requireUserVerification: true,
      supportedAlgorithmIDs: algorithms,
    }),
  );
  if (!result.verified) throw refused('Its answer is wrong.');
  const { credential, credentialBackedUp } = result.registrationInfo;
  const detail = { address, before: null, after: { name, backedUp: credentialBackedUp } };
  await audit.append({ actor: user.name, action: 'passkey-added', subject: user.name, detail });
  const isNew = await passkeys.insert({
    ...{ id: credential.id, user_id: user.id, name, counter: credential.counter, backed_up: credentialBackedUp },
    public_key: Buffer.from(credential.publicKey),
    transports: response.response.transports ?? [],
  });
  if (!isNew) throw new WeirError('conflict', 'This passkey is registered already.');
}

async function assert(parts: PasskeyParts, answer: Assertion, wanted: Challenge): Promise<Asserted> {
  const { passkeys, users, issuer, audit, log, now } = parts;
  const { id: expectedRPID, origin: expectedOrigin } = relyingPartyOf(issuer());
  const atMs = now();
  const passkey = await passkeys.find(answer.id);
  const user = passkey && (await users.findById(passkey.user_id));
  const isOurs = taker(passkeys, wanted, now);
  // The counter is compared below, where a copy can be told from an error.
  const credential = {
    id: answer.id,
    publicKey: new Uint8Array(passkey?.public_key ?? Buffer.alloc(0)),
    counter: 0,
  };
  if (passkey === undefined || user === undefined) throw refused('It is not known here.');
  const { verified, authenticationInfo } = await checked(() =>
    verifyAuthenticationResponse({
      ...{ response: answer as never, expectedChallenge: isOurs, expectedOrigin, expectedRPID, credential },
      requireUserVerification: true,
    }),
  );
  if (!verified) throw refused('Its signature is wrong.');
  if (wanted.userId !== null && wanted.userId !== user.id) throw refused('It belongs to another account.');
  const { userHandle } = answer.response;
  if (userHandle !== undefined && Buffer.from(userHandle, 'base64url').toString('utf8') !== user.id)
    throw refused('It belongs to another account.');
  if (passkey.locked_at !== null) throw refused('It is locked, because a copy of it was used.');
  if (user.disabled) throw refused('The account is disabled.');
  const { newCounter } = authenticationInfo;
  if (!(await passkeys.used(passkey.id, newCounter, new Date(atMs)))) {
    await passkeys.lock(passkey.id, new Date(atMs));
    const detail = { passkey: passkey.name, counter: newCounter, before: Number(passkey.counter) };
    log.warn('a passkey seems to be copied', { user: user.name });
    await audit.append({ actor: user.name, action: 'passkey-copy-suspected', subject: user.name, detail });
    throw refused('Its counter went back: a copy of it was used. It is locked now.');
  }
  return { user, passkey, amr: [passkey.backed_up ? 'swk' : 'hwk', 'user', 'mfa'], atMs };
}

/** Takes a challenge when it was given out for exactly this, once. */
function taker(passkeys: PasskeyRepository, wanted: Challenge, now: () => number) {
  return async (challenge: string): Promise<boolean> => {
    const found = await passkeys.takeChallenge(challenge, wanted.purpose, new Date(now()));
    return found !== undefined && found.userId === wanted.userId && found.subject === wanted.subject;
  };
}

/** What the library throws is a refusal, with its sentence. */
async function checked<R>(verify: () => Promise<R>): Promise<R> {
  try {
    return await verify();
  } catch (cause) {
    throw refused(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function refused(why: string, cause?: unknown): WeirError {
  return new WeirError('sign_in_required', 'The passkey was not accepted.', {
    why,
    fix: 'Open the page again and use a passkey that you have added at this address.',
    cause,
  });
}

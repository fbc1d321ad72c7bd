import { createHash, randomBytes } from 'node:crypto';
import type { LoginRequest, LoginResponse } from '@weir/api';
import { WeirError } from '@weir/errors';
import type { TokenRow, UserRow } from '../store/users.ts';
import { type AccountParts, type Accounts, createAccounts, type NewUser } from './accounts/accounts.ts';
import type { Caller } from './caller.ts';
import type { PasswordSignIn } from './check-password.ts';
import { effectiveRoles } from './effective-roles.ts';

/** Life of a token. */
const tokenLifeMs = 12 * 3_600_000;

/** Accounts and their tokens. */
export interface Identity {
  /** @throws WeirError wrong_password, too_many_attempts. */
  login(request: LoginRequest, address: string): Promise<LoginResponse>;
  /** A token for somebody who has proved who he is, with a second factor or by a passkey when `mfa`. @throws WeirError sign_in_required when the account was disabled meanwhile. */
  issue(
    user: UserRow,
    how: { readonly address: string; readonly by: string; readonly mfa: boolean },
  ): Promise<LoginResponse>;
  /** `address` is where the request came from. @throws WeirError sign_in_required. */
  authenticate(token: string, address?: string): Promise<Caller>;
  /** The caller has used a second factor now. */
  steppedUp(tokenId: string): Promise<void>;
  logout(caller: Caller): Promise<void>;
  /** Adds an account at start if its name is free. */
  ensureUser(user: NewUser): Promise<void>;
  readonly accounts: Accounts;
  /** Told after each change of an account, before the change is answered. */
  onChange(listener: (user: UserRow) => Promise<void>): void;
}

/** What identity stands on. */
export interface IdentityParts extends AccountParts {
  readonly checkPassword: PasswordSignIn;
  readonly now: () => number;
}

/** Makes the use-cases. */
export function createIdentity(parts: IdentityParts): Identity {
  const { users, audit, now } = parts;
  const accounts = createAccounts(parts);
  return {
    login: (request, address) => login(parts, request, address),
    issue: async (user, how) => {
      const answer = await issue(parts, user, how);
      if (answer !== undefined) return answer;
      throw new WeirError('sign_in_required', 'The account changed while you were signing in.');
    },
    authenticate: async (token, address) => {
      const found = await users.findByToken(hashToken(token), new Date(now()));
      if (found !== undefined) return callerOf(parts, found, { tokenId: tokenIdOf(token), address });
      throw new WeirError('sign_in_required', 'You are not signed in.', { why: 'The token is unknown or has ended.' });
    },
    steppedUp: (tokenId) => users.markToken(Buffer.from(tokenId, 'hex'), new Date(now())),
    logout: async (caller) => {
      await users.deleteToken(Buffer.from(caller.tokenId, 'hex'));
      await audit.append({ actor: caller.name, action: 'logout', subject: caller.name });
    },
    ensureUser: (user) => accounts.ensure(user),
    accounts,
    onChange: (listener) => accounts.changes.onChange(listener),
  };
}

function callerOf(
  { roleGroups }: IdentityParts,
  { user, createdAt, expiresAt, mfaAt }: TokenRow,
  { tokenId, address }: { readonly tokenId: string; readonly address: string | undefined },
): Caller {
  return {
    ...{ id: user.id, name: user.name, kind: 'person', personId: user.person_id, tokenId, expiresAt },
    groups: user.groups,
    roles: effectiveRoles(user, roleGroups),
    authTimeMs: createdAt.getTime(),
    mfaAtMs: mfaAt?.getTime() ?? null,
    clientAddress: address ?? null,
  };
}

async function login(parts: IdentityParts, request: LoginRequest, address: string): Promise<LoginResponse> {
  const { user } = await parts.checkPassword(request, address);
  const answer = await issue(parts, user, { address, by: 'password', mfa: false });
  if (answer !== undefined) return answer;
  throw new WeirError('wrong_password', 'Name or password is wrong.');
}

async function issue(
  { users, audit, now }: IdentityParts,
  user: UserRow,
  { address, by, mfa }: { readonly address: string; readonly by: string; readonly mfa: boolean },
): Promise<LoginResponse | undefined> {
  const token = randomBytes(32).toString('base64url');
  const at = new Date(now());
  const expiresAt = new Date(at.getTime() + tokenLifeMs);
  await audit.append({ actor: user.name, action: 'login', subject: user.name, detail: { address, by } });
  if (!(await users.insertToken(hashToken(token), user, { at, expiresAt, mfaAt: mfa ? at : null }))) return undefined;
  await users.signedIn(user.id, at);
  return { token, expiresAt: expiresAt.toISOString(), user: user.name, groups: user.groups };
}

function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

function tokenIdOf(token: string): string {
  return hashToken(token).toString('hex');
}

import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { LoginRequest, LoginResponse, PutUserRequest, User } from '@weir/api';
import { WeirError } from '@weir/errors';
import type { AuditLog } from '../audit/audit-log.ts';
import type { UserChange, UserRepository, UserRow } from '../store/users.ts';
import { type Caller, rolesOf } from './caller.ts';
import type { LoginThrottle } from './login-throttle.ts';
import type { PasswordChecker } from './passwords.ts';

/** Life of a token. */
const tokenLifeMs = 12 * 3_600_000;

/** A new account. */
export interface NewUser {
  readonly name: string;
  readonly password: string;
  readonly groups: readonly string[];
  readonly roles: readonly string[];
}

/** Local accounts and their tokens. */
export interface Identity {
  /** @throws WeirError wrong_password, too_many_attempts. */
  login(request: LoginRequest, address: string): Promise<LoginResponse>;
  /** @throws WeirError sign_in_required. */
  authenticate(token: string): Promise<Caller>;
  logout(caller: Caller): Promise<void>;
  /** Adds an account at start if its name is free. */
  ensureUser(user: NewUser): Promise<void>;
  listUsers(): Promise<User[]>;
  /** Adds or changes an account. Disabling it and a new password end its tokens. */
  putUser(name: string, request: PutUserRequest, by: string): Promise<User>;
  /** Told after each change of an account, before the change is answered. */
  onChange(listener: (user: UserRow) => Promise<void>): void;
}

/** What identity stands on. */
export interface IdentityParts {
  readonly users: UserRepository;
  readonly passwords: PasswordChecker;
  readonly throttle: LoginThrottle;
  readonly audit: AuditLog;
  readonly now: () => number;
}

/** Makes the use-cases. */
export function createIdentity(parts: IdentityParts): Identity {
  const { users, audit, now } = parts;
  const listeners: ((user: UserRow) => Promise<void>)[] = [];
  return {
    login: (request, address) => login(parts, request, address),
    authenticate: async (token) => {
      const tokenHash = hashToken(token);
      const found = await users.findByToken(tokenHash, new Date(now()));
      if (found === undefined) {
        throw new WeirError('sign_in_required', 'You are not signed in.', {
          why: 'The token is unknown or has ended.',
        });
      }
      const { user, expiresAt } = found;
      return { id: user.id, name: user.name, groups: user.groups, roles: rolesOf(user), tokenHash, expiresAt };
    },
    logout: async (caller) => {
      await users.deleteToken(caller.tokenHash);
      await audit.append({ actor: caller.name, action: 'logout', subject: caller.name });
    },
    ensureUser: async (user) => {
      if ((await users.findByName(user.name)) !== undefined) return;
      await insertUser(parts, user, 'bootstrap');
    },
    listUsers: async () => (await users.list()).map(viewOf),
    putUser: async (name, request, by) => {
      const changed = await changeUser(parts, name, request, by);
      for (const listener of listeners) await listener(changed);
      return viewOf(changed);
    },
    onChange: (listener) => {
      listeners.push(listener);
    },
  };
}

async function login(parts: IdentityParts, request: LoginRequest, address: string): Promise<LoginResponse> {
  const { users, passwords, throttle, audit, now } = parts;
  const failed = (code: string) =>
    audit.append({ actor: request.user, action: 'login-failed', subject: request.user, detail: { address, code } });
  try {
    throttle.attempt(request.user, address);
  } catch (error) {
    await failed('too_many_attempts');
    throw error;
  }
  const user = await users.findByName(request.user);
  const isRight = await passwords.check(user?.password_hash, request.password);
  const refuse = async (): Promise<WeirError> => {
    await failed('wrong_password');
    const fix = 'Check name and password, then run: weir login';
    return new WeirError('wrong_password', 'Name or password is wrong.', { fix });
  };
  if (user === undefined || !isRight || user.disabled) throw await refuse();
  throttle.succeeded(request.user, address);
  const token = randomBytes(32).toString('base64url');
  const expiresAt = new Date(now() + tokenLifeMs);
  await audit.append({ actor: user.name, action: 'login', subject: user.name, detail: { address } });
  if (!(await users.insertToken(hashToken(token), user, expiresAt))) throw await refuse();
  return { token, expiresAt: expiresAt.toISOString(), user: user.name, groups: user.groups };
}

async function insertUser(parts: IdentityParts, user: NewUser, by: string): Promise<UserRow> {
  const row = {
    id: randomUUID(),
    name: user.name,
    password_hash: await parts.passwords.hash(user.password),
    groups: [...user.groups],
    roles: [...user.roles],
  };
  await parts.audit.append({
    actor: by,
    action: 'user-added',
    subject: user.name,
    detail: { groups: row.groups, roles: row.roles },
  });
  await parts.users.insert(row);
  const stored = await parts.users.findByName(user.name);
  if (stored === undefined) throw new WeirError('internal', `The account ${user.name} could not be stored.`);
  return stored;
}

async function changeUser(parts: IdentityParts, name: string, request: PutUserRequest, by: string): Promise<UserRow> {
  const { users, audit, passwords } = parts;
  const { password, groups, roles, disabled } = request;
  const known = await users.findByName(name);
  if (known === undefined) {
    if (password === undefined) {
      throw new WeirError('invalid_request', `There is no user ${name}, and a new one needs a password.`, {
        fix: 'Send `password`, at least 8 characters.',
      });
    }
    const added = await insertUser(parts, { name, password, groups: groups ?? [], roles: roles ?? [] }, by);
    return disabled === true ? ((await users.update(name, { disabled })) ?? added) : added;
  }
  const change: UserChange = {
    ...(password === undefined ? {} : { password_hash: await passwords.hash(password) }),
    ...(groups === undefined ? {} : { groups }),
    ...(roles === undefined ? {} : { roles }),
    ...(disabled === undefined ? {} : { disabled }),
  };
  if (Object.keys(change).length === 0) return known;
  await audit.append({
    actor: by,
    action: 'user-changed',
    subject: name,
    detail: { groups, roles, disabled, passwordChanged: password !== undefined },
  });
  const changed = (await users.update(name, change)) ?? known;
  if (disabled === true || password !== undefined) await users.deleteTokensOf(known.id);
  return changed;
}

function viewOf(user: UserRow): User {
  return { name: user.name, groups: user.groups, roles: rolesOf(user), disabled: user.disabled };
}

function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

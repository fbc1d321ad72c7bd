import { WeirError } from '@weir/errors';
import type { AuditLog } from '../audit/audit-log.ts';
import type { UserRepository, UserRow } from '../store/users.ts';
import type { LocalAccounts } from './local-accounts.ts';
import type { LoginThrottle } from './login-throttle.ts';
import type { PasswordChecker } from './passwords.ts';

/** What the check of a local account's password stands on. */
export interface PasswordSignInParts {
  readonly users: Pick<UserRepository, 'findByName'>;
  readonly passwords: PasswordChecker;
  readonly throttle: LoginThrottle;
  readonly local: LocalAccounts;
  readonly audit: AuditLog;
  readonly now: () => number;
}

/** What somebody typed. */
export interface Account {
  readonly user: string;
  readonly password: string;
}

/** Checks name and password; each failure is in the audit log. `atMs` is the moment before the account was read. @throws WeirError wrong_password, too_many_attempts. */
export type PasswordSignIn = (request: Account, address: string) => Promise<{ user: UserRow; atMs: number }>;

/** Makes the check. */
export function createPasswordSignIn(parts: PasswordSignInParts): PasswordSignIn {
  return (request, address) => checkPassword(parts, request, address);
}

async function checkPassword(parts: PasswordSignInParts, request: Account, address: string) {
  const { users, passwords, throttle, audit, local, now } = parts;
  const failed = (code: string, more: object = {}) =>
    audit.append({
      actor: request.user,
      action: 'login-failed',
      subject: request.user,
      detail: { address, code, ...more },
    });
  try {
    throttle.attempt(request.user, address);
  } catch (error) {
    await failed('too_many_attempts');
    throw error;
  }
  const atMs = now();
  const user = await users.findByName(request.user);
  const isRight = await passwords.check(user?.password_hash, request.password);
  // Everybody gets the same answer, so that nobody learns which names exist or are for emergencies.
  const refuse = async (more: object = {}): Promise<WeirError> => {
    await failed('wrong_password', more);
    const fix = local.areOpen
      ? 'Check name and password, then run: weir login'
      : 'Sign in through your identity provider: local accounts are switched off here.';
    return new WeirError('wrong_password', 'Name or password is wrong.', { fix });
  };
  if (user === undefined || !isRight || user.disabled || user.kind !== 'person') throw await refuse();
  if (!local.admits(user)) throw await refuse({ reason: 'local accounts are switched off' });
  throttle.succeeded(request.user, address);
  await local.report(user, address);
  return { user, atMs };
}

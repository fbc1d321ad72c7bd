import { WeirError } from '@weir/errors';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Log } from '../log/create-log.ts';
import type { UserRepository, UserRow } from '../store/users.ts';
import type { LoginThrottle } from './login-throttle.ts';
import type { PasswordChecker } from './passwords.ts';

/** What the check of a local account's password stands on. */
export interface PasswordSignInParts {
  readonly users: Pick<UserRepository, 'findByName'>;
  readonly passwords: PasswordChecker;
  readonly throttle: LoginThrottle;
  readonly local: {
    /** May local accounts sign in? */
    readonly enabled: boolean;
    /** Accounts that may even when it is switched off. */
    readonly emergency: readonly string[];
  };
  readonly audit: AuditLog;
  readonly log: Log;
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
  const isEmergency = local.emergency.includes(request.user);
  // Everybody gets the same answer, so that nobody learns which names exist or are for emergencies.
  const refuse = async (more: object = {}): Promise<WeirError> => {
    await failed('wrong_password', more);
    const fix = local.enabled
      ? 'Check name and password, then run: weir login'
      : 'Sign in through your identity provider: local accounts are switched off here.';
    return new WeirError('wrong_password', 'Name or password is wrong.', { fix });
  };
  if (user === undefined || !isRight || user.disabled) throw await refuse();
  if (!local.enabled && !isEmergency) throw await refuse({ reason: 'local accounts are switched off' });
  throttle.succeeded(request.user, address);
  if (!local.enabled) {
    parts.log.warn('an emergency account signs in', { user: user.name, address });
    await audit.append({ actor: user.name, action: 'emergency-sign-in', subject: user.name, detail: { address } });
  }
  return { user, atMs };
}

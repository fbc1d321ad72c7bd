import type { AuditLog } from '../audit/audit-log.ts';
import type { Log } from '../log/create-log.ts';
import type { UserRow } from '../store/users.ts';

/** `identity.local` of the configuration. */
export interface LocalAccountsConfig {
  /** May local accounts sign in? `emergency`: those alone that are marked for emergencies, here or at the account. */
  readonly enabled: boolean | 'emergency';
  /** Accounts that may even when they are switched off. */
  readonly emergency: readonly string[];
}

/** Which accounts sign in by what the gateway itself knows of them: passwords and passkeys. */
export interface LocalAccounts {
  /** Are they open to everybody who has one? */
  readonly areOpen: boolean;
  admits(user: Pick<UserRow, 'name' | 'emergency'>): boolean;
  /** Tells of an account for emergencies that signs in; of others nothing. */
  report(user: Pick<UserRow, 'name' | 'emergency'>, address: string): Promise<void>;
}

/** Makes it. */
export function createLocalAccounts(
  { enabled, emergency }: LocalAccountsConfig,
  { audit, log }: { readonly audit: AuditLog; readonly log: Log },
): LocalAccounts {
  return {
    areOpen: enabled === true,
    // Under `false` nobody can mark an account but who writes the configuration.
    admits: (user) => enabled === true || emergency.includes(user.name) || (enabled === 'emergency' && user.emergency),
    report: async ({ name, ...user }, address) => {
      if (!emergency.includes(name) && !user.emergency) return;
      log.warn('an emergency account signs in', { user: name, address });
      await audit.append({ actor: name, action: 'emergency-sign-in', subject: name, detail: { address } });
    },
  };
}

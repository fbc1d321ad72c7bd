import { WeirError } from '@weir/errors';
import type { AuditLog } from '../../audit/audit-log.ts';
import { createTurns } from '../../control/turns.ts';
import type { UserRepository, UserRow } from '../../store/users.ts';
import { effectiveRoles, type RoleGroups } from '../effective-roles.ts';

/** One change of accounts: what the log says of it, whom it touches, and what they would be after it. */
export interface AccountChange {
  /** Name of who does it. */
  readonly by: string;
  /** Stable word of the audit log. */
  readonly action: string;
  readonly subject: string;
  readonly detail: Readonly<Record<string, unknown>>;
  /** The accounts as they are now. */
  readonly affected: readonly UserRow[];
  /** What an account would be; undefined = gone. */
  readonly imagine: (account: UserRow) => UserRow | undefined;
  readonly apply: () => Promise<void>;
  /** Ends what the accounts have signed in to, e.g. after a new password. Disabling always does. */
  readonly endsTokens?: boolean;
  /** It has happened elsewhere already (at an identity provider): nothing here can refuse it. */
  readonly isForced?: boolean;
}

/** The one way in which accounts change: one after the other, audited before, and live sessions follow before it is answered. */
export interface AccountChanges {
  /** `prepare` reads what it needs when its turn has come; undefined = nothing to do. @throws WeirError conflict when no enabled admin would be left. */
  perform(prepare: () => Promise<AccountChange | undefined>): Promise<void>;
  /** Told of each touched account after each change, before the change is answered. A deleted one is shown as disabled. */
  onChange(listener: (user: UserRow) => Promise<void>): void;
}

/** What changes stand on. */
export interface ChangeParts {
  readonly users: UserRepository;
  readonly audit: Pick<AuditLog, 'append'>;
  readonly roleGroups: RoleGroups;
}

/** Makes the changes. */
export function createAccountChanges(parts: ChangeParts): AccountChanges {
  const { users, audit } = parts;
  const listeners: ((user: UserRow) => Promise<void>)[] = [];
  const inTurn = createTurns();
  const perform = async (prepare: () => Promise<AccountChange | undefined>): Promise<void> => {
    const change = await prepare();
    if (change === undefined) return;
    const { by, action, subject, detail, affected, imagine, apply, endsTokens = false, isForced = false } = change;
    try {
      if (!isForced) await keepAnAdmin(parts, affected, imagine);
    } catch (error) {
      await audit.append({ actor: by, action: 'account-change-refused', subject, detail: { attempted: action } });
      throw error;
    }
    await audit.append({ actor: by, action, subject, detail });
    await apply();
    const after = await Promise.all(affected.map((account) => users.findById(account.id)));
    const touched = affected.map((account, index) => after[index] ?? { ...account, disabled: true });
    for (const account of touched) if (endsTokens || account.disabled) await users.endSignIns(account.id);
    await Promise.all(touched.flatMap((account) => listeners.map((listener) => listener(account))));
  };
  return {
    perform: (prepare) => inTurn(() => perform(prepare)),
    onChange: (listener) => {
      listeners.push(listener);
    },
  };
}

/** Refuses what would leave nobody who can administer the gateway. */
async function keepAnAdmin(
  { users, roleGroups }: ChangeParts,
  affected: readonly UserRow[],
  imagine: AccountChange['imagine'],
): Promise<void> {
  const isAdmin = (account: UserRow | undefined): boolean =>
    account?.kind === 'person' && !account.disabled && effectiveRoles(account, roleGroups).includes('admin');
  const losing = new Set(
    affected.filter((account) => isAdmin(account) && !isAdmin(imagine(account))).map(({ id }) => id),
  );
  if (losing.size === 0) return;
  const others = (await users.list()).filter((account) => isAdmin(account) && !losing.has(account.id));
  if (others.length > 0) return;
  const names = affected.filter(({ id }) => losing.has(id)).map(({ name }) => name);
  throw new WeirError('conflict', `${names.join(', ')} is the last administrator.`, {
    why: 'After this nobody could administer the gateway.',
    fix: 'Give another account the role first: weir users set NAME --role admin',
  });
}

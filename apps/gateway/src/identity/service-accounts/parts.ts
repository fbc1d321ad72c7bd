import { WeirError } from '@weir/errors';
import type { AuditLog } from '../../audit/audit-log.ts';
import type { MachineRepository } from '../../store/machines.ts';
import type { MachineSignIn, UserRepository, UserRow } from '../../store/users.ts';
import type { AccountChanges } from '../accounts/account-changes.ts';

/** What service accounts stand on. */
export interface ServiceAccountParts {
  readonly users: UserRepository;
  readonly machines: MachineRepository;
  readonly changes: AccountChanges;
  readonly audit: AuditLog;
  /** Asks live sessions of machines again whether what they stand on holds. */
  readonly refreshSessions: (matches: (machine: MachineSignIn) => boolean, why: string) => Promise<void>;
  readonly now: () => number;
}

/** The service account of a name. @throws WeirError not_found, also for people. */
export async function serviceOf({ users }: Pick<ServiceAccountParts, 'users'>, name: string): Promise<UserRow> {
  const user = await users.findByName(name);
  if (user !== undefined && user.kind !== 'person') return user;
  throw new WeirError('not_found', `There is no service account ${name}.`, { fix: 'Run: weir service-accounts ls' });
}

import type { DirectoryRepository } from '../../store/directory.ts';
import type { UserRepository } from '../../store/users.ts';
import type { AccountChanges } from '../accounts/account-changes.ts';

/** How groups of the directory are called here. */
export interface DirectoryGroupNames {
  /** Put before each name that `map` does not name. */
  readonly prefix?: string | undefined;
  /** Names as the directory writes them, and the groups that they are here. */
  readonly map: Readonly<Record<string, string>>;
}

/** What provisioning stands on. */
export interface ScimParts {
  readonly users: UserRepository;
  readonly directory: DirectoryRepository;
  readonly changes: AccountChanges;
  readonly groupNames: DirectoryGroupNames;
  /** Address of the service, e.g. `https://weir.example.com/scim/v2`. */
  readonly base: () => string;
}

/** Who changes something, and what he expects to find. */
export interface ScimChange {
  /** As the audit log names the directory. */
  readonly by: string;
  /** If-Match. */
  readonly ifMatch: string | undefined;
}

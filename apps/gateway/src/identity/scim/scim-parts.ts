import type { DirectoryRepository } from '../../store/directory.ts';
import type { UserRepository } from '../../store/users.ts';
import type { AccountChanges } from '../accounts/account-changes.ts';
import type { ScimDocument } from './attributes.ts';
import type { ListQuery } from './list.ts';
import type { PatchOperation } from './patch.ts';
import type { Resource } from './resource.ts';

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

/** What a directory does with one kind of resource (RFC 7644 section 3). @throws ScimRefusal, WeirError. */
export interface ScimResources {
  list(query: ListQuery): Promise<object>;
  show(id: string): Promise<Resource>;
  create(body: ScimDocument, change: ScimChange): Promise<Resource>;
  replace(id: string, body: ScimDocument, change: ScimChange): Promise<Resource>;
  patch(id: string, operations: readonly PatchOperation[], change: ScimChange): Promise<Resource>;
  remove(id: string, change: ScimChange): Promise<void>;
}

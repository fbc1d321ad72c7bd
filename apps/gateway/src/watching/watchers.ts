import type { Caller } from '../identity/caller.ts';

/** Who watches a session: the account as it was when it last showed that it may. */
export type Watcher = Pick<Caller, 'id' | 'name' | 'kind' | 'groups' | 'personId'>;

/** Whom a shell needs as a watcher. */
export interface WatcherNeed {
  /** One of them suffices. */
  readonly groups: readonly string[];
  /** Ids of the accounts and people whose own session it is: they cannot watch themselves. */
  readonly own: ReadonlySet<string>;
}

/** Does this person meet the need? */
export function meets({ id, kind, groups, personId }: Watcher, need: WatcherNeed): boolean {
  if (kind !== 'person' || need.own.has(id) || (personId !== null && need.own.has(personId))) return false;
  return groups.some((group) => need.groups.includes(group));
}

/** `security`, or `security or operators`. */
export function groupsText(groups: readonly string[]): string {
  return groups.join(' or ');
}

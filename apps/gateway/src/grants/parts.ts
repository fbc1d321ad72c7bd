import type { Access } from '../access/access.ts';
import type { Standing } from '../approvals/circumstances.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Connections } from '../connections/connections.ts';
import type { Caller } from '../identity/caller.ts';
import type { Policies } from '../policies/policies.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { AccessRequestRepository } from '../store/access-requests.ts';
import type { GrantRepository } from '../store/grants.ts';
import type { GrantBook } from './grant-book.ts';

/** What requests for access and grants stand on. */
export interface GrantParts {
  readonly requests: AccessRequestRepository;
  readonly grants: GrantRepository;
  readonly book: GrantBook;
  readonly policies: Pick<Policies, 'current'>;
  readonly access: Pick<Access, 'inForce'>;
  readonly connections: Pick<Connections, 'find'>;
  readonly sessions: Pick<Sessions, 'refresh'>;
  /** An account as it is now; undefined = gone or disabled. */
  readonly standingOf: (name: string) => Promise<Standing | undefined>;
  readonly audit: AuditLog;
  readonly now: () => number;
  /** Ends what is due. */
  readonly sweep: () => Promise<void>;
}

/** The human behind an account; one that is not linked stands for itself. */
export const personOf = ({ id, personId }: Pick<Caller, 'id' | 'personId'>): string => personId ?? id;

/** Ids of the humans behind the caller: the person with all linked accounts, and the one for whom he acts. */
export async function peopleBehind({ standingOf }: Pick<GrantParts, 'standingOf'>, caller: Caller): Promise<string[]> {
  const people = [personOf(caller), ...((await standingOf(caller.name))?.people ?? [])];
  const { actingFor } = caller;
  if (actingFor !== undefined) people.push(actingFor.id, ...((await standingOf(actingFor.name))?.people ?? []));
  return [...new Set(people)];
}

/** Is the caller a person behind what somebody has, when it was asked or as accounts are linked now? */
export async function isBehind(
  { standingOf }: Pick<GrantParts, 'standingOf'>,
  caller: Pick<Caller, 'id' | 'name' | 'personId'>,
  row: { readonly user_id: string; readonly principal: string; readonly behind: readonly string[] },
): Promise<boolean> {
  const people = [...row.behind, row.user_id, ...((await standingOf(row.principal))?.people ?? [])];
  return row.principal === caller.name || people.includes(caller.id) || people.includes(personOf(caller));
}

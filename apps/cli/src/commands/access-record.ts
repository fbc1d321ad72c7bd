import type { AccessRequest, Grant } from '@weir/api';

type Fields = (readonly [string, string])[];

/** A request for access as `weir requests show` prints it. */
export function recordOfAccess(request: AccessRequest): Fields {
  const { id, state, principal, connection, seconds, reason, ticket, rule, grant } = request;
  return [
    ['id', id],
    ['state', state],
    ['who', principal],
    ['connection', connection],
    ['for', lengthOf(seconds)],
    ['reason', reason],
    ...optional('ticket', ticket),
    ['rule', rule],
    ['approvers', approversOf(request)],
    ['asked', request.createdAt],
    ['until', request.expiresAt],
    ...request.decisions.map(
      ({ by, decision, reason: why, at }) =>
        ['decision', `${decision} by ${by} at ${at}${why === '' ? '' : `: ${why}`}`] as const,
    ),
    ...optional('grant', grant),
    ['may you decide', request.mayDecide ? 'yes' : (request.whyNot ?? 'no, it is not open')],
  ];
}

/** A grant as `weir grants show` prints it. */
export function recordOfGrant(grant: Grant): Fields {
  const { id, kind, state, principal, connection, rule, reason, ticket, request, revoked, review } = grant;
  return [
    ['id', id],
    ['kind', kind],
    ['state', state],
    ['who', principal],
    ['connection', connection],
    ['rule', rule],
    ...optional('request', request),
    ['reason', reason],
    ...optional('ticket', ticket),
    ['from', grant.from],
    ['until', grant.until],
    ...(revoked === null ? [] : [['revoked', `by ${revoked.by} at ${revoked.at}: ${revoked.reason}`] as const]),
    ...(review === null ? [] : [['review', reviewOf(review)] as const]),
  ];
}

/** Where a review stands, in one line. */
export function reviewOf(review: NonNullable<Grant['review']>): string {
  const { state, by, dueAt, verdict, reviewedBy, comment } = review;
  if (state === 'done') return `${verdict ?? ''} by ${reviewedBy ?? ''}: ${comment ?? ''}`;
  return `${state === 'overdue' ? 'OVERDUE since' : 'open until'} ${dueAt}, by ${by.join(' or ')}`;
}

/** Seconds in the words of `--for`: `2h`, `90m`, `45s`. */
export function lengthOf(seconds: number): string {
  if (seconds % 86_400 === 0) return `${seconds / 86_400}d`;
  if (seconds % 3600 === 0) return `${seconds / 3600}h`;
  return seconds % 60 === 0 ? `${seconds / 60}m` : `${seconds}s`;
}

function approversOf({ approvers, require, people }: AccessRequest): string {
  if (approvers.length === 0) return 'nobody: the policy approves it at once';
  const groups = require === 'all-of' ? `one person each of ${approvers.join(' and ')}` : approvers.join(' or ');
  return people > 1 ? `${groups}, ${people} different people` : groups;
}

function optional(name: string, value: string | null): Fields {
  return value === null ? [] : [[name, value]];
}

import type { RequestDetails } from '@weir/api';

/** A request as `weir requests show` prints it. */
export function recordOfRequest(request: RequestDetails): (readonly [string, string])[] {
  const { id, state, principal, connection, database, role, statement, parameters, tables, kind, rule, reason } =
    request;
  const values = parameters.map((value, index) => `$${index + 1} = ${value ?? 'NULL'}`);
  return [
    ['id', id],
    ['state', state],
    ['who', principal],
    ['where', `${connection} (database ${database}, role ${role})`],
    ['statement', statement],
    ...(values.length > 0 ? [['parameters', values.join(', ')] as const] : []),
    ['kind', kind],
    ['tables', tables.join(', ')],
    ...(request.estimate === null ? [] : [['estimated rows', estimateOf(request.estimate)] as const]),
    ['rule', `${rule}: ${reason}`],
    ['approvers', approversOf(request)],
    ['asked', request.createdAt],
    ['until', request.expiresAt],
    ...request.decisions.map(
      ({ by, decision, reason, at }) =>
        ['decision', `${decision} by ${by} at ${at}${reason === '' ? '' : `: ${reason}`}`] as const,
    ),
    ['may you decide', request.mayDecide ? 'yes' : (request.whyNot ?? 'no, it is not open')],
    ...historyOf(request),
  ];
}

function estimateOf({ rows, why }: { rows: number | null; why: string | null }): string {
  return rows === null ? `unknown: ${why ?? 'nobody knows why'}` : `about ${rows}`;
}

function approversOf({ approvers, require, people }: RequestDetails): string {
  const groups = require === 'all-of' ? `one person each of ${approvers.join(' and ')}` : approvers.join(' or ');
  return people > 1 ? `${groups}, ${people} different people` : groups;
}

function historyOf({ principal, history }: RequestDetails): (readonly [string, string])[] {
  const { sessions, statements, denied, days, requests } = history;
  return [
    ['history', `${principal}, ${days} days: ${sessions} sessions, ${statements} statements, ${denied} denied`],
    ...requests.map(
      ({ id, state, kind, tables, connection, createdAt }) =>
        ['before', `${id} ${state}: ${kind} ${tables.join(', ')} on ${connection}, ${createdAt}`] as const,
    ),
  ];
}

import type { DecideRequest } from '@weir/api';
import { WeirError } from '@weir/errors';
import { decisionsComeTo } from '@weir/policy';
import type { DecisionOutcome, DecisionRow, RequestRow } from '../store/approvals.ts';
import type { ApprovalParts, Decider } from './approvals.ts';

type Counted = Extract<DecisionOutcome, { outcome: 'counted' }>;

/** Decides a request that the caller may see. @throws WeirError self_approval, not_permitted, conflict. */
export async function decideRequest(
  parts: ApprovalParts,
  decider: Decider,
  row: RequestRow,
  { decision, reason = '' }: DecideRequest,
): Promise<Counted> {
  const { approvals, audit, waiting, now } = parts;
  const behind = await peopleBehind(parts, row);
  const refusal = refusalOf(decider, row, behind);
  if (refusal !== undefined) {
    const detail = { decision, code: refusal.code };
    await audit.append({ actor: decider.name, action: 'decision-refused', subject: row.id, detail });
    throw refusal;
  }
  if (row.state === 'pending') await refuseOutdated(parts, row);
  const personId = personIdOf(decider);
  const made = { personId, userId: decider.id, name: decider.name, decision, reason, at: new Date(now()) };
  const facts = { principal: row.principal, connection: row.connection, rule: row.rule, session: row.session_id };
  if (row.state === 'pending') {
    // Before it counts: what was decided and is not in the log must not let a statement run.
    const detail = { ...facts, before: { state: row.state }, after: { decision, reason } };
    await audit.append({ actor: decider.name, action: 'decision-made', subject: row.id, detail });
  }
  const result = await approvals.decide(row.id, made, (request, decisions) => outcomeOf(request, decisions, behind));
  if (result.outcome !== 'counted') {
    const detail = { decision, code: 'conflict' };
    await audit.append({ actor: decider.name, action: 'decision-refused', subject: row.id, detail });
    throw result.outcome === 'repeated' ? repeated(row.id) : tooLate(row.id, result.row);
  }
  const { state } = result.row;
  try {
    await audit.append({
      actor: decider.name,
      action:
        state === 'pending' ? 'request-decided-in-part' : state === 'approved' ? 'request-approved' : 'request-denied',
      subject: row.id,
      detail: {
        ...{ ...facts, reason },
        ...{ decision, decisions: result.decisions.length },
      },
    });
  } finally {
    if (state === 'approved' || state === 'denied') waiting.settle(row.id, { state, by: decider.name, reason });
  }
  return result;
}

/** What the decisions come to now; those of the people behind the request do not count, whenever they were linked to it. */
export function outcomeOf(
  { approvers, require, people, user_id }: RequestRow,
  decisions: readonly DecisionRow[],
  behind: readonly string[],
): 'pending' | 'approved' | 'denied' {
  const own = new Set([...behind, user_id]);
  return decisionsComeTo(
    { groups: approvers, require, people },
    decisions
      .filter((one) => !own.has(one.person_id) && !own.has(one.user_id))
      .map(({ person_id, decision, groups }) => ({ personId: person_id, decision, groups })),
  );
}

/** Why this person may not decide; undefined when he may. */
export function refusalOf(decider: Decider, row: RequestRow, behind: readonly string[]): WeirError | undefined {
  const isBehind = behind.includes(personIdOf(decider)) || behind.includes(decider.id);
  const isSame = row.user_id === decider.id || row.principal === decider.name || isBehind;
  if (isSame) {
    const isLinked = row.user_id !== decider.id && row.principal !== decider.name;
    return new WeirError('self_approval', 'Nobody decides his own request.', {
      why: `${row.id} was asked by ${row.principal}${isLinked ? ', and you are a person behind it' : ''}.`,
      fix: `Ask a member of ${row.approvers.join(' or ')}: weir requests approve ${row.id}`,
    });
  }
  const isPerson = decider.kind === 'person';
  if (isPerson && decider.groups.some((group) => row.approvers.includes(group))) return undefined;
  return new WeirError('not_permitted', 'You may not decide this request.', {
    why: isPerson ? `The rule ${row.rule} names the approvers: ${row.approvers.join(', ')}.` : 'Only people decide.',
    fix: 'Ask a member of one of these groups.',
  });
}

/** The human behind an account; one that is not linked stands for itself. */
export const personIdOf = ({ id, personId }: Pick<Decider, 'id' | 'personId'>): string => personId ?? id;

/** The humans behind the request: when it was asked, and as accounts are linked now. */
export async function peopleBehind({ standingOf }: ApprovalParts, row: RequestRow): Promise<readonly string[]> {
  const names = row.acting_for === null ? [row.principal] : [row.principal, row.acting_for];
  const standings = await Promise.all(names.map((name) => standingOf(name)));
  return [...row.behind, ...standings.flatMap((standing) => standing?.people ?? [])];
}

/** What was asked under another policy, by an account or for a connection that changed since, is ended: nobody knows what an approval would mean. */
async function refuseOutdated(
  { approvals, audit, circumstances, waiting }: ApprovalParts,
  row: RequestRow,
): Promise<void> {
  const present = await circumstances.of(row.principal, row.connection, row.acting_for);
  if (present !== null && present === row.asked_under) return;
  const why = 'The policy, the account that asked or the connection changed since it was asked.';
  if (await approvals.withdraw(row.id)) {
    await audit.append({
      actor: 'gateway',
      action: 'request-outdated',
      subject: row.id,
      detail: { principal: row.principal },
    });
    waiting.settle(row.id, { state: 'denied', reason: `${why} Send the statement again.` });
  }
  throw new WeirError('conflict', `The request ${row.id} can no longer be decided.`, {
    why,
    fix: `Let ${row.principal} send the statement again.`,
  });
}

function repeated(id: string): WeirError {
  return new WeirError('conflict', `You have decided ${id} already.`, {
    why: 'One person counts once, with all of his accounts and groups.',
    fix: 'The rule asks for another person as well.',
  });
}

function tooLate(id: string, row: RequestRow | undefined): WeirError {
  const by = row?.decided_by == null ? '' : ` by ${row.decided_by}`;
  return new WeirError('conflict', `The request ${id} is no longer open.`, {
    why: row === undefined ? 'It is gone.' : `It is ${row.state === 'pending' ? 'expired' : row.state}${by}.`,
    fix: `Look at it: weir requests show ${id}`,
  });
}

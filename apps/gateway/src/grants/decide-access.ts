import type { DecideRequest } from '@weir/api';
import { isWeirError, WeirError } from '@weir/errors';
import { type AccessRequestDocument, decisionsComeTo, isAble } from '@weir/policy';
import { targetHashOf } from '../connections/target.ts';
import type { Caller } from '../identity/caller.ts';
import type { AccessRequestRow } from '../store/access-requests.ts';
import { grantDetail, grantOf } from './access-requests.ts';
import { askedUnder } from './asked-under.ts';
import { type GrantParts, isBehind, personOf } from './parts.ts';

/** Decides a request that the caller may see. @throws WeirError self_approval, not_permitted, conflict. */
export async function decideAccess(
  parts: GrantParts,
  caller: Caller,
  row: AccessRequestRow,
  { decision, reason = '' }: DecideRequest,
): Promise<AccessRequestRow> {
  const { requests, audit, standingOf, now } = parts;
  const refusal = await refusalOf(parts, caller, row);
  if (refusal !== undefined) {
    const detail = { decision, code: refusal.code };
    await audit.append({ actor: caller.name, action: 'decision-refused', subject: row.id, detail });
    throw refusal;
  }
  if (row.state !== 'pending') throw tooLate(row.id, row);
  const { rule, target } = await ruleInForce(parts, row);
  const behind = new Set([...row.behind, row.user_id, ...((await standingOf(row.principal))?.people ?? [])]);
  const made = { person_id: personOf(caller), user_id: caller.id, name: caller.name, decision, reason };
  const detail = {
    ...{ principal: row.principal, connection: row.connection, rule: row.rule, decision, reason },
    ...{ before: { state: row.state }, after: { decision, reason } },
  };
  await audit.append({ actor: caller.name, action: 'access-decided', subject: row.id, detail });
  const result = await requests.decide(
    row.id,
    { ...made, at: new Date(now()) },
    (request, decisions) =>
      decisionsComeTo(
        { groups: request.approvers, require: request.require, people: request.people, never: neverOf(request) },
        decisions
          .filter(({ person_id, user_id }) => !behind.has(person_id) && !behind.has(user_id))
          .map(({ person_id, name, decision, groups }) => ({ personId: person_id, name, decision, groups })),
      ),
    (request) => grantOf(request, target, rule, now()),
  );
  if (result.outcome !== 'counted') {
    await audit.append({
      actor: caller.name,
      action: 'decision-refused',
      subject: row.id,
      detail: { decision, code: 'conflict' },
    });
    throw result.outcome === 'repeated' ? repeated(row.id) : tooLate(row.id, result.row);
  }
  const { grant } = result;
  if (grant !== null) {
    // Who holds it is in the log before it opens anything.
    await audit.append({ actor: caller.name, action: 'grant-given', subject: grant.id, detail: grantDetail(grant) });
    parts.book.add(grant);
  }
  return result.row;
}

/** Why this person may not decide; undefined when he may. */
export async function refusalOf(
  parts: Pick<GrantParts, 'standingOf'>,
  caller: Caller,
  row: AccessRequestRow,
): Promise<WeirError | undefined> {
  if (await isBehind(parts, caller, row)) {
    const isLinked = row.user_id !== caller.id;
    return new WeirError('self_approval', 'Nobody decides his own request.', {
      why: `${row.id} was asked by ${row.principal}${isLinked ? ', and you are a person behind it' : ''}.`,
      fix: `Ask a member of ${row.approvers.join(' or ')}: weir requests approve ${row.id}`,
    });
  }
  const able = isAble({ groups: row.approvers, never: neverOf(row) }, { name: caller.name, groups: caller.groups });
  if (able && caller.kind === 'person') return undefined;
  return new WeirError('not_permitted', 'You may not decide this request.', {
    why:
      caller.kind === 'person'
        ? `The rule ${row.rule} names the approvers: ${row.approvers.join(', ') || 'nobody'}.`
        : 'Only people decide.',
    fix: 'Ask a member of one of these groups.',
  });
}

function neverOf({ never }: AccessRequestRow) {
  return never ?? undefined;
}

/** What was asked under another policy, by an account or for a connection that changed since, is ended: nobody knows what an approval would mean. */
async function ruleInForce(
  parts: GrantParts,
  row: AccessRequestRow,
): Promise<{ rule: AccessRequestDocument; target: string }> {
  const { policies, connections, standingOf, requests, audit, now } = parts;
  const { documents } = policies.current;
  const [standing, connection] = await Promise.all([
    standingOf(row.principal),
    connections.find(row.connection).catch((error: unknown) => {
      if (isWeirError(error) && error.code === 'not_found') return undefined;
      throw error;
    }),
  ]);
  const rule = documents.find(({ name }) => name === row.rule);
  if (standing?.id === row.user_id && connection !== undefined && rule?.kind === 'AccessRequest') {
    const principal = { id: row.user_id, name: row.principal, kind: row.principal_kind, groups: [...standing.groups] };
    const facts = { rule: row.rule, kind: 'request' as const, ticket: row.ticket };
    const present = askedUnder(documents, principal, connection, rule, facts);
    if (present === row.asked_under) return { rule, target: targetHashOf(connection) };
  }
  if (await requests.end(row.id, 'outdated', new Date(now()))) {
    const detail = { principal: row.principal, connection: row.connection };
    await audit.append({ actor: 'gateway', action: 'access-outdated', subject: row.id, detail });
  }
  throw new WeirError('conflict', `The request ${row.id} can no longer be decided.`, {
    why: 'The policy, the account that asked or the connection changed since it was asked.',
    fix: `Let ${row.principal} ask again.`,
  });
}

function repeated(id: string): WeirError {
  return new WeirError('conflict', `You have decided ${id} already.`, {
    why: 'One person counts once, with all of his accounts and groups.',
    fix: 'The rule asks for another person as well.',
  });
}

function tooLate(id: string, row: AccessRequestRow | undefined): WeirError {
  const by = row?.decided_by == null ? '' : ` by ${row.decided_by}`;
  return new WeirError('conflict', `The request ${id} is no longer open.`, {
    why: row === undefined ? 'It is gone.' : `It is ${row.state === 'pending' ? 'expired' : row.state}${by}.`,
    fix: `Look at it: weir requests show ${id}`,
  });
}

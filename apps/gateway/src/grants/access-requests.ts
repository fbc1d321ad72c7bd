import type { AccessRequest, DecideRequest, ListAccessRequestsQuery, NewAccessRequest } from '@weir/api';
import { WeirError } from '@weir/errors';
import { type AccessRequestDocument, isApprovedAtOnce, tryDuration } from '@weir/policy';
import { factsOf } from '../access/access.ts';
import { targetHashOf } from '../connections/target.ts';
import { cutPage, Page } from '../http/paging.ts';
import { type Caller, principalOf, seesAll } from '../identity/caller.ts';
import { shortId } from '../identity/short-id.ts';
import type { AccessRequestRow, NewAccessRequestRow } from '../store/access-requests.ts';
import type { NewGrant } from '../store/grants.ts';
import type { Keyset } from '../store/keyset.ts';
import { askedUnder } from './asked-under.ts';
import { decideAccess, refusalOf } from './decide-access.ts';
import { type GrantParts, peopleBehind } from './parts.ts';
import { fittingRules } from './request-rule.ts';
import { accessRequestView } from './views.ts';

/** What people do with requests for access. */
export interface AccessRequests {
  /** @throws WeirError not_found, not_permitted (no rule, too long, no reason or ticket, too many open). */
  ask(caller: Caller, request: NewAccessRequest): Promise<AccessRequest>;
  /** Own requests and those that the caller may decide; all for admins and auditors. */
  list(caller: Caller, query: ListAccessRequestsQuery, page: Keyset): Promise<Page<AccessRequest>>;
  show(caller: Caller, id: string): Promise<AccessRequest>;
  /** @throws WeirError self_approval, not_permitted, conflict, not_found. */
  decide(caller: Caller, id: string, request: DecideRequest): Promise<AccessRequest>;
  /** Takes an own request back. @throws WeirError not_permitted, conflict, not_found. */
  cancel(caller: Caller, id: string): Promise<AccessRequest>;
  countPending(): Promise<number>;
}

/** Open requests that one account may have. */
const maxPendingPerPerson = 20;

/** Makes the use-cases. */
export function createAccessRequests(parts: GrantParts): AccessRequests {
  const { requests, audit, sweep, now } = parts;
  const visible = async (caller: Caller, id: string): Promise<AccessRequestRow> => {
    await sweep();
    const row = await requests.find(id);
    const isApprover = row?.approvers.some((group) => caller.groups.includes(group)) ?? false;
    if (row !== undefined && (row.user_id === caller.id || isApprover || seesAll(caller))) return row;
    throw new WeirError('not_found', `There is no request ${id}.`, { fix: 'Run: weir requests ls' });
  };
  const viewOf = async (caller: Caller, row: AccessRequestRow) => {
    const refusal = row.state === 'pending' ? await refusalOf(parts, caller, row) : undefined;
    return accessRequestView(row, await requests.decisionsOf([row.id]), refusal);
  };
  return {
    ask: async (caller, request) => {
      await sweep();
      try {
        return await viewOf(caller, await ask(parts, caller, request));
      } catch (error) {
        if (error instanceof WeirError) {
          const detail = { code: error.code, seconds: request.seconds, message: error.message, why: error.why };
          await audit.append({ actor: caller.name, action: 'access-refused', subject: request.connection, detail });
        }
        throw error;
      }
    },
    list: async (caller, { state }, page) => {
      await sweep();
      const visibleTo = seesAll(caller) ? {} : { visibleTo: { userId: caller.id, groups: caller.groups } };
      const found = await requests.list({ ...visibleTo, state }, { ...page, limit: page.limit + 1 });
      const { items: rows, next } = cutPage(found, page, (row) => [row.created_at.toISOString(), row.id]);
      const decisions = await requests.decisionsOf(rows.map(({ id }) => id));
      const views = await Promise.all(
        rows.map(async (row) => {
          const own = decisions.filter(({ request_id }) => request_id === row.id);
          const refusal = row.state === 'pending' ? await refusalOf(parts, caller, row) : undefined;
          return accessRequestView(row, own, refusal);
        }),
      );
      return new Page(views, next);
    },
    show: async (caller, id) => viewOf(caller, await visible(caller, id)),
    decide: async (caller, id, request) => {
      const row = await decideAccess(parts, caller, await visible(caller, id), request);
      return viewOf(caller, row);
    },
    cancel: async (caller, id) => {
      const row = await visible(caller, id);
      if (row.user_id !== caller.id) throw new WeirError('not_permitted', 'Only who asked can take a request back.');
      const closed = (state: string) =>
        new WeirError('conflict', `The request ${id} is no longer open.`, { why: `It is ${state}.` });
      if (row.state !== 'pending') throw closed(row.state);
      const detail = { before: { state: row.state }, after: { state: 'cancelled' } };
      await audit.append({ actor: caller.name, action: 'access-cancelled', subject: id, detail });
      if (!(await requests.end(id, 'cancelled', new Date(now())))) throw closed('decided meanwhile');
      return viewOf(caller, { ...row, state: 'cancelled' });
    },
    countPending: () => requests.countPending(),
  };
}

async function ask(parts: GrantParts, caller: Caller, request: NewAccessRequest): Promise<AccessRequestRow> {
  const { requests, audit, policies, connections, now } = parts;
  const connection = await connections.find(request.connection);
  const principal = principalOf(caller);
  const { seconds, reason = '', ticket } = request;
  const { documents } = policies.current;
  const rules = fittingRules(documents, principal, connection, { ...request, kind: 'request', reason });
  const asked = {
    ...{ now: new Date(now()), seconds, reason, ticket: ticket ?? null },
    ...{ clientAddress: caller.clientAddress, mfaAtMs: caller.mfaAtMs },
  };
  const atOnce = rules.find((one) => isApprovedAtOnce(one, principal, factsOf(connection), asked));
  const rule = atOnce ?? rules.find(({ spec }) => spec.approvers !== undefined);
  if (rule === undefined) {
    throw new WeirError('not_permitted', `Nobody can approve access to ${connection.name}.`, {
      why: `The condition of ${rules[0].name} does not hold, and the rule names no approvers.`,
    });
  }
  if ((await requests.countPending(caller.id)) >= maxPendingPerPerson) {
    throw new WeirError('not_permitted', `You have ${maxPendingPerPerson} open requests already.`, {
      fix: 'Take some back: weir requests cancel ID',
    });
  }
  const facts = { rule: rule.name, kind: 'request' as const, ticket: ticket ?? null };
  const under = askedUnder(documents, principal, connection, rule, facts);
  if (under === null) throw new WeirError('not_permitted', `A grant would open nothing on ${connection.name}.`);
  const row = rowOf(caller, request, rule, { under, behind: await peopleBehind(parts, caller), nowMs: now() });
  const detail = {
    ...{
      principal: caller.name,
      connection: connection.name,
      rule: rule.name,
      seconds,
      reason,
      ticket: ticket ?? null,
    },
    approvers: row.approvers,
    before: null,
    after: { state: atOnce === undefined ? 'pending' : 'approved' },
  };
  await audit.append({ actor: caller.name, action: 'access-requested', subject: row.id, detail });
  if (atOnce === undefined) {
    await requests.insert(row);
  } else {
    const grant = grantOf(row, targetHashOf(connection), atOnce, now());
    await audit.append({ actor: 'policy', action: 'grant-given', subject: grant.id, detail: grantDetail(grant) });
    parts.book.add(await requests.insertApproved(row, grant));
  }
  const stored = await requests.find(row.id);
  if (stored === undefined) throw new WeirError('internal', `The request ${row.id} could not be stored.`);
  return stored;
}

function rowOf(
  caller: Caller,
  { connection, seconds, reason = '', ticket }: NewAccessRequest,
  { name, spec }: AccessRequestDocument,
  { under, behind, nowMs }: { under: string; behind: string[]; nowMs: number },
): NewAccessRequestRow {
  const { approvers, never } = spec;
  return {
    id: `acc_${shortId(8)}`,
    ...{ user_id: caller.id, principal: caller.name, principal_kind: caller.kind },
    ...{ connection, rule: name, seconds, reason, ticket: ticket ?? null },
    approvers: [...new Set(approvers?.groups ?? [])].sort(),
    require: approvers?.require ?? 'one-of',
    people: approvers?.people ?? 1,
    never:
      never === undefined ? null : { groups: [...(never.groups ?? [])], principals: [...(never.principals ?? [])] },
    ...{ asked_under: under, behind },
    created_at: new Date(nowMs),
    expires_at: new Date(nowMs + (tryDuration(spec.timeout) ?? 0)),
  };
}

/** The grant that a request becomes: its time begins now. */
export function grantOf(
  row: NewAccessRequestRow,
  target: string,
  { spec }: AccessRequestDocument,
  nowMs: number,
): NewGrant {
  return {
    ...{ id: `grt_${shortId(8)}`, request_id: row.id, kind: 'request' },
    ...{ user_id: row.user_id, principal: row.principal, principal_kind: row.principal_kind },
    ...{ connection: row.connection, rule: row.rule },
    ...{ reason: row.reason, ticket: row.ticket, target, behind: row.behind },
    watchers: [...new Set([...row.approvers, ...(spec.breakGlass?.review.by.groups ?? [])])],
    from_at: new Date(nowMs),
    until_at: new Date(nowMs + row.seconds * 1000),
    ...{ review_by: null, review_due_at: null },
  };
}

/** What the audit log says of a grant. */
export function grantDetail(grant: NewGrant) {
  const { principal, connection, rule, reason, ticket, request_id: request, until_at } = grant;
  return { principal, connection, rule, reason, ticket, request, until: until_at.toISOString() };
}

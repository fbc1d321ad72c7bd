import type { BreakGlassRequest, Grant, ListGrantsQuery, ReviewGrantRequest } from '@weir/api';
import { isWeirError, WeirError } from '@weir/errors';
import { longestOf, tryDuration } from '@weir/policy';
import { targetHashOf } from '../connections/target.ts';
import { cutPage, Page } from '../http/paging.ts';
import { type Caller, principalOf, seesAll } from '../identity/caller.ts';
import { shortId } from '../identity/short-id.ts';
import type { GrantRow, NewGrant } from '../store/grants.ts';
import type { Keyset } from '../store/keyset.ts';
import { grantDetail } from './access-requests.ts';
import { heldOf } from './grant-book.ts';
import { type GrantParts, isBehind, peopleBehind } from './parts.ts';
import { fittingRules } from './request-rule.ts';
import { grantView } from './views.ts';

/** What people do with grants. */
export interface Grants {
  /** Own grants and those that the caller watches over; all for admins and auditors. */
  list(caller: Caller, query: ListGrantsQuery, page: Keyset): Promise<Page<Grant>>;
  show(caller: Caller, id: string): Promise<Grant>;
  /** Ends a grant and its sessions now. @throws WeirError not_found, not_permitted, conflict. */
  revoke(caller: Caller, id: string, reason: string): Promise<Grant>;
  /** Takes access at once. @throws WeirError not_found, not_permitted, conflict (a review is overdue). */
  breakGlass(caller: Caller, request: BreakGlassRequest): Promise<Grant>;
  /** @throws WeirError self_approval, not_permitted, conflict, not_found. */
  review(caller: Caller, id: string, request: ReviewGrantRequest): Promise<Grant>;
  countReviews(): Promise<{ open: number; overdue: number }>;
}

/** Makes the use-cases. */
export function createGrants(parts: GrantParts): Grants {
  const { grants, audit, book, sessions, sweep, now } = parts;
  const visible = async (caller: Caller, id: string): Promise<GrantRow> => {
    await sweep();
    const row = await grants.find(id);
    const isWatcher = row?.watchers.some((group) => caller.groups.includes(group)) ?? false;
    if (row !== undefined && (row.user_id === caller.id || isWatcher || seesAll(caller))) return row;
    throw new WeirError('not_found', `There is no grant ${id}.`, { fix: 'Run: weir grants ls' });
  };
  const viewOf = async (row: GrantRow): Promise<Grant> => grantView(row, now(), await isInForce(parts, row));
  return {
    list: async (caller, { state }, page) => {
      await sweep();
      const visibleTo = seesAll(caller) ? {} : { visibleTo: { userId: caller.id, groups: caller.groups } };
      const filter = { ...visibleTo, state, now: new Date(now()) };
      const found = await grants.list(filter, { ...page, limit: page.limit + 1 });
      const { items, next } = cutPage(found, page, (row) => [row.from_at.toISOString(), row.id]);
      return new Page(await Promise.all(items.map(viewOf)), next);
    },
    show: async (caller, id) => viewOf(await visible(caller, id)),
    revoke: async (caller, id, reason) => {
      const row = await visible(caller, id);
      const isWatcher = row.watchers.some((group) => caller.groups.includes(group));
      if (row.user_id !== caller.id && !isWatcher && !caller.roles.includes('admin')) {
        throw new WeirError('not_permitted', 'You may not revoke this grant.');
      }
      const detail = { ...grantDetail(row), reason, before: { revoked: false }, after: { revoked: true, reason } };
      await audit.append({ actor: caller.name, action: 'grant-revoked', subject: id, detail });
      const revoked = await grants.revoke(id, caller.name, reason, new Date(now()));
      if (revoked === undefined) throw new WeirError('conflict', `The grant ${id} has ended already.`);
      book.remove(id);
      await sessions.refresh(
        (_session, entry) => entry.opening.grants.has(id),
        `the grant ${id} was revoked by ${caller.name}`,
      );
      return viewOf(revoked);
    },
    breakGlass: async (caller, request) => {
      await sweep();
      try {
        return await viewOf(await breakGlass(parts, caller, request));
      } catch (error) {
        if (isWeirError(error)) {
          const detail = { code: error.code, message: error.message, why: error.why };
          await audit.append({
            actor: caller.name,
            action: 'break-glass-refused',
            subject: request.connection,
            detail,
          });
        }
        throw error;
      }
    },
    review: async (caller, id, { verdict, comment }) => {
      const row = await visible(caller, id);
      await refuseReviewer(parts, caller, row);
      const detail = {
        ...{ verdict, comment, principal: row.principal, connection: row.connection },
        ...{ before: { review: null }, after: { review: verdict, comment } },
      };
      await audit.append({ actor: caller.name, action: 'break-glass-reviewed', subject: id, detail });
      const reviewed = await grants.review(id, { by: caller.name, at: new Date(now()), verdict, comment });
      if (reviewed === undefined) throw new WeirError('conflict', `The grant ${id} was reviewed already.`);
      return viewOf(reviewed);
    },
    countReviews: () => grants.countReviews(new Date(now())),
  };
}

/** Does the grant open something now, by the policy, the account and the connection of this moment? */
async function isInForce({ access, connections, standingOf }: GrantParts, row: GrantRow): Promise<boolean> {
  if (row.revoked_at !== null) return false;
  const standing = await standingOf(row.principal);
  if (standing?.id !== row.user_id) return false;
  try {
    const connection = await connections.find(row.connection);
    const principal = { id: row.user_id, name: row.principal, kind: row.principal_kind, groups: [...standing.groups] };
    return access.inForce(principal, connection, [heldOf(row)]).length > 0;
  } catch (error) {
    if (isWeirError(error) && error.code === 'not_found') return false;
    throw error;
  }
}

async function breakGlass(parts: GrantParts, caller: Caller, request: BreakGlassRequest): Promise<GrantRow> {
  const { grants, audit, book, policies, connections, now } = parts;
  const connection = await connections.find(request.connection);
  const wanted = { ...request, kind: 'break-glass' as const };
  const [rule] = fittingRules(policies.current.documents, principalOf(caller), connection, wanted);
  const { breakGlass: terms } = rule.spec;
  if (terms === undefined) throw new WeirError('internal', `The rule ${rule.name} has no break-glass.`);
  const { overdue } = await grants.countReviews(new Date(now()), rule.name);
  if (overdue > 0 && terms.review.overdue === 'block') {
    throw new WeirError('conflict', `Break-glass by the rule ${rule.name} is blocked.`, {
      why: `${overdue === 1 ? 'A review' : `${overdue} reviews`} of earlier break-glass ${overdue === 1 ? 'is' : 'are'} overdue.`,
      fix: `Let ${terms.review.by.groups.join(' or ')} review it: weir grants ls --state to-review`,
    });
  }
  const lengthMs = request.seconds === undefined ? longestOf(rule, 'break-glass') : request.seconds * 1000;
  const until = now() + lengthMs;
  const grant: NewGrant = {
    ...{ id: `grt_${shortId(8)}`, request_id: null, kind: 'break-glass' },
    ...{ user_id: caller.id, principal: caller.name, principal_kind: caller.kind },
    ...{ connection: connection.name, rule: rule.name },
    ...{ reason: request.reason, ticket: request.ticket ?? null, target: targetHashOf(connection) },
    behind: await peopleBehind(parts, caller),
    watchers: [...new Set([...terms.review.by.groups, ...(rule.spec.approvers?.groups ?? [])])],
    from_at: new Date(now()),
    until_at: new Date(until),
    review_by: [...terms.review.by.groups],
    review_due_at: new Date(until + (tryDuration(terms.review.within) ?? 0)),
  };
  // First it is told, then it works.
  const detail = {
    ...{ ...grantDetail(grant), reviewBy: grant.review_by, address: caller.clientAddress },
    ...{ before: null, after: { until: grant.until_at.toISOString() } },
  };
  await audit.append({ actor: caller.name, action: 'break-glass-used', subject: grant.id, detail });
  const row = await grants.insert(grant);
  book.add(row);
  return row;
}

async function refuseReviewer(parts: GrantParts, caller: Caller, row: GrantRow): Promise<void> {
  if (row.review_by === null) throw new WeirError('conflict', `The grant ${row.id} needs no review.`);
  const refusal = (await isBehind(parts, caller, row))
    ? new WeirError('self_approval', 'Nobody reviews his own break-glass.')
    : caller.kind === 'person' && row.review_by.some((group) => caller.groups.includes(group))
      ? undefined
      : new WeirError('not_permitted', 'You may not review this grant.', {
          why: `It is for: ${row.review_by.join(', ')}.`,
        });
  if (refusal === undefined) return;
  const detail = { code: refusal.code };
  await parts.audit.append({ actor: caller.name, action: 'review-refused', subject: row.id, detail });
  throw refusal;
}

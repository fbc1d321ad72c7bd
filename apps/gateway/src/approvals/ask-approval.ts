import { isWeirError, WeirError } from '@weir/errors';
import type { ApprovalAsk, ApprovalState } from '@weir/proto';
import type { AuditLog } from '../audit/audit-log.ts';
import type { LiveSession } from '../dataplane/ports.ts';
import { shortId } from '../identity/short-id.ts';
import type { Log } from '../log/create-log.ts';
import type { ApprovalRepository, NewRequest, RequestRow } from '../store/approvals.ts';
import type { ApprovalClock } from './approval-clock.ts';
import type { Circumstances, Standing } from './circumstances.ts';
import { outcomeOf } from './decide.ts';
import type { WaitingAsks } from './waiting-asks.ts';

/** Bounds of the time that a request stays open. */
const minTimeoutMs = 1000;
const maxTimeoutMs = 24 * 3_600_000;

/** Approvers read requests one by one: nobody fills their inbox. */
const maxPendingPerPerson = 50;

/** What asking stands on. */
export interface AskParts {
  readonly approvals: ApprovalRepository;
  readonly waiting: WaitingAsks;
  readonly clock: ApprovalClock;
  readonly circumstances: Circumstances;
  readonly standingOf: (name: string) => Promise<Standing | undefined>;
  /** Address of the page on which a request is decided. */
  readonly linkTo: (requestId: string) => string;
  readonly audit: AuditLog;
  readonly log: Log;
  readonly now: () => number;
}

/**
 * An agent asks. `wait`: pending, then one final state; the returned function withdraws the request. `retry`: an approved request of the
 * same binding is used up (approved), else the pending one is named again or a new one is made (pending); it outlives its channel, so
 * the returned function does nothing. When the request cannot be stored the ask is denied.
 */
export function askApproval(
  parts: AskParts,
  session: LiveSession,
  ask: ApprovalAsk,
  tell: (state: ApprovalState) => void,
): () => void {
  const handle = { requestId: undefined as string | undefined, isWithdrawn: false };
  const work = ask.mode === 'wait' ? wait(parts, session, ask, tell, handle) : retry(parts, session, ask, tell);
  work.catch((error: unknown) => {
    const isRefusal = isWeirError(error) && error.code === 'not_permitted';
    if (!isRefusal) parts.log.error('an approval request could not be stored', error, { session: session.id });
    if (handle.isWithdrawn) return;
    const reason = isRefusal ? error.message : 'the gateway could not store the request';
    tell({ ask: ask.ask, requestId: '', state: 'denied', reason });
  });
  return () => {
    if (ask.mode === 'retry' || handle.isWithdrawn) return;
    handle.isWithdrawn = true;
    if (handle.requestId !== undefined) withdraw(parts, handle.requestId, session.principal.name);
  };
}

/** Withdraws the requests that a session waits for. */
export function withdrawAsksOf(parts: AskParts, sessionId: string): void {
  for (const id of parts.waiting.forgetSession(sessionId)) withdrawStored(parts, id, 'gateway');
}

function withdraw(parts: AskParts, requestId: string, by: string): void {
  if (parts.waiting.forget(requestId)) withdrawStored(parts, requestId, by);
}

function withdrawStored({ approvals, audit, log }: AskParts, requestId: string, by: string): void {
  approvals
    .withdraw(requestId)
    .then((isWithdrawn) => {
      if (isWithdrawn) audit.later({ actor: by, action: 'request-withdrawn', subject: requestId });
    })
    .catch((error: unknown) => log.error('an approval request could not be withdrawn', error, { request: requestId }));
}

async function wait(
  parts: AskParts,
  session: LiveSession,
  ask: ApprovalAsk,
  tell: (state: ApprovalState) => void,
  handle: { requestId: string | undefined; isWithdrawn: boolean },
): Promise<void> {
  const request = await store(parts, session, ask, await askedUnder(parts, session));
  if (handle.isWithdrawn) return withdrawStored(parts, request.id, session.principal.name);
  handle.requestId = request.id;
  const base = { ask: ask.ask, requestId: request.id };
  const link = parts.linkTo(request.id);
  tell({ ...base, state: 'pending', link, expiresAtMs: request.expiresAt.getTime() });
  parts.waiting.wait(request.id, session.id, (outcome) => tell({ ...base, ...outcome }));
  await parts.clock.reschedule();
}

async function retry(
  parts: AskParts,
  session: LiveSession,
  ask: ApprovalAsk,
  tell: (state: ApprovalState) => void,
): Promise<void> {
  const { approvals, audit, now } = parts;
  const key = {
    ...{ userId: session.principal.id, connection: session.connection.name, binding: ask.binding },
    askedUnder: await askedUnder(parts, session),
  };
  for (const id of await approvals.withdrawOutdated(key)) {
    audit.later({
      actor: 'gateway',
      action: 'request-outdated',
      subject: id,
      detail: { principal: session.principal.name },
    });
  }
  const own = await behind(parts, session.principal);
  for (;;) {
    const found = await approvals.consume(key, new Date(now()), (row, decisions) =>
      outcomeOf(row, decisions, [...row.behind, ...own]),
    );
    if (found === undefined) break;
    const { row: used, isGood } = found;
    if (!isGood) {
      const detail = { principal: session.principal.name, why: 'those who approved it may not any more' };
      audit.later({ actor: 'gateway', action: 'request-outdated', subject: used.id, detail });
      continue;
    }
    const detail = { session: session.id, approvedBy: used.decided_by };
    await audit.append({ actor: session.principal.name, action: 'request-used', subject: used.id, detail });
    tell({ ask: ask.ask, requestId: used.id, state: 'approved', ...decisionOf(used) });
    return;
  }
  for (let attempt = 0; attempt < 5; attempt++) {
    const pending = await approvals.findPendingRetry(key, new Date(now()));
    const request = pending ?? (await tryStore(parts, session, ask, key.askedUnder));
    if (request === undefined) {
      // The same statement was asked by another channel at this moment, or its request just expired.
      await parts.clock.expireDue();
      continue;
    }
    const expiresAt = 'expires_at' in request ? request.expires_at : request.expiresAt;
    const link = parts.linkTo(request.id);
    tell({ ask: ask.ask, requestId: request.id, state: 'pending', link, expiresAtMs: expiresAt.getTime() });
    await parts.clock.reschedule();
    return;
  }
  throw new WeirError('conflict', 'The request could not be stored beside its twins.');
}

/** @throws WeirError not_permitted when the account or the connection is gone. */
async function askedUnder({ circumstances }: AskParts, session: LiveSession): Promise<string> {
  const { name, actingFor } = session.principal;
  const present = await circumstances.of(name, session.connection.name, actingFor?.name ?? null);
  if (present !== null) return present;
  throw new WeirError('not_permitted', 'The account or the connection of this session is gone.');
}

async function store(parts: AskParts, session: LiveSession, ask: ApprovalAsk, under: string): Promise<NewRequest> {
  for (let attempt = 0; attempt < 5; attempt++) {
    const request = await tryStore(parts, session, ask, under);
    if (request !== undefined) return request;
  }
  throw new WeirError('internal', 'No free name for the request was found.');
}

async function tryStore(
  parts: AskParts,
  session: LiveSession,
  ask: ApprovalAsk,
  under: string,
): Promise<NewRequest | undefined> {
  const { approvals, audit, now } = parts;
  const request = { ...requestOf(session, ask, now(), under), behind: await behind(parts, session.principal) };
  if ((await approvals.countPending(request.createdAt, request.userId)) >= maxPendingPerPerson) {
    throw new WeirError('not_permitted', `You have ${maxPendingPerPerson} open requests already.`, {
      fix: 'Wait until they are decided or have expired: weir requests ls',
    });
  }
  if (!(await approvals.insert(request))) return undefined;
  const { principal, actingFor, connection, rule, mode, approvers } = request;
  const behindIt = actingFor === null ? {} : { actingFor };
  const detail = { session: session.id, connection, rule, mode, approvers, ...behindIt };
  await audit.append({ actor: principal, action: 'request-made', subject: request.id, detail });
  return request;
}

function requestOf(session: LiveSession, ask: ApprovalAsk, nowMs: number, under: string): NewRequest {
  const timeoutMs = Math.min(Math.max(ask.timeoutMs, minTimeoutMs), maxTimeoutMs);
  // A statement that waits cannot wait longer than its session lives.
  const endMs = ask.mode === 'wait' ? Math.min(nowMs + timeoutMs, session.expiresAtMs) : nowMs + timeoutMs;
  return {
    id: `req_${shortId(6)}`,
    sessionId: session.id,
    connection: session.connection.name,
    userId: session.principal.id,
    principal: session.principal.name,
    statement: ask.statement,
    parameters: ask.parameters,
    database: ask.database,
    role: ask.role,
    tables: ask.tables,
    kind: ask.kind,
    rule: ask.rule,
    reason: ask.reason,
    approvers: ask.approvers,
    mode: ask.mode,
    binding: ask.binding,
    timeoutMs,
    createdAt: new Date(nowMs),
    expiresAt: new Date(endMs),
    askedUnder: under,
    behind: [],
    actingFor: session.principal.actingFor?.name ?? null,
    people: Math.max(ask.people ?? 1, 1),
    require: ask.require ?? 'one-of',
    estimate: estimateOf(ask.estimate),
  };
}

/** An agent's word, in bounds: it is shown to people. */
function estimateOf(estimate: ApprovalAsk['estimate']): NewRequest['estimate'] {
  if (estimate === undefined) return null;
  const { rows, why } = estimate;
  if (typeof rows === 'number' && Number.isFinite(rows) && rows >= 0) return { rows, why: null };
  return { rows: null, why: typeof why === 'string' ? why.slice(0, 200) : 'the agent does not say' };
}

/** The people behind a principal: its own, and the one for whom it acts. */
async function behind({ standingOf }: AskParts, { name, actingFor }: LiveSession['principal']): Promise<string[]> {
  const names = actingFor === undefined ? [name] : [name, actingFor.name];
  const standings = await Promise.all(names.map(standingOf));
  return [...new Set(standings.flatMap((standing) => standing?.people ?? []))];
}

function decisionOf(row: RequestRow): { by?: string; reason?: string } {
  return {
    ...(row.decided_by === null ? {} : { by: row.decided_by }),
    ...(row.decision_reason === null ? {} : { reason: row.decision_reason }),
  };
}

import type { ListSessionsQuery, OpenSessionRequest, OpenSessionResponse, Session } from '@weir/api';
import { WeirError } from '@weir/errors';
import type { Principal } from '@weir/proto';
import type { RecordEntry } from '@weir/recording';
import type { Journal, LiveSession } from '../dataplane/ports.ts';
import { cutPage, type Page } from '../http/paging.ts';
import { type Caller, seesAll } from '../identity/caller.ts';
import type { EndedSignIns } from '../identity/oauth/ended-sign-ins.ts';
import type { MachineStanding } from '../identity/workload/machine-standing.ts';
import type { Keyset } from '../store/keyset.ts';
import type { SessionRow } from '../store/sessions.ts';
import { createDurableNotes } from './durable-notes.ts';
import { createSessionEnder, type EndParts, type SessionEnder } from './end-session.ts';
import { createLiveSessions, type LiveSessions, type SessionEntry } from './live-session.ts';
import { type OpenParts, openSession } from './open-session.ts';
import { refreshSessions } from './refresh-sessions.ts';

/** How often counters of live sessions are stored. */
const countIntervalMs = 2000;
const signInEnded = 'the sign-in that opened it was ended';
/** Longest delay that a timer takes; sessions live a day at most. */
const maxTimerMs = 2 ** 31 - 1;

/** Sessions: live ones in memory, all of them in the store. */
export interface Sessions {
  /** Ends what a crashed gateway left active. Call before anything is opened. */
  recover(): Promise<void>;
  open(caller: Caller, request: OpenSessionRequest, clientAddress: string): Promise<OpenSessionResponse>;
  /** Opens a session for one client connection that signed in at a native listener. @throws as `open`. */
  openNative(caller: Caller, connection: string, clientAddress: string): Promise<LiveSession>;
  list(caller: Caller, query: ListSessionsQuery, page: Keyset): Promise<Page<Session>>;
  /** @throws WeirError not_found also for sessions that the caller may not see. */
  show(caller: Caller, id: string): Promise<Session>;
  /** Events, oldest first. Reading another person's is audited. */
  events(caller: Caller, id: string): Promise<AsyncIterable<RecordEntry>>;
  /** Own sessions, those that the caller must watch, and all for admins. */
  kill(caller: Caller, id: string, reason: string): Promise<void>;
  end(id: string, reason: string, by: string): Promise<boolean>;
  /** Ends what was opened by sign-ins that were ended. */
  endSignedInBy(ended: EndedSignIns): Promise<void>;
  endWhere(matches: (session: LiveSession) => boolean, reason: string, by: string): Promise<void>;
  /** Compiles policy again for the matching sessions: pushes new plans, ends sessions that are no longer allowed. */
  refresh(matches: (session: LiveSession, entry: SessionEntry) => boolean, why: string): Promise<void>;
  readonly live: LiveSessions;
  liveCount(): number;
  /** Ends all sessions and waits for their recordings. */
  close(reason: string): Promise<void>;
}

/** What sessions stand on. */
export type SessionParts = Omit<OpenParts, 'live' | 'onOpened' | 'notes' | 'journal'> &
  Omit<EndParts, 'live' | 'journal'> & {
    readonly journal: Journal;
    /** Does the store hold the sealed anchor of a session's recording? */
    readonly isSealed: (sessionId: string) => Promise<boolean>;
    /** Was the sign-in of a caller (`tokenId`) ended before its time? */
    readonly isSignInEnded: (tokenId: string) => Promise<boolean>;
    /** The account now; undefined = gone or disabled. */
    readonly accountOf: (userName: string) => Promise<Pick<Principal, 'kind' | 'groups'> | undefined>;
    /** Does the live session need this person as a watcher? He sees it, and may end it. */
    readonly isOverseer: (caller: Caller, sessionId: string) => boolean;
    /** Whether what a machine signed in by still holds. */
    readonly machineStanding: MachineStanding;
  };

/** Makes the use-cases. */
export function createSessions(parts: SessionParts): Sessions {
  const live = createLiveSessions();
  const notes = createDurableNotes(parts.journal);
  const ender = createSessionEnder({ ...parts, live });
  const counting = setInterval(() => {
    storeCounts(parts, live);
    // Timers do not see that the wall clock was set.
    for (const entry of live.all()) if (entry.live.expiresAtMs <= parts.now()) expire(entry, ender, parts);
  }, countIntervalMs);
  counting.unref();
  const onOpened = (entry: SessionEntry): void => startClock(entry, ender, parts);
  const visible = async (caller: Caller, id: string): Promise<SessionRow> => {
    const row = await parts.sessions.find(id);
    if (row !== undefined && (row.user_id === caller.id || seesAll(caller) || parts.isOverseer(caller, id))) return row;
    throw new WeirError('not_found', `There is no session ${id}.`, { fix: 'Run: weir sessions ls' });
  };
  const endWhere: Sessions['endWhere'] = async (matches, reason, by) => {
    const matching = live.all().filter((entry) => matches(entry.live));
    await Promise.all(matching.map((entry) => ender.end(entry.live.id, reason, by)));
  };
  const refresh: Sessions['refresh'] = (matches, why) =>
    refreshSessions({ ...parts, live, ender, onShortened: onOpened }, matches, why);
  const open = async (caller: Caller, request: OpenSessionRequest, address: string) => {
    const opened = await openSession({ ...parts, live, notes, onOpened }, caller, request, address);
    // What changed while the session was being opened did not find it among the live ones.
    if (await parts.isSignInEnded(caller.tokenId)) await ender.end(opened.id, signInEnded, 'gateway');
    await refresh((session) => session.id === opened.id, 'policy changed');
    const entry = live.byId(opened.id);
    if (entry !== undefined) return { opened, session: entry.live };
    throw new WeirError('not_permitted', 'The session ended while it was being opened.', {
      why: 'Policy, the account or the connection changed at that moment.',
    });
  };
  return {
    recover: () => recover(parts),
    open: async (caller, request, address) => (await open(caller, request, address)).opened,
    openNative: async (caller, connection, address) =>
      (await open(caller, { connection, via: 'native' }, address)).session,
    list: async (caller, { state, connection }, page) => {
      const own = seesAll(caller) ? {} : { userId: caller.id };
      const rows = await parts.sessions.list({ ...own, state, connection }, { ...page, limit: page.limit + 1 });
      return cutPage(rows, page, (row) => [row.opened_at.toISOString(), row.id]).map((row) => viewOf(row, live));
    },
    show: async (caller, id) => viewOf(await visible(caller, id), live),
    events: async (caller, id) => {
      const row = await visible(caller, id);
      if (row.user_id !== caller.id) {
        const detail = { principal: row.principal };
        await parts.audit.append({ actor: caller.name, action: 'session-viewed', subject: id, detail });
      }
      return begun(parts.journal.read(id));
    },
    kill: async (caller, id, reason) => {
      const row = await visible(caller, id);
      if (row.user_id !== caller.id && !caller.roles.includes('admin') && !parts.isOverseer(caller, id)) {
        throw new WeirError('not_permitted', 'Only an administrator may end the sessions of others.');
      }
      const text = reason === '' ? `ended by ${caller.name}` : `ended by ${caller.name}: ${reason}`;
      await ender.end(id, text, caller.name);
    },
    end: (id, reason, by) => ender.end(id, reason, by),
    endSignedInBy: async (ended) => {
      const isOf = ({ principal }: LiveSession, { signIn }: SessionEntry): boolean =>
        'tokenId' in ended ? signIn === ended.tokenId : principal.id === ended.userId;
      // A disabled account is the better reason.
      await refresh(isOf, 'the sign-in was ended');
      const matching = live.all().filter((entry) => isOf(entry.live, entry));
      await Promise.all(matching.map((entry) => ender.end(entry.live.id, signInEnded, 'gateway')));
    },
    endWhere,
    refresh,
    live,
    liveCount: () => live.all().length,
    close: async (reason) => {
      clearInterval(counting);
      await endWhere(() => true, reason, 'gateway');
      await ender.sealed();
    },
  };
}

/** Reads the first entry at once, so that a recording that cannot be read is an error and not an answer that breaks off. */
async function begun(entries: AsyncIterable<RecordEntry>): Promise<AsyncIterable<RecordEntry>> {
  const iterator = entries[Symbol.asyncIterator]();
  let first: Promise<IteratorResult<RecordEntry>> | undefined = iterator.next();
  await first;
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => {
        const next = first ?? iterator.next();
        first = undefined;
        return next;
      },
      return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
    }),
  };
}

function startClock(entry: SessionEntry, ender: SessionEnder, parts: Pick<SessionParts, 'now' | 'log'>): void {
  const delayMs = Math.min(Math.max(0, entry.live.expiresAtMs - parts.now()), maxTimerMs);
  clearTimeout(entry.expiry);
  entry.expiry = setTimeout(() => expire(entry, ender, parts), delayMs);
  entry.expiry.unref();
}

function expire(entry: SessionEntry, ender: SessionEnder, { log }: Pick<SessionParts, 'log'>): void {
  const { id } = entry.live;
  ender
    .end(id, entry.expiryReason, 'gateway')
    .catch((error: unknown) => log.error('an expired session could not be ended', error, { session: id }));
}

function storeCounts(parts: Pick<SessionParts, 'sessions' | 'log'>, live: LiveSessions): void {
  for (const entry of live.all().filter((candidate) => !candidate.isCountStored)) {
    entry.isCountStored = true;
    parts.sessions.count(entry.live.id, { ...entry.counts }).catch((error: unknown) => {
      entry.isCountStored = false;
      parts.log.error('counters of a session could not be stored', error, { session: entry.live.id });
    });
  }
}

async function recover(parts: SessionParts): Promise<void> {
  const { sessions, audit, log, now } = parts;
  const reason = 'the gateway stopped without ending it';
  for (const id of await sessions.endAll(reason, new Date(now()))) {
    await audit.append({ actor: 'gateway', action: 'session-ended', subject: id, detail: { reason } });
    // The journal has finished the recordings of an earlier process when it was opened.
    const isSealed = await parts.isSealed(id);
    if (!isSealed) log.warn('the recording of an interrupted session is not sealed', { session: id });
    await sessions.setRecording(id, isSealed ? 'sealed' : 'broken');
  }
}

function viewOf(row: SessionRow, live: LiveSessions): Session {
  const counts = live.byId(row.id)?.counts;
  return {
    id: row.id,
    connection: row.connection,
    principal: row.principal,
    actingFor: row.acting_for,
    via: row.via,
    state: row.state,
    openedAt: row.opened_at.toISOString(),
    endedAt: row.ended_at?.toISOString() ?? null,
    endReason: row.end_reason,
    channels: counts?.channels ?? row.channels,
    statements: counts?.statements ?? row.statements,
    denied: counts?.denied ?? row.denied,
    clientAddress: counts?.clientAddress ?? row.client_address,
    recording: row.recording,
  };
}

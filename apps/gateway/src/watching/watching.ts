import type { Readable } from 'node:stream';
import { WeirError } from '@weir/errors';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Journal } from '../dataplane/ports.ts';
import { type Caller, seesAll } from '../identity/caller.ts';
import type { EndedSignIns } from '../identity/oauth/ended-sign-ins.ts';
import type { LiveSessions } from '../sessions/live-session.ts';
import type { ApprovalRepository } from '../store/approvals.ts';
import type { JointSessions } from './joint-sessions.ts';
import type { LiveFeeds } from './live-feeds.ts';
import { createLiveStream, type LiveStream } from './live-stream.ts';

/** A watcher says so often that he is still there; a watch that was silent for the second time ends. Milliseconds. */
export const keepIntervalMs = 10_000;
const silentMs = 30_000;
/** Watches of one person at a time. */
const maxWatches = 20;

/** People who look at sessions while they happen. */
export interface Watching {
  /**
   * The events of a live session as lines of JSON: those so far, then each as it comes, until the session or the watch ends.
   * @throws WeirError not_found also for sessions that the caller may not watch; session_ended, conflict (too many watches).
   */
  watch(caller: Caller, sessionId: string): Promise<Readable>;
  /** The caller still watches, and still may: otherwise his watches of the session end. @throws WeirError as {@link watch}. */
  keep(caller: Caller, sessionId: string): Promise<void>;
  /** Ends what was opened by sign-ins that were ended. */
  endSignedInBy(ended: EndedSignIns): void;
}

/** What watching stands on. */
export interface WatchingParts {
  readonly live: () => Pick<LiveSessions, 'byId'>;
  readonly feeds: Pick<LiveFeeds, 'follow'>;
  readonly journal: Pick<Journal, 'read'>;
  readonly joint: JointSessions;
  readonly approvals: Pick<ApprovalRepository, 'isApproverIn'>;
  readonly audit: AuditLog;
  readonly now: () => number;
}

interface Watch {
  readonly caller: Caller;
  readonly sessionId: string;
  readonly live: LiveStream;
  isLive: boolean;
  silence: NodeJS.Timeout | undefined;
}

/** Makes the use-cases. */
export function createWatching(parts: WatchingParts): Watching {
  const { joint, audit, now } = parts;
  const watches = new Set<Watch>();
  const of = (caller: Pick<Caller, 'id'>, sessionId?: string): Watch[] =>
    [...watches].filter(
      (watch) => watch.caller.id === caller.id && (sessionId === undefined || watch.sessionId === sessionId),
    );
  const requireLive = async (caller: Caller, sessionId: string) => {
    const session = parts.live().byId(sessionId)?.live;
    if (session !== undefined && (await mayWatch(parts, caller, sessionId, session.principal.id))) return session;
    throw new WeirError('not_found', `There is no open session ${sessionId} that you may watch.`, {
      why: 'Sessions are watched while they are open: by auditors, by those who must watch them, and by approvers of their statements.',
      fix: `When it has ended: weir sessions replay ${sessionId}`,
    });
  };
  const listen = (watch: Watch): void => {
    clearTimeout(watch.silence);
    watch.silence = setTimeout(() => watch.live.end('the watcher was not heard of any more'), silentMs);
    watch.silence.unref();
  };
  return {
    watch: async (caller, sessionId) => {
      const { principal, connection } = await requireLive(caller, sessionId);
      if (of(caller).length >= maxWatches) {
        throw new WeirError('conflict', `You watch ${maxWatches} sessions already.`, { fix: 'End one of them.' });
      }
      const facts = { principal: principal.name, connection: connection.name };
      // Before the first event is shown.
      await audit.append({ actor: caller.name, action: 'watch-began', subject: sessionId, detail: facts });
      // The session may have ended, or the right to watch it, while the log was written.
      await requireLive(caller, sessionId);
      const over = (reason: string): void => {
        clearTimeout(watch.silence);
        watches.delete(watch);
        if (!of(caller, sessionId).some(({ isLive }) => isLive)) joint.left(sessionId, caller.id);
        audit.later({ actor: caller.name, action: 'watch-ended', subject: sessionId, detail: { ...facts, reason } });
      };
      const watch: Watch = {
        ...{ caller, sessionId, isLive: false, silence: undefined },
        live: createLiveStream({
          ...{ session: sessionId, feeds: parts.feeds, read: (id) => parts.journal.read(id), now },
          onLive: () => {
            watch.isLive = true;
            joint.came(sessionId, caller);
          },
          onOver: (reason) => over(reason),
        }),
      };
      watches.add(watch);
      listen(watch);
      return watch.live.stream;
    },
    keep: async (caller, sessionId) => {
      const own = of(caller, sessionId);
      try {
        await requireLive(caller, sessionId);
      } catch (error) {
        for (const { live } of own) live.end('the watcher may not watch it any more');
        throw error;
      }
      for (const watch of own) listen(watch);
      if (own.some(({ isLive }) => isLive)) joint.came(sessionId, caller);
    },
    endSignedInBy: (ended) => {
      for (const { caller, live } of [...watches]) {
        const isOf = 'tokenId' in ended ? caller.tokenId === ended.tokenId : caller.id === ended.userId;
        if (isOf) live.end('the sign-in of the watcher was ended');
      }
    },
  };
}

/** The person whose session it is, administrators and auditors, those whom the session needs as watchers, and approvers of its statements. */
async function mayWatch(
  { joint, approvals }: WatchingParts,
  caller: Caller,
  sessionId: string,
  ownerId: string,
): Promise<boolean> {
  if (caller.id === ownerId || seesAll(caller) || joint.isNeeded(sessionId, caller)) return true;
  return caller.kind === 'person' && (await approvals.isApproverIn(sessionId, caller.groups));
}

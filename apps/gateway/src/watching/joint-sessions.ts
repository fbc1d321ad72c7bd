import type { ApprovalAsk, ApprovalState } from '@weir/proto';
import type { AuditLog } from '../audit/audit-log.ts';
import type { DataPlane, Journal, LiveSession } from '../dataplane/ports.ts';
import type { Log } from '../log/create-log.ts';
import { groupsText, meets, type Watcher, type WatcherNeed } from './watchers.ts';

/** Bounds of the time that a shell waits for a watcher, and that a paused session lives. */
const minTimeoutMs = 1000;
const maxTimeoutMs = 24 * 3_600_000;

/** Sessions that go on only while somebody watches. */
export interface JointSessions {
  /**
   * A channel needs a watcher (`ask.watch`). `tell` is called with pending, then with approved or expired, or with approved at once. From `approved`
   * on the session pauses while nobody watches whom the ask names. The returned function ends the need.
   */
  require(session: LiveSession, ask: ApprovalAsk, tell: (state: ApprovalState) => void): () => void;
  /** Somebody watches live; call it again when what is known of him changed. */
  came(sessionId: string, watcher: Watcher): void;
  /** The account has no live view of the session any more. */
  left(sessionId: string, watcherId: string): void;
  /** Would this person be a watcher that the session needs? */
  isNeeded(sessionId: string, person: Watcher): boolean;
  /** The session is over. */
  ended(sessionId: string): void;
}

/** What they stand on. */
export interface JointParts {
  readonly dataPlane: Pick<DataPlane, 'pauseSession' | 'resumeSession'>;
  readonly journal: Pick<Journal, 'note'>;
  readonly audit: Pick<AuditLog, 'later'>;
  readonly log: Log;
  readonly now: () => number;
  /** Ids of the people behind accounts, by their names. */
  readonly peopleBehind: (names: readonly string[]) => Promise<readonly string[]>;
  readonly endSession: (sessionId: string, reason: string) => Promise<unknown>;
}

interface Need extends WatcherNeed {
  own: ReadonlySet<string>;
  readonly timeoutMs: number;
  /** Tells the agent; undefined once it was met. */
  waiting: ((watcher: Watcher) => void) | undefined;
}

interface Joint {
  readonly session: LiveSession;
  readonly needs: Set<Need>;
  isPaused: boolean;
  /** Ends the session when its pause lasts too long. */
  timer: NodeJS.Timeout | undefined;
}

/** Makes them. Fail closed: a session is held before anybody is told of it. */
export function createJointSessions(parts: JointParts): JointSessions {
  const { dataPlane, journal, audit, log, now } = parts;
  const joints = new Map<string, Joint>();
  const watching = new Map<string, Map<string, Watcher>>();

  const watcherFor = (sessionId: string, need: Need): Watcher | undefined =>
    [...(watching.get(sessionId)?.values() ?? [])].find((watcher) => meets(watcher, need));
  const note = (sessionId: string, code: string, message: string): void => {
    try {
      journal.note(sessionId, { event: 'note', atMs: now(), code, message, statement: null });
    } catch (error) {
      log.error('a note about watchers could not be recorded', error, { session: sessionId });
    }
  };
  const record = (actor: string, action: string, { session }: Joint, detail: Record<string, unknown>): void =>
    audit.later({
      ...{ actor, action, subject: session.id },
      detail: { principal: session.principal.name, connection: session.connection.name, ...detail },
    });

  const pause = (joint: Joint, unwatched: Need): void => {
    if (joint.isPaused) return;
    joint.isPaused = true;
    const { id } = joint.session;
    const who = groupsText(unwatched.groups);
    dataPlane.pauseSession(
      id,
      `Paused: nobody of ${who} watches any more. To go on, one of them runs: weir sessions watch ${id}`,
    );
    note(id, 'session-paused', `Nobody of ${who} watches.`);
    record('gateway', 'session-paused', joint, { approvers: unwatched.groups });
    joint.timer = setTimeout(() => {
      const reason = `nobody of ${who} watched it for ${Math.round(unwatched.timeoutMs / 1000)} s`;
      parts
        .endSession(id, reason)
        .catch((error: unknown) =>
          log.error('a session that nobody watches could not be ended', error, { session: id }),
        );
    }, unwatched.timeoutMs);
    joint.timer.unref();
  };
  const resume = (joint: Joint, why: string): void => {
    if (!joint.isPaused) return;
    joint.isPaused = false;
    clearTimeout(joint.timer);
    note(joint.session.id, 'session-resumed', why);
    record('gateway', 'session-resumed', joint, { why });
    dataPlane.resumeSession(joint.session.id, why);
  };
  /** Brings the session to where its needs and its watchers say that it must be. */
  const settle = (joint: Joint, why: string): void => {
    const { id } = joint.session;
    for (const need of joint.needs) {
      const watcher = need.waiting && watcherFor(id, need);
      if (watcher === undefined) continue;
      const { waiting } = need;
      need.waiting = undefined;
      note(id, 'watcher-came', `${watcher.name} watches.`);
      waiting?.(watcher);
    }
    const unwatched = [...joint.needs].find((need) => need.waiting === undefined && watcherFor(id, need) === undefined);
    if (unwatched === undefined) resume(joint, why);
    else pause(joint, unwatched);
  };
  /** Whose session it is: accounts are linked to people while sessions live. */
  const ownersOf = async ({ principal: { id, name, actingFor } }: LiveSession): Promise<ReadonlySet<string>> => {
    const names = actingFor === undefined ? [name] : [name, actingFor.name];
    return new Set([id, ...(actingFor === undefined ? [] : [actingFor.id]), ...(await parts.peopleBehind(names))]);
  };

  return {
    require(session, ask, tell) {
      const timeoutMs = Math.min(Math.max(ask.timeoutMs, minTimeoutMs), maxTimeoutMs);
      const state = { ask: ask.ask, requestId: session.id };
      let need: Need | undefined;
      let isOver = false;
      const timer = setTimeout(() => {
        if (isOver || need?.waiting === undefined) return;
        drop();
        note(session.id, 'watcher-missed', `Nobody of ${groupsText(ask.approvers)} came to watch.`);
        tell({ ...state, state: 'expired', reason: 'nobody came to watch it in time' });
      }, timeoutMs);
      timer.unref();
      const drop = (): void => {
        isOver = true;
        clearTimeout(timer);
        const joint = joints.get(session.id);
        if (joint === undefined || need === undefined || !joint.needs.delete(need)) return;
        settle(joint, 'The shell that needed a watcher has ended.');
        if (joint.needs.size === 0) joints.delete(session.id);
      };
      ownersOf(session)
        .then((own) => {
          if (isOver) return;
          const waiting = ({ name: by }: Watcher): void => {
            clearTimeout(timer);
            tell({ ...state, state: 'approved', by });
          };
          need = { groups: ask.approvers, own, timeoutMs, waiting };
          const joint = joints.get(session.id) ?? { session, needs: new Set(), isPaused: false, timer: undefined };
          joints.set(session.id, joint);
          joint.needs.add(need);
          if (watcherFor(session.id, need) === undefined) {
            const who = groupsText(ask.approvers);
            tell({
              ...{ ...state, state: 'pending', expiresAtMs: now() + timeoutMs },
              notice: `Waiting until somebody of ${who} watches it: weir sessions watch ${session.id} (rule "${ask.rule}").`,
            });
            note(session.id, 'watcher-needed', `The rule "${ask.rule}" wants somebody of ${who} to watch.`);
            record(session.principal.name, 'watcher-needed', joint, { rule: ask.rule, approvers: ask.approvers });
          }
          settle(joint, 'Somebody watches.');
        })
        .catch((error: unknown) => {
          log.error('a watcher could not be asked for', error, { session: session.id });
          if (isOver) return;
          drop();
          tell({ ...state, state: 'denied', reason: 'the gateway could not ask for a watcher' });
        });
      return drop;
    },
    came(sessionId, watcher) {
      const watchers = watching.get(sessionId) ?? new Map<string, Watcher>();
      watching.set(sessionId, watchers.set(watcher.id, watcher));
      const joint = joints.get(sessionId);
      if (joint === undefined) return;
      ownersOf(joint.session)
        .then((own) => {
          for (const need of joint.needs) need.own = own;
          if (joints.get(sessionId) === joint) settle(joint, `${watcher.name} watches. The session goes on.`);
        })
        .catch((error: unknown) => log.error('a watcher could not be counted', error, { session: sessionId }));
    },
    left(sessionId, watcherId) {
      const watchers = watching.get(sessionId);
      watchers?.delete(watcherId);
      if (watchers?.size === 0) watching.delete(sessionId);
      const joint = joints.get(sessionId);
      if (joint !== undefined) settle(joint, 'Somebody watches.');
    },
    isNeeded: (sessionId, person) => [...(joints.get(sessionId)?.needs ?? [])].some((need) => meets(person, need)),
    ended(sessionId) {
      const joint = joints.get(sessionId);
      joints.delete(sessionId);
      clearTimeout(joint?.timer);
    },
  };
}

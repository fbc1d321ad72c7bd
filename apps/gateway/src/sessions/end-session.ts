import type { AuditLog } from '../audit/audit-log.ts';
import type { DataPlane, Journal } from '../dataplane/ports.ts';
import type { Log } from '../log/create-log.ts';
import type { SessionRepository } from '../store/sessions.ts';
import type { LiveSessions } from './live-session.ts';

/** What ending stands on. */
export interface EndParts {
  readonly live: LiveSessions;
  readonly sessions: SessionRepository;
  readonly dataPlane: Pick<DataPlane, 'killSession'>;
  readonly journal: Pick<Journal, 'note' | 'sessionEnded'>;
  readonly audit: AuditLog;
  readonly log: Log;
  readonly now: () => number;
  /** Ends what hangs on the session, e.g. its waiting approval requests. */
  readonly onEnded: (sessionId: string) => void;
}

/** Ends sessions: first nobody finds it any more, then its channels are cut, then the store and the recording follow. */
export interface SessionEnder {
  /** Resolves when the relay is cut and the end is stored; false when it was not live. The recording is sealed in the background. */
  end(id: string, reason: string, by: string): Promise<boolean>;
  /** Resolves when all recordings of ended sessions are sealed. */
  sealed(): Promise<void>;
}

/** Makes it. */
export function createSessionEnder(parts: EndParts): SessionEnder {
  const sealing = new Set<Promise<void>>();
  const seal = async (id: string): Promise<void> => {
    try {
      await parts.journal.sessionEnded(id);
      await parts.sessions.setRecording(id, 'sealed');
    } catch (error) {
      parts.log.error('a recording could not be sealed', error, { session: id });
      await parts.sessions.setRecording(id, 'broken');
    }
  };
  const sealInBackground = (id: string): void => {
    const task = seal(id)
      .catch((error: unknown) =>
        parts.log.error('the state of a recording could not be stored', error, { session: id }),
      )
      .finally(() => sealing.delete(task));
    sealing.add(task);
  };
  const end = async (id: string, reason: string, by: string): Promise<boolean> => {
    const { live, sessions, dataPlane, journal, audit, log, now } = parts;
    const entry = live.take(id);
    if (entry === undefined) return false;
    clearTimeout(entry.expiry);
    parts.onEnded(id);
    try {
      await dataPlane.killSession(id, reason);
    } catch (error) {
      log.error('the data plane did not end a session cleanly', error, { session: id });
    }
    try {
      journal.note(id, { event: 'session-closed', atMs: now(), reason });
    } catch (error) {
      log.error('the end of a session could not be recorded', error, { session: id });
    }
    audit.later({
      actor: by,
      action: 'session-ended',
      subject: id,
      detail: {
        ...{ reason, principal: entry.live.principal.name },
        ...{ before: { state: 'active' }, after: { state: 'ended', reason } },
      },
    });
    try {
      await sessions.count(id, entry.counts);
      await sessions.end(id, reason, new Date(now()));
    } finally {
      sealInBackground(id);
    }
    return true;
  };
  return {
    end,
    sealed: async () => {
      while (sealing.size > 0) await Promise.all(sealing);
    },
  };
}

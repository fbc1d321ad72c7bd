import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { WeirError } from '@weir/errors';
import { sessionPattern } from '@weir/recording';
import { openFile, sealedFile } from './folder.ts';
import { createSessionLog, firstNeeded, type SessionLog } from './session-log.ts';

/** Names of ended sessions that are remembered, so that a late record is refused without a look at the disk. */
const maxEnded = 10_000;

/** The sessions that have entries in the journal. */
export interface JournalSessions {
  /** The live session's log, begun with its first entry. @throws WeirError session_ended, invalid_request. */
  of(session: string): SessionLog;
  /** The log of a session that is not forgotten yet. */
  find(session: string): SessionLog | undefined;
  all(): Iterable<SessionLog>;
  /** The session's recording is sealed. */
  forget(log: SessionLog): void;
  /** First journal position that is still needed; Infinity when none is. */
  firstNeeded(): number;
}

function isClosed(session: string): WeirError {
  return new WeirError('session_ended', `The recording of session ${session} is closed.`);
}

/** Sessions of a folder of recordings: one that has a file there already cannot begin again. */
export function createJournalSessions(recordings: string): JournalSessions {
  const live = new Map<string, SessionLog>();
  const ended = new Set<string>();
  const begin = (session: string): SessionLog => {
    if (!sessionPattern.test(session)) {
      throw new WeirError('invalid_request', `"${session}" is not the name of a session.`);
    }
    const files = [sealedFile(session), openFile(session)].map((name) => join(recordings, name));
    if (ended.has(session) || files.some((file) => existsSync(file))) throw isClosed(session);
    const log = createSessionLog(session);
    live.set(session, log);
    return log;
  };
  return {
    of(session) {
      const log = live.get(session) ?? begin(session);
      if (log.ended) throw isClosed(session);
      return log;
    },
    find: (session) => live.get(session),
    all: () => live.values(),
    forget(log) {
      live.delete(log.session);
      ended.add(log.session);
      if (ended.size > maxEnded) ended.delete(ended.values().next().value as string);
    },
    firstNeeded() {
      let needed = Number.POSITIVE_INFINITY;
      for (const log of live.values()) needed = Math.min(needed, firstNeeded(log));
      return needed;
    },
  };
}

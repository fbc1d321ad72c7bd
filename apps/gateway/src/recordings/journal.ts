import { WeirError } from '@weir/errors';
import { entryHeadBytes, maxEventBytes, type RawEntry, type SessionEvent, writeEntry } from '@weir/recording';
import type { Journal } from '../dataplane/ports.ts';
import { createAnchorQueue } from './anchor-queue.ts';
import type { AnchorStore } from './anchor-store.ts';
import { type CommitLoop, createCommitLoop, type SyncFile } from './commit-loop.ts';
import { createDurableWaiters, type DurableWaiters } from './durable-waiters.ts';
import { evidenceFolders } from './folder.ts';
import { createFullSegments } from './full-segments.ts';
import { createHeldEntries, type HeldEntries } from './held-entries.ts';
import { createJournalSessions, type JournalSessions } from './journal-sessions.ts';
import { readSession } from './read-session.ts';
import { createRecordingCutter, type RecordingCutter } from './recording-cutter.ts';
import type { RecordingKeys } from './recording-keys.ts';
import type { RecordingLog } from './recording-log.ts';
import { recoverJournal } from './recovery.ts';
import { frameHeadBytes } from './segment-format.ts';
import { createSegmentPool } from './segment-pool.ts';
import { partFor, type SessionLog } from './session-log.ts';

/** Where and how the journal works. One process at a time may open a folder (the state folder's lock sees to it). */
export interface JournalOptions extends RecordingKeys {
  /** State folder; `journal/` and `recordings/` are made below it. */
  readonly dir: string;
  readonly anchors: AnchorStore;
  readonly now: () => number;
  readonly log: RecordingLog;
  /** Told, while the journal is opened, of evidence that is not what was written. */
  readonly onDamage?: (subject: string, why: string) => void;
  /** Told of each entry that was taken, before it is durable. */
  readonly onEntry?: (session: string, entry: RawEntry) => void;
  /** Size of a segment, bytes. */
  readonly segmentBytes?: number;
  /** A session is cut into its recording when it has so many bytes in memory … */
  readonly cutBytes?: number;
  /** … or when its oldest one is this old. */
  readonly cutAfterMs?: number;
  /** `fs.fdatasync`, unless a test wants another. */
  readonly sync?: SyncFile;
}

/** Before any room is reserved: a number that cannot be written would leave a hole in the block. */
function checkPlace(channel: number, sequence: number): void {
  const channelFits = Number.isInteger(channel) && channel >= 0 && channel <= 0xffff_ffff;
  if (channelFits && Number.isInteger(sequence) && sequence >= 0 && sequence < 2 ** 48) return;
  throw new WeirError('invalid_request', `Channel ${channel}, sequence ${sequence} cannot be recorded.`);
}

/** Puts an entry into the journal's block and into the session's part. Returns its position. */
function place(
  loop: CommitLoop,
  log: SessionLog,
  channel: number,
  sequence: number,
  nowMs: number,
  json: Buffer,
  isUrgent: boolean,
): number {
  const entryBytes = entryHeadBytes + json.length;
  const { buffer, offset, position } = loop.reserve(frameHeadBytes(log.name.length - 1) + entryBytes, isUrgent);
  log.entries += 1;
  log.name.copy(buffer, offset);
  const at = buffer.writeUIntBE(log.entries, offset + log.name.length, 6);
  const end = writeEntry(buffer, at, channel, sequence, nowMs, json);
  const part = partFor(log, entryBytes, position, nowMs);
  buffer.copy(part.buffer, part.used, at, end);
  part.used += entryBytes;
  part.entries += 1;
  log.bytes += entryBytes;
  return position;
}

/** The parts of an open journal. */
interface Parts {
  readonly options: JournalOptions;
  readonly recordings: string;
  readonly sessions: JournalSessions;
  readonly waiters: DurableWaiters;
  readonly loop: CommitLoop;
  readonly cutter: RecordingCutter;
  readonly held: HeldEntries;
  readonly onBroken: Journal['onBroken'];
  /** Gives back files and timers, once nothing runs any more. */
  readonly release: () => Promise<void>;
}

function createBrokenListeners(log: RecordingLog) {
  const listeners: ((error: Error) => void)[] = [];
  let broken: WeirError | null = null;
  return {
    add(listener: (error: Error) => void): void {
      if (broken === null) listeners.push(listener);
      else listener(broken);
    },
    tell(error: WeirError): void {
      broken = error;
      log.error('the journal is broken; all sessions must end', { error: error.why ?? error.message });
      for (const listener of listeners) listener(error);
    },
  };
}

async function openParts(options: JournalOptions): Promise<Parts> {
  const { dir, masterKey, signingKey, anchors, now, log, segmentBytes = 16 * 1024 * 1024 } = options;
  const { cutBytes = 1024 * 1024, cutAfterMs = 30_000 } = options;
  const keys = { masterKey, signingKey };
  const folders = evidenceFolders(dir);
  const { nextSegment, nextPosition } = await recoverJournal({
    ...{ dir, keys, anchors, now, log },
    onDamage: options.onDamage ?? (() => undefined),
  });
  const pool = createSegmentPool({ dir: folders.journal, segmentBytes, firstNumber: nextSegment, masterKey, log });
  const first = await pool.take();
  const sessions = createJournalSessions(folders.recordings);
  const waiters = createDurableWaiters(log);
  const full = createFullSegments(pool, log);
  const broken = createBrokenListeners(log);
  const loop = createCommitLoop({
    pool,
    first,
    nextPosition,
    ...(options.sync === undefined ? {} : { sync: options.sync }),
    onDurable: (position) => waiters.release(position),
    onRolled: (segment) => full.add(segment),
    onBroken: (error) => broken.tell(error),
  });
  const anchorQueue = createAnchorQueue(anchors, log);
  const cutter = createRecordingCutter({
    dir: folders.recordings,
    keys,
    anchors: anchorQueue,
    now,
    onCut: (bytes) => held.cut(bytes),
    onAnchored: () => {
      if (full.count > 0) full.releaseBefore(sessions.firstNeeded());
    },
    onFailed: (error) => loop.fail(error),
  });
  const held = createHeldEntries(sessions, cutter, { bytes: cutBytes, ageMs: cutAfterMs });
  const timer = setInterval(() => held.cutOld(now()), Math.max(20, cutAfterMs / 6));
  timer.unref();
  const release = async (): Promise<void> => {
    clearInterval(timer);
    await anchorQueue.close();
    await Promise.all([pool.close(), loop.close()]);
  };
  return {
    options,
    recordings: folders.recordings,
    sessions,
    waiters,
    loop,
    cutter,
    held,
    onBroken: broken.add,
    release,
  };
}

function createAppend({ options, loop, sessions, held }: Parts): Journal['append'] {
  return (session, channel, sequence, json, isUrgent = true) => {
    if (json.length > maxEventBytes) throw new WeirError('message_too_large', `An event has ${json.length} bytes.`);
    checkPlace(channel, sequence);
    held.check();
    const log = sessions.of(session);
    const before = log.bytes;
    const receivedAtMs = options.now();
    const position = place(loop, log, channel, sequence, receivedAtMs, json, isUrgent);
    held.added(log, log.bytes - before);
    options.onEntry?.(session, { channel, sequence, receivedAtMs, eventJson: json });
    return position;
  };
}

/** Seals each session once; those who ask again get the same promise. */
function createSessionEnd({ sessions, cutter }: Parts): Journal['sessionEnded'] {
  const ending = new Map<SessionLog, Promise<void>>();
  return (session) => {
    const log = sessions.find(session);
    if (log === undefined) return Promise.resolve();
    const running = ending.get(log);
    if (running !== undefined) return running;
    log.ended = true;
    const sealed = cutter.seal(log).finally(() => {
      ending.delete(log);
      sessions.forget(log);
    });
    ending.set(log, sealed);
    return sealed;
  };
}

function createClose({ sessions, loop, cutter, release }: Parts): () => Promise<void> {
  let closing: Promise<void> | null = null;
  const close = async (): Promise<void> => {
    await loop.drained();
    loop.stop();
    for (const log of sessions.all()) cutter.cut(log);
    await cutter.drained();
    await release();
  };
  return () => {
    closing ??= close();
    return closing;
  };
}

/**
 * Opens the journal of a folder: recovers what an earlier process left, then takes entries.
 * `append` copies the event's bytes; the caller may reuse them. A closed journal leaves sessions that did not end to the next start.
 * @throws WeirError evidence_broken (segments of another master key); errors of file system and store.
 */
export async function createJournal(options: JournalOptions): Promise<Journal> {
  const parts = await openParts(options);
  const { recordings, sessions, waiters, loop } = parts;
  const append = createAppend(parts);
  return {
    append,
    note(session, event: SessionEvent) {
      const log = sessions.of(session);
      const position = append(session, 0, log.notes + 1, Buffer.from(JSON.stringify(event), 'utf8'));
      log.notes += 1;
      return position;
    },
    get durable() {
      return loop.durable;
    },
    whenDurable(position, callback) {
      if (position <= loop.durable) return callback();
      waiters.add(position, callback);
      loop.hurry(position);
    },
    onBroken: parts.onBroken,
    sessionEnded: createSessionEnd(parts),
    read: (session) => readSession(recordings, session, sessions.find(session), options.masterKey),
    close: createClose(parts),
  };
}

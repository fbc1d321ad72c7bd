import { mkdir, readdir, rename, unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { AnchorStore } from './anchor-store.ts';
import { evidenceFolders, syncFolder } from './folder.ts';
import type { RecordingKeys } from './recording-keys.ts';
import type { RecordingLog } from './recording-log.ts';
import { recoverSession, type SessionRecovery } from './recover-session.ts';
import type { JournalFrame } from './segment-format.ts';
import { listSegments, type ScannedSegment, scanSegment } from './segment-scan.ts';

/** What a new journal continues with. */
export interface Recovered {
  readonly nextSegment: number;
  readonly nextPosition: number;
  /** Sessions that were finished now. */
  readonly sessions: number;
}

/** Where and with what to recover. */
export interface RecoveryOptions {
  /** State folder; journal and recordings lie below. */
  readonly dir: string;
  readonly keys: RecordingKeys;
  readonly anchors: AnchorStore;
  readonly now: () => number;
  readonly log: RecordingLog;
  /** Told of evidence that is not what was written: which file or session, and why. */
  readonly onDamage: (subject: string, why: string) => void;
}

async function sweep(dir: string, pattern: RegExp): Promise<void> {
  for (const name of await readdir(dir)) {
    if (pattern.test(name)) await unlink(join(dir, name));
  }
}

async function scanAll(dir: string, keys: RecordingKeys): Promise<ScannedSegment[]> {
  const scanned: ScannedSegment[] = [];
  for (const { number, path } of await listSegments(dir)) scanned.push(await scanSegment(path, number, keys.masterKey));
  return scanned;
}

/** Damage of each segment by number, with gaps between segments as damage of the later one. */
function damages(segments: readonly ScannedSegment[]): Map<number, string> {
  const found = new Map<number, string>();
  let last = 0;
  for (const segment of segments) {
    if (segment.damage !== null) found.set(segment.number, segment.damage);
    if (segment.first === 0) continue;
    if (last > 0 && segment.first !== last + 1) {
      found.set(segment.number, `journal positions ${last + 1} to ${segment.first - 1} are missing before it`);
    }
    last = segment.last;
  }
  return found;
}

function bySession(segments: readonly ScannedSegment[]): Map<string, JournalFrame[]> {
  const sessions = new Map<string, JournalFrame[]>();
  for (const frame of segments.flatMap((segment) => segment.frames)) {
    const frames = sessions.get(frame.session);
    if (frames === undefined) sessions.set(frame.session, [frame]);
    else frames.push(frame);
  }
  return sessions;
}

async function retire(
  segments: readonly ScannedSegment[],
  damaged: ReadonlyMap<number, string>,
  { now, log, onDamage }: RecoveryOptions,
): Promise<void> {
  for (const { number, path } of segments) {
    const why = damaged.get(number);
    if (why === undefined) await unlink(path);
    else {
      const kept = path.replace(/journal-(\d+)\.seg$/, `damaged-${now()}-$1.seg`);
      await rename(path, kept);
      log.error('a journal segment was changed; it is kept', { path: kept, why });
      onDamage(basename(kept), why);
    }
  }
}

/**
 * After a stop of any kind: every entry of the journal is brought into its session's recording, which is closed, sealed and anchored; then the
 * segments are removed. Runs before the journal opens. Can be cut off at any moment and run again.
 * @throws WeirError evidence_broken when a segment is of another master key; errors of file system and store.
 */
export async function recoverJournal(options: RecoveryOptions): Promise<Recovered> {
  const { dir, keys, log } = options;
  const folders = evidenceFolders(dir);
  for (const folder of [folders.journal, folders.recordings]) await mkdir(folder, { recursive: true, mode: 0o700 });
  await syncFolder(dir);
  await sweep(folders.journal, /\.tmp$|^spare-/);
  await sweep(folders.recordings, /\.tmp$/);
  const segments = await scanAll(folders.journal, keys);
  const sessions = bySession(segments);
  for (const name of await readdir(folders.recordings)) {
    if (name.endsWith('.part') && !sessions.has(name.slice(0, -5))) sessions.set(name.slice(0, -5), []);
  }
  const recovery: SessionRecovery = { ...options, dir: folders.recordings };
  for (const [session, frames] of sessions) await recoverSession(recovery, session, frames);
  await retire(segments, damages(segments), options);
  await syncFolder(folders.journal);
  if (sessions.size > 0) log.info('recordings were recovered from the journal', { sessions: sessions.size });
  const nextSegment = Math.max(0, ...segments.map((segment) => segment.number)) + 1;
  const nextPosition = Math.max(0, ...segments.map((segment) => segment.last)) + 1;
  return { nextSegment, nextPosition, sessions: sessions.size };
}

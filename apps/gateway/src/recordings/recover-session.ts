import { createReadStream } from 'node:fs';
import { access, open, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import {
  createRecordingWriter,
  entryHeadBytes,
  inspectRecording,
  type RecordingAnchor,
  type RecordingState,
  type RecordingWriter,
  readEntryAt,
  readRawRecording,
  resumeRecordingWriter,
  type SessionEvent,
  toRecordEntry,
  writeEntry,
} from '@weir/recording';
import type { AnchorStore } from './anchor-store.ts';
import { openFile, sealedFile, syncFolder } from './folder.ts';
import type { RecordingKeys } from './recording-keys.ts';
import type { RecordingLog } from './recording-log.ts';
import type { JournalFrame } from './segment-format.ts';

/** What recovery of a session needs. */
export interface SessionRecovery {
  /** Folder of recordings. */
  readonly dir: string;
  readonly keys: RecordingKeys;
  readonly anchors: AnchorStore;
  readonly now: () => number;
  readonly log: RecordingLog;
  /** Told of evidence that is not what was written. */
  readonly onDamage: (subject: string, why: string) => void;
}

const chunkBytes = 1024 * 1024;

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

/** The recording of a session as it lies in the folder, compared with its anchor. */
interface Found {
  readonly file: string | null;
  readonly state: RecordingState | null;
  /** Why the file must not be continued; null when it holds all that was anchored. */
  readonly problem: string | null;
}

async function find(dir: string, session: string, anchor: RecordingAnchor | null): Promise<Found> {
  const names = [sealedFile(session), openFile(session)];
  const there = await Promise.all(names.map((name) => exists(join(dir, name))));
  const file = names.find((_, at) => there[at] === true) ?? null;
  if (file === null) {
    const lost = anchor !== null && anchor.entries > 0;
    return { file, state: null, problem: lost ? 'the store anchored a recording whose file is not there' : null };
  }
  let anchored = anchor === null;
  const { state, damage } = await inspectRecording(createReadStream(join(dir, file)), (reached) => {
    anchored ||= reached.bytes === anchor?.bytes && reached.hash.toString('hex') === anchor.headHash;
  });
  if (!anchored) return { file, state, problem: damage?.message ?? 'the file is not the one that the store anchored' };
  if (file === names[0] && state?.sealed !== true)
    return { file, state, problem: damage?.message ?? 'its seal is missing' };
  if (state !== null && state.header.session !== session) return { file, state, problem: 'it is of another session' };
  return { file, state, problem: null };
}

interface Tail {
  readonly closed: boolean;
  /** Last sequence of channel 0. */
  readonly notes: number;
}

async function tailOf(
  path: string,
  state: RecordingState | null,
  frames: readonly JournalFrame[],
  keys: RecordingKeys,
): Promise<Tail> {
  let tail: Tail = { closed: false, notes: 0 };
  const see = (entry: { channel: number; sequence: number; receivedAtMs: number; eventJson: Buffer }): void => {
    if (entry.channel !== 0) return;
    tail = { closed: toRecordEntry('', entry).event.event === 'session-closed', notes: entry.sequence };
  };
  if (state !== null && state.chunks > 0) {
    const stream = createReadStream(path, { end: state.bytes - 1 });
    for await (const entry of readRawRecording(stream, keys.masterKey)) see(entry);
  }
  for (const frame of frames) see(readEntryAt(frame.entry, 0).entry);
  return tail;
}

function encodeNote(sequence: number, nowMs: number, event: object): Buffer {
  const json = Buffer.from(JSON.stringify(event), 'utf8');
  const bytes = Buffer.allocUnsafe(entryHeadBytes + json.length);
  writeEntry(bytes, 0, 0, sequence, nowMs, json);
  return bytes;
}

function gap(expected: number, found: number, atMs: number): object {
  const message = `Entries ${expected} to ${found - 1} of the session are missing: the journal was damaged.`;
  return { event: 'note', atMs, code: 'entries-missing', message, statement: null };
}

/** The entries to add: those of the journal, a note for each gap, and the end of the session when it is missing. */
function additions(frames: readonly JournalFrame[], have: number, tail: Tail, nowMs: number): Buffer[] {
  const entries: Buffer[] = [];
  let { notes } = tail;
  let expected = have + 1;
  for (const frame of frames) {
    if (frame.number < expected) continue;
    if (frame.number > expected) entries.push(encodeNote(++notes, nowMs, gap(expected, frame.number, nowMs)));
    entries.push(frame.entry);
    expected = frame.number + 1;
  }
  const closed: SessionEvent = { event: 'session-closed', atMs: nowMs, reason: 'gateway restarted' };
  if (!tail.closed) entries.push(encodeNote(++notes, nowMs, closed));
  return entries;
}

function missingBefore(frames: readonly JournalFrame[], have: number): number {
  const fresh = frames.filter((frame) => frame.number > have);
  return (fresh.at(-1)?.number ?? have) - have - fresh.length;
}

async function* rebuilt(
  path: string,
  state: RecordingState | null,
  writer: RecordingWriter,
  entries: Buffer[],
): AsyncGenerator<Buffer> {
  if (state === null) yield writer.head;
  else for await (const piece of createReadStream(path, { end: state.bytes - 1 })) yield piece as Buffer;
  for (let at = 0; at < entries.length; ) {
    let end = at;
    let bytes = 0;
    while (end < entries.length && (end === at || bytes + (entries[end] as Buffer).length <= chunkBytes)) {
      bytes += (entries[end] as Buffer).length;
      end += 1;
    }
    yield await writer.chunk(Buffer.concat(entries.slice(at, end)), end - at);
    at = end;
  }
  yield writer.seal();
}

/** Writes the whole recording anew: after a crash nobody knows which of the old file's pages reached the disk. */
async function rewrite(recovery: SessionRecovery, session: string, pieces: AsyncIterable<Buffer>): Promise<void> {
  const { dir } = recovery;
  const aside = join(dir, `${session}.tmp`);
  const handle = await open(aside, 'w', 0o600);
  try {
    for await (const piece of pieces) await handle.appendFile(piece);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(aside, join(dir, sealedFile(session)));
  await syncFolder(dir);
  if (await exists(join(dir, openFile(session)))) await unlink(join(dir, openFile(session)));
}

async function finish(
  recovery: SessionRecovery,
  session: string,
  found: Found,
  frames: readonly JournalFrame[],
): Promise<void> {
  const { dir, keys, anchors, now } = recovery;
  const path = join(dir, found.file ?? openFile(session));
  const { state } = found;
  const tail = await tailOf(path, state, frames, keys);
  const writer =
    state === null
      ? createRecordingWriter({ session, createdAtMs: now(), ...keys })
      : resumeRecordingWriter(state, keys);
  const have = state?.entries ?? 0;
  const entries = additions(frames, have, tail, now());
  const missing = missingBefore(frames, have);
  if (missing > 0) recovery.onDamage(session, `${missing} entries of the session are missing: the journal was damaged`);
  await rewrite(recovery, session, rebuilt(path, state, writer, entries));
  await anchors.upsert(writer.anchor(sealedFile(session)));
}

/** Name for a second recording of a session whose first one must stay as it is. */
async function continuation(dir: string, session: string): Promise<string> {
  for (let number = 2; ; number += 1) {
    const name = `${session}~${number}`;
    if (!(await exists(join(dir, sealedFile(name)))) && !(await exists(join(dir, openFile(name))))) return name;
  }
}

/** The file is complete; what a crash left undone is its name, an older file beside it, or the anchor. */
async function settleSealed(
  recovery: SessionRecovery,
  session: string,
  { file, state }: Found,
  anchor: RecordingAnchor | null,
): Promise<void> {
  if (state === null || file === null) return;
  const { dir, anchors } = recovery;
  const path = join(dir, file);
  if (file !== sealedFile(session)) await rewrite(recovery, session, createReadStream(path, { end: state.bytes - 1 }));
  else if (await exists(join(dir, openFile(session)))) await unlink(join(dir, openFile(session)));
  await syncFolder(dir);
  if (anchor?.sealed !== true) await anchors.upsert(anchorOf(session, state));
}

/**
 * Brings a dead session's entries into a sealed, anchored recording. `frames` are its entries in the journal, in order.
 * A recording that is not what the store anchored stays untouched as evidence; entries that it lacks go to `<session>~2` and so on.
 */
export async function recoverSession(
  recovery: SessionRecovery,
  session: string,
  frames: readonly JournalFrame[],
): Promise<void> {
  const { dir, anchors, log } = recovery;
  const anchor = await anchors.get(session);
  const found = await find(dir, session, anchor);
  const lacking = frames.filter(
    (frame) => frame.number > (found.problem === null ? (found.state?.entries ?? 0) : (anchor?.entries ?? 0)),
  );
  if (found.problem !== null) {
    log.error('a recording is damaged; it stays as it is', { session, why: found.problem });
    recovery.onDamage(session, found.problem);
  } else if (found.state?.sealed === true) await settleSealed(recovery, session, found, anchor);
  else return await finish(recovery, session, found, lacking);
  if (lacking.length === 0) return;
  const name = await continuation(dir, session);
  log.error('entries of a session go to a second recording', { session, recording: name, entries: lacking.length });
  const first = lacking[0]?.number ?? 1;
  const renumbered = lacking.map((frame) => ({ ...frame, number: frame.number - first + 1 }));
  await finish(recovery, name, { file: null, state: null, problem: null }, renumbered);
}

function anchorOf(session: string, state: RecordingState): RecordingAnchor {
  const { entries, bytes, hash, header } = state;
  const headHash = hash.toString('hex');
  return { session, entries, bytes, headHash, sealed: true, publicKey: header.publicKey, file: sealedFile(session) };
}

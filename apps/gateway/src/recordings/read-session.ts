import { createReadStream, openSync } from 'node:fs';
import { join } from 'node:path';
import { WeirError } from '@weir/errors';
import { type RecordEntry, readEntries, readRecording, toRecordEntry } from '@weir/recording';
import { openFile, sealedFile } from './folder.ts';
import type { SessionLog } from './session-log.ts';

function tryOpen(path: string): number | null {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** The first `bytes` of the recording (null: all); it may be sealed and renamed at any moment, its beginning stays the same. */
async function* fromFile(
  dir: string,
  session: string,
  bytes: number | null,
  key: Uint8Array,
): AsyncGenerator<RecordEntry> {
  const fd = tryOpen(join(dir, openFile(session))) ?? tryOpen(join(dir, sealedFile(session)));
  if (fd === null) {
    throw new WeirError('not_found', `There is no recording of session ${session}.`, { fix: 'Run: weir sessions ls' });
  }
  const range = bytes === null ? {} : { end: bytes - 1 };
  yield* readRecording(createReadStream('', { fd, start: 0, ...range }), key);
}

/**
 * Entries of a session, oldest first: those of its recording, then those still in memory, as of the moment of the call.
 * The iteration throws WeirError not_found when the session has no recording.
 */
export function readSession(
  dir: string,
  session: string,
  log: SessionLog | undefined,
  masterKey: Uint8Array,
): AsyncGenerator<RecordEntry> {
  const written = log === undefined ? null : (log.recording?.bytes ?? 0);
  const tail = [...(log?.cutting ?? []), ...(log?.parts ?? [])].map((part) => part.buffer.subarray(0, part.used));
  return (async function* () {
    if (written !== 0) yield* fromFile(dir, session, written, masterKey);
    for (const part of tail) for (const entry of readEntries(part)) yield toRecordEntry(session, entry);
  })();
}

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WeirError } from '@weir/errors';
import {
  batchMagic,
  decodeSegmentHeader,
  type JournalFrame,
  type OpenedBatch,
  openBatch,
  readFrames,
  type SegmentKeys,
  segmentDataStart,
} from './segment-format.ts';

/** What was read from one segment. */
export interface ScannedSegment {
  readonly number: number;
  readonly path: string;
  readonly frames: readonly JournalFrame[];
  /** Journal positions of its first and last entry; 0 when it has none. */
  readonly first: number;
  readonly last: number;
  /** What is not as it was written, beyond a tail that a crash tore; null when nothing. */
  readonly damage: string | null;
}

const magicBytes = Buffer.alloc(4);
magicBytes.writeUInt32BE(batchMagic);

/** The next batch of this segment's key at or behind `from`: the proof that what stands before it was once durable. */
function laterBatch(bytes: Buffer, from: number, keys: SegmentKeys): { batch: OpenedBatch; offset: number } | null {
  for (let at = bytes.indexOf(magicBytes, from); at >= 0; at = bytes.indexOf(magicBytes, at + 1)) {
    const batch = openBatch(bytes, at, keys);
    if (batch !== null) return { batch, offset: at };
  }
  return null;
}

function scan(path: string, bytes: Buffer, keys: SegmentKeys, headerMac: Buffer): Omit<ScannedSegment, 'number'> {
  const frames: JournalFrame[] = [];
  const damages: string[] = [];
  let [first, last, offset, previous] = [0, 0, segmentDataStart, headerMac];
  for (;;) {
    let batch = openBatch(bytes, offset, keys);
    if (batch === null || !batch.previous.equals(previous)) {
      const later = laterBatch(bytes, offset, keys);
      if (later === null) break;
      damages.push(`bytes ${offset} to ${later.offset} were changed after they were durable`);
      batch = later.batch;
    }
    frames.push(...readFrames(batch.clear));
    if (first === 0) first = batch.head.first;
    last = batch.head.first + batch.head.entries - 1;
    offset = batch.end;
    previous = batch.mac;
  }
  return { path, frames, first, last, damage: damages.length === 0 ? null : damages.join('; ') };
}

function foreign(path: string): WeirError {
  return new WeirError('evidence_broken', `The journal segment ${path} cannot be opened.`, {
    why: 'Its header was changed, or it was written under another recording master key.',
    fix: 'Restore the recording master key; to start without the segment, move it to a safe place first.',
  });
}

/** Numbers of the segments of a folder, in order, with their paths. */
export async function listSegments(dir: string): Promise<{ readonly number: number; readonly path: string }[]> {
  const names = (await readdir(dir)).filter((name) => /^journal-\d{12}\.seg$/.test(name)).sort();
  return names.map((name) => ({ number: Number(name.slice(8, 20)), path: join(dir, name) }));
}

/**
 * Reads one segment: all its intact batches in order. A torn tail (the batch whose fdatasync never returned) ends it quietly.
 * @throws WeirError evidence_broken for a header that this master key did not make.
 */
export async function scanSegment(path: string, number: number, masterKey: Uint8Array): Promise<ScannedSegment> {
  const bytes = await readFile(path);
  const header = decodeSegmentHeader(bytes, masterKey);
  if (header === null || header.number !== number) throw foreign(path);
  return { number, ...scan(path, bytes, header.keys, header.mac) };
}

import type { RecordEntry } from './event.ts';
import { parseRecordedEvent } from './event-parse.ts';
import { maxEventBytes } from './format.ts';

/** Bytes before an entry's JSON: length of the JSON, channel, sequence, time received. */
export const entryHeadBytes = 4 + 4 + 6 + 6;

/** An entry whose event is still JSON text. */
export interface RawEntry {
  readonly channel: number;
  readonly sequence: number;
  readonly receivedAtMs: number;
  readonly eventJson: Buffer;
}

/** Writes an entry at `offset` of `target` (which has room for {@link entryHeadBytes} and the JSON); returns the offset behind it. Copies the JSON. */
export function writeEntry(
  target: Buffer,
  offset: number,
  channel: number,
  sequence: number,
  receivedAtMs: number,
  eventJson: Uint8Array,
): number {
  target.writeUInt32BE(eventJson.length, offset);
  target.writeUInt32BE(channel, offset + 4);
  target.writeUIntBE(sequence, offset + 8, 6);
  target.writeUIntBE(receivedAtMs, offset + 14, 6);
  target.set(eventJson, offset + entryHeadBytes);
  return offset + entryHeadBytes + eventJson.length;
}

/**
 * Reads the entry at `offset`; the JSON is a view, not a copy.
 * @throws RangeError when lengths point outside of `bytes` or above the bound.
 */
export function readEntryAt(bytes: Buffer, offset: number): { readonly entry: RawEntry; readonly end: number } {
  if (offset + entryHeadBytes > bytes.length) throw new RangeError('an entry is cut off');
  const length = bytes.readUInt32BE(offset);
  const start = offset + entryHeadBytes;
  if (length > maxEventBytes || start + length > bytes.length)
    throw new RangeError('an entry is longer than its chunk');
  const entry = {
    channel: bytes.readUInt32BE(offset + 4),
    sequence: bytes.readUIntBE(offset + 8, 6),
    receivedAtMs: bytes.readUIntBE(offset + 14, 6),
    eventJson: bytes.subarray(start, start + length),
  };
  return { entry, end: start + length };
}

/** Reads entries one after the other until the end of `bytes`. @throws RangeError as {@link readEntryAt}. */
export function* readEntries(bytes: Buffer): Generator<RawEntry> {
  let offset = 0;
  while (offset < bytes.length) {
    const { entry, end } = readEntryAt(bytes, offset);
    yield entry;
    offset = end;
  }
}

/** An entry for readers; an event that an agent wrote wrongly shows as a note, so that nothing is left out. */
export function toRecordEntry(session: string, raw: RawEntry): RecordEntry {
  const { channel, sequence, receivedAtMs } = raw;
  return { session, channel, sequence, receivedAtMs, event: parseRecordedEvent(raw) };
}

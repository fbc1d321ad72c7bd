import { promisify } from 'node:util';
import { zstdDecompress } from 'node:zlib';
import type { RecordingBytes } from './byte-source.ts';
import { openPayload, unwrapDataKey } from './chunk-cipher.ts';
import { RecordingDamage } from './damage.ts';
import { type RawEntry, readEntries, toRecordEntry } from './entry-codec.ts';
import type { RecordEntry } from './event.ts';
import { type WalkedRecord, walkRecording } from './walk.ts';

const decompress = promisify(zstdDecompress);

async function openChunk(record: WalkedRecord & { kind: 'chunk' }, dataKey: Buffer): Promise<RawEntry[]> {
  const { head, headBytes, payload, previous, start } = record;
  try {
    const compressed = openPayload(dataKey, Buffer.concat([headBytes, previous]), payload);
    const clear = await decompress(compressed, { maxOutputLength: Math.max(head.clearBytes, 1) });
    if (clear.length !== head.clearBytes) throw new RangeError('its clear length is another one');
    const entries = [...readEntries(clear)];
    if (entries.length !== head.entries) throw new RangeError('it holds another number of entries');
    return entries;
  } catch (cause) {
    throw new RecordingDamage('its entries cannot be decrypted', start, head.index, cause);
  }
}

/**
 * Decrypts a recording, entries as raw JSON, oldest first; a cut tail of an unsealed recording ends it with an error after its last intact entry.
 * Checks the chain on the way but neither signature nor anchor.
 * @throws RecordingDamage, WeirError evidence_broken (another master key).
 */
export async function* readRawRecording(
  bytes: RecordingBytes,
  masterKey: Uint8Array,
): AsyncGenerator<RawEntry & { readonly session: string }> {
  let session = '';
  let dataKey: Buffer | null = null;
  for await (const record of walkRecording(bytes)) {
    if (record.kind === 'header') {
      session = record.header.session;
      dataKey = unwrapDataKey(masterKey, record.header.dataKey, session, record.header.chain);
    } else if (record.kind === 'chunk' && dataKey !== null) {
      for (const entry of await openChunk(record, dataKey)) yield { ...entry, session };
    }
  }
}

/** As {@link readRawRecording}, with events parsed; an event that is not well-formed shows as a note `unreadable-event`. */
export async function* readRecording(bytes: RecordingBytes, masterKey: Uint8Array): AsyncGenerator<RecordEntry> {
  for await (const raw of readRawRecording(bytes, masterKey)) yield toRecordEntry(raw.session, raw);
}

/** Exports entries as NDJSON: one JSON object for each entry and line. */
export async function* toNdjson(entries: AsyncIterable<RecordEntry>): AsyncGenerator<string> {
  for await (const entry of entries) yield `${JSON.stringify(entry)}\n`;
}

import type { RecordEntry } from '@weir/recording';

/** Longest piece of text that is passed on at once, characters. */
const batchLength = 65_536;

/** Entries as lines of JSON, several to a chunk. */
export async function* ndjsonOf(entries: AsyncIterable<RecordEntry>): AsyncGenerator<Buffer> {
  let batch = '';
  for await (const entry of entries) {
    batch += `${JSON.stringify(entry)}\n`;
    if (batch.length < batchLength) continue;
    yield Buffer.from(batch);
    batch = '';
  }
  if (batch !== '') yield Buffer.from(batch);
}

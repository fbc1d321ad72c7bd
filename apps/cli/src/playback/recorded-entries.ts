import type { SessionEventLine } from '@weir/api';
import { type RecordEntry, tryEvent } from '@weir/recording';

/** The line as an entry of a recording; undefined when a newer gateway sends what this version does not know. */
export function entryOf(line: SessionEventLine): RecordEntry | undefined {
  const event = tryEvent(line.event, line.channel);
  return event === undefined ? undefined : { ...line, event };
}

/** The entries of an answer, those that are not known left out. */
export async function* entriesOf(lines: AsyncIterable<SessionEventLine>): AsyncGenerator<RecordEntry> {
  for await (const line of lines) {
    const entry = entryOf(line);
    if (entry !== undefined) yield entry;
  }
}

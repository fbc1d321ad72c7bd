import type { ClientFramer } from './client-framer.ts';
import type { EngineState } from './engine-state.ts';
import { Entry, type EntryKind } from './response-queue.ts';

/** Sends the framer's message on as it is. */
export function relay(state: EngineState, framer: ClientFramer): void {
  state.toServer.relay(framer.buffer, framer.frameStart, framer.end);
}

/** Adds a request to those that the server has to answer. */
export function push(state: EngineState, kind: EntryKind): Entry {
  const entry = new Entry(kind, state.segment);
  state.queue.push(entry);
  if (kind !== 'sync' && kind !== 'query' && kind !== 'copy-end') state.isUnsynced = true;
  return entry;
}

import { encodeErrorResponse, encodeReadyForQuery } from './encode-backend.ts';
import { encodeParse, encodeQuery } from './encode-frontend.ts';
import type { ErrorFields } from './engine-host.ts';
import type { EngineState } from './engine-state.ts';
import { reservedPrefix } from './own-query.ts';
import { Entry } from './response-queue.ts';

const invalidText = 'weir_denied';
/** Statements that every server refuses: they make a transaction fail. */
export const invalidQuery = encodeQuery(invalidText);
export const invalidParse = encodeParse(`${reservedPrefix}denied`, invalidText);

/**
 * Refuses a simple Query. Idle with nothing outstanding it is answered here; otherwise the server is made to fail in its place, so that a
 * transaction around it is failed, too, and the answers keep their order.
 */
export function denyQuery(state: EngineState, error: ErrorFields): void {
  if (state.isSkipping) return;
  if (state.isQuiet && state.status !== 'T') {
    state.sendToClient(encodeErrorResponse(error));
    state.sendToClient(encodeReadyForQuery(state.status));
    return;
  }
  state.sendToServer(invalidQuery);
  const entry = new Entry('query', state.segment);
  entry.replacement = error;
  state.queue.push(entry);
  endSegment(state);
}

/**
 * Refuses a message of the extended protocol. The server gets a Parse that fails, so nothing before it in the same implicit transaction
 * is committed; the client's messages are discarded until its Sync.
 */
export function denyExtended(state: EngineState, error: ErrorFields): void {
  if (state.isSkipping) return;
  if (state.isQuiet && state.status !== 'T') {
    state.sendToClient(encodeErrorResponse(error));
  } else {
    state.sendToServer(invalidParse);
    const entry = new Entry('parse', state.segment);
    entry.replacement = error;
    state.queue.push(entry);
    state.isUnsynced = true;
  }
  state.isSkipping = true;
}

/** A Sync or Query was sent: a new implicit transaction begins behind it. */
export function endSegment(state: EngineState): void {
  state.segment++;
  state.isUnsynced = false;
  state.executesInSegment = 0;
}

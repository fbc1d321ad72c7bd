import { invalidParse, invalidQuery } from './denial.ts';
import { encodeFlush } from './encode-frontend.ts';
import type { Decision } from './engine-host.ts';
import type { EngineState } from './engine-state.ts';
import { errorFields, fieldsOfThrown } from './error-fields.ts';
import { Entry } from './response-queue.ts';
import type { Result } from './result.ts';

/*
 * A result beyond its limit is withheld and its statement cancelled. A CancelRequest names a connection, not a statement, so whatever runs when it
 * arrives is hit. Therefore nothing that could be hit is sent behind a limited statement before its answer is complete and the cancel, if
 * one was sent, can arrive no more. The rest of the same Query or of the same pipeline up to Sync may be hit: it must not run any more anyway.
 */

/** Stands in the queue for an error that the client got already. */
const toldAlready = errorFields('42501', 'rows were withheld');

/** Notes the bounds on rows and the meters of a statement that was just sent. */
export function limitRows(state: EngineState, entry: Entry, decision: Decision & { action: 'forward' }): void {
  entry.maxRows = decision.maxRows ?? null;
  entry.maxAffected = decision.maxAffected ?? null;
  entry.meters = decision.meters ?? null;
  if (entry.isLimited) state.limited = entry;
}

/** Is a limited statement outstanding, or a cancel on its way? */
export function isHolding({ limited, isCancelling }: EngineState): boolean {
  return isCancelling || (limited !== null && !limited.isAnswered);
}

/** Must this message of the client wait? */
export function isHeld(state: EngineState, type: number): boolean {
  const { limited, isCancelling, segment } = state;
  if (limited === null || !isHolding(state) || limited.copyIn === 'open') return false;
  const letter = String.fromCharCode(type);
  const isBounded = limited.maxAffected !== null || limited.wrap !== null;
  if (isBounded && !state.isSkipping) return 'QPBDECSF'.includes(letter);
  const isExceeded = isCancelling || limited.refused !== null || limited.isMuted;
  if (letter === 'S') return isExceeded;
  if (state.isSkipping) return false;
  if ('BDC'.includes(letter)) return isExceeded || segment !== limited.segment;
  return 'QPEF'.includes(letter);
}

/** What waits needs the answers to what was sent; before Sync the server keeps them back unless it is asked. */
export function askForAnswers(state: EngineState): void {
  if (state.isUnsynced) state.sendToServer(encodeFlush());
}

/** The first row beyond the limit or the meter: the rest of the result is swallowed while the host cancels the statement. */
export function withhold(state: EngineState, result: Result, entry: Entry): void {
  const by = result.rowsLeft > 0 ? 'meter' : 'rows';
  const { error, settled } = state.host.exceeded(entry.ticket, entry.index, by);
  entry.refused = error;
  result.withhold();
  state.isCancelling = true;
  settled.then(
    () => {
      state.isCancelling = false;
      state.wake();
    },
    (cause: unknown) => state.fail(fieldsOfThrown(cause, 'a statement beyond its row limit could not be cancelled')),
  );
}

/** The statement had ended well on the server before the cancel came: its transaction fails all the same. `sync` = the one behind it, if it was sent. */
export function failBehind(state: EngineState, entry: Entry, sync: Entry | undefined): void {
  if (sync !== undefined) {
    sync.mustFail = true;
    state.limited = sync;
    return;
  }
  state.sendToServer(invalidParse);
  pushSilent(state, new Entry('parse', entry.segment));
}

/** ReadyForQuery came inside a transaction block that the client has to see failed: it gets the one behind a query that fails. */
export function failTransaction(state: EngineState, entry: Entry): void {
  state.sendToServer(invalidQuery);
  pushSilent(state, new Entry('query', entry.segment));
}

function pushSilent(state: EngineState, entry: Entry): void {
  entry.isMuted = true;
  entry.replacement = toldAlready;
  state.queue.push(entry);
  state.limited = entry;
}

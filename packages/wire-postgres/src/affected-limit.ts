import { WeirError } from '@weir/errors';
import { encodeQuery } from './encode-frontend.ts';
import type { EngineState } from './engine-state.ts';
import { errorFields } from './error-fields.ts';
import { Entry } from './response-queue.ts';

/*
 * How many rows a statement has changed is known by its command tag, when outside a transaction block the change would stand already. So the
 * transaction must not end before the tag was seen.
 *
 * Extended protocol: the implicit transaction ends at Sync. The Sync waits (asked for by Flush the server answers before it), and a statement beyond its
 * bound gets a Parse behind it that fails. Simple protocol: the Query is sent between a BEGIN and a COMMIT or ROLLBACK of our own, which the client
 * never sees; what the client is told waits for COMMIT. Inside a transaction block of the client's the block is made to fail. Nothing else
 * is sent meanwhile.
 */

const begin = encodeQuery('BEGIN');
const commit = encodeQuery('COMMIT');
const rollback = encodeQuery('ROLLBACK');
/** Stands in the queue for what is not for the client. */
const ownBusiness = errorFields('42501', 'the statement was rolled back');

/** Rows that a command tag names as changed; null = it names none. */
export function changedRows(tag: string): number | null {
  const found = /^(?:INSERT \d+|UPDATE|DELETE|MERGE|COPY) (\d+)$/.exec(tag);
  return found === null ? null : Number(found[1]);
}

/** A statement with a bound ended well on the server: the host's error when it changed too much, or nobody knows how much. */
export function refuseChange(state: EngineState, entry: Entry, tag: string): void {
  if (entry.maxAffected === null || entry.refused !== null) return;
  const rows = changedRows(tag);
  if (rows !== null && rows <= entry.maxAffected) return;
  entry.refused = state.host.changedTooMuch(entry.ticket, entry.index, rows);
}

/** Opens a transaction of our own in front of a Query. Only while nothing is outstanding and no transaction is open. */
export function openTransaction(state: EngineState): void {
  state.sendToServer(begin);
  const entry = new Entry('query', state.segment);
  entry.wrap = 'begin';
  entry.visible = false;
  entry.isMuted = true;
  entry.replacement = ownBusiness;
  state.queue.push(entry);
}

/** ReadyForQuery behind a Query in a transaction of our own, which is still open (`status` T or E): what it did stands, or not. */
export function closeTransaction(state: EngineState, body: Entry, status: string): void {
  const isKept = body.completion !== null && status === 'T';
  const entry = new Entry('query', body.segment);
  entry.wrap = 'end';
  if (isKept) {
    entry.ticket = body.ticket;
    entry.completion = body.completion;
    entry.index = body.index;
    entry.rows = body.rows;
    entry.bytes = body.bytes;
  } else {
    entry.isMuted = true;
    entry.replacement = ownBusiness;
  }
  state.sendToServer(isKept ? commit : rollback);
  state.queue.push(entry);
  state.limited = entry;
}

/** COMMIT or ROLLBACK of our own ended: after COMMIT the client reads that its statement did. */
export function tellCompletion(state: EngineState, entry: Entry, tag: string): void {
  const { completion } = entry;
  if (completion === null) return;
  if (tag !== 'COMMIT') throw new WeirError('protocol_violation', `the target answered ${tag} to COMMIT`);
  entry.completion = null;
  state.sendToClient(completion.message);
  state.finish(entry, completion.tag, null);
}

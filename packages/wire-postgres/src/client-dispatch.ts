import { WeirError } from '@weir/errors';
import { openTransaction } from './affected-limit.ts';
import { bind, close, describe, execute, parse } from './client-extended.ts';
import type { ClientFramer } from './client-framer.ts';
import { parseQuery } from './client-messages.ts';
import { denyQuery, endSegment } from './denial.ts';
import type { Decision, JudgeRequest } from './engine-host.ts';
import type { EngineState } from './engine-state.ts';
import { errorFields, fieldsOfWeirError } from './error-fields.ts';
import { isPipelined, judge, type Resume } from './judgement.ts';
import { push, relay } from './requests.ts';
import type { Entry } from './response-queue.ts';
import { limitRows } from './row-limit.ts';

const noNumbers: readonly number[] = [];
const noParameters: readonly (Buffer | null)[] = [];

/** Handles the framer's message: judged ones go on when the host says so, others are relayed in order. @throws WeirError when it is malformed inside */
export function clientMessage(state: EngineState, framer: ClientFramer, resume: Resume): void {
  const letter = String.fromCharCode(framer.type);
  if (letter === 'X') {
    relay(state, framer);
    state.end(null);
    return;
  }
  if (state.isSkipping && letter !== 'S') return;
  const head = state.queue.head();
  if (head !== undefined && head.copyIn === 'open' && !'cfHS'.includes(letter)) {
    state.fail(
      fieldsOfWeirError(new WeirError('protocol_violation', `message '${letter}' in the middle of COPY data`)),
    );
    return;
  }
  switch (letter) {
    case 'Q':
      query(state, framer, resume);
      return;
    case 'P':
      parse(state, framer, resume);
      return;
    case 'B':
      bind(state, framer);
      return;
    case 'E':
      execute(state, framer, resume);
      return;
    case 'D':
      describe(state, framer);
      return;
    case 'C':
      close(state, framer);
      return;
    case 'S':
      sync(state, framer);
      return;
    case 'H':
      relay(state, framer);
      return;
    case 'F':
      denyQuery(
        state,
        errorFields('0A000', 'function calls by the fast-path protocol are not supported', 'Use SELECT function(…).'),
      );
      return;
    default:
      copyEnd(state, framer);
      return;
  }
}

function query(state: EngineState, framer: ClientFramer, resume: Resume): void {
  const text = parseQuery(framer.buffer, framer.start, framer.end);
  const { prepared, status } = state;
  const pipelined = isPipelined(state);
  const request: JudgeRequest = {
    ...{
      phase: 'query',
      text,
      prepared: null,
      parameters: noParameters,
      parameterFormats: noNumbers,
      parameterTypes: noNumbers,
    },
    ...{ status, pipelined },
  };
  judge(state, request, resume, (decision) => {
    prepared.deleteStatement('');
    prepared.deletePortal('');
    if (decision.action === 'deny') return denyQuery(state, decision.error);
    if (typeof decision.maxAffected === 'number') boundedQuery(state, framer, decision);
    else sendQuery(state, framer, decision);
  });
}

type Forward = Extract<Decision, { action: 'forward' }>;

function sendQuery(state: EngineState, framer: ClientFramer, decision: Forward): Entry {
  relay(state, framer);
  const entry = push(state, 'query');
  entry.ticket = decision.ticket;
  limitRows(state, entry, decision);
  endSegment(state);
  return entry;
}

const needsSync = errorFields(
  '42501',
  'a bound on changed rows cannot be held for a Query among messages of the extended protocol',
  'Send Sync before it.',
);

/** A Query that may change so many rows alone: it runs by itself, and unless a transaction block is open in a transaction of our own. */
function boundedQuery(state: EngineState, framer: ClientFramer, decision: Forward): void {
  if (state.isUnsynced) {
    denyQuery(state, needsSync);
    state.host.finished(decision.ticket, { index: 0, tag: null, rows: 0, bytes: 0, error: needsSync });
    return;
  }
  if (state.queue.head() !== undefined) {
    state.blockedUntil = () => state.queue.head() === undefined;
    state.continuation = { ticket: decision.ticket, goOn: () => boundedQuery(state, framer, decision) };
    return;
  }
  const isWrapped = state.status === 'I';
  if (isWrapped) openTransaction(state);
  const entry = sendQuery(state, framer, decision);
  if (isWrapped) entry.wrap = 'body';
}

function sync(state: EngineState, framer: ClientFramer): void {
  // The server ignores a Sync inside COPY data.
  if (state.queue.head()?.copyIn === 'open') return;
  relay(state, framer);
  push(state, 'sync');
  state.isSkipping = false;
  endSegment(state);
}

/** CopyDone or CopyFail. */
function copyEnd(state: EngineState, framer: ClientFramer): void {
  const head = state.queue.head();
  if (head === undefined) return;
  relay(state, framer);
  if (head.copyIn === 'open') head.copyIn = 'closed';
  else push(state, 'copy-end');
}

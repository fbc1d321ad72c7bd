import { WeirError } from '@weir/errors';
import type { ClientFramer } from './client-framer.ts';
import { parseBind, parseExecute, parseParse, parseQuery, parseTarget } from './client-messages.ts';
import { denyExtended, denyQuery, endSegment } from './denial.ts';
import { encodeErrorResponse } from './encode-backend.ts';
import { encodeDescribeBytes } from './encode-frontend.ts';
import type { Decision, ErrorFields, JudgeRequest } from './engine-host.ts';
import type { EngineState } from './engine-state.ts';
import { errorFields, fieldsOfWeirError } from './error-fields.ts';
import { reservedPrefix } from './own-query.ts';
import { hasStableRowType, type Portal, type PreparedStatement } from './prepared.ts';
import { Entry, type EntryKind } from './response-queue.ts';

/** Ends a judgement that took its time. */
export type Resume = (apply: () => void) => void;

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

function relay(state: EngineState, framer: ClientFramer): void {
  state.toServer.relay(framer.buffer, framer.frameStart, framer.end);
}

function push(state: EngineState, kind: EntryKind): Entry {
  const entry = new Entry(kind, state.segment);
  state.queue.push(entry);
  if (kind !== 'sync' && kind !== 'query' && kind !== 'copy-end') state.isUnsynced = true;
  return entry;
}

function isReserved(name: string): boolean {
  return name.startsWith(reservedPrefix);
}

/** Asks the host; a decision at once takes no microtask. */
function judge(state: EngineState, request: JudgeRequest, resume: Resume, apply: (decision: Decision) => void): void {
  state.isJudging = true;
  let answer: Decision | Promise<Decision>;
  try {
    answer = state.host.judge(request);
  } catch (error) {
    answer = undecided(error);
  }
  const settled = (decision: Decision) => {
    if (decision.action === 'deny' && decision.fatal === true) state.fail(decision.error);
    else if (state.isSkipping) failedMeanwhile(state, decision);
    else apply(decision);
  };
  if (answer instanceof Promise) {
    answer.then(
      (decision) => resume(() => settled(decision)),
      (error: unknown) => resume(() => settled(undecided(error))),
    );
    return;
  }
  state.isJudging = false;
  settled(answer);
}

function undecided(error: unknown): Decision {
  const why = error instanceof Error ? error.message : String(error);
  const fields = fieldsOfWeirError(
    new WeirError('internal', 'the statement could not be judged, so it was not run', { why }),
  );
  return { action: 'deny', error: fields };
}

/** An earlier message of the pipeline failed during the judgement: the server would discard this one, so it never reaches it. */
function failedMeanwhile(state: EngineState, decision: Decision): void {
  const own = state.ownFailure;
  state.ownFailure = null;
  // Nothing is outstanding then: the failed segment was dropped, and the client waits for this answer.
  if (own !== null) state.sendToClient(encodeErrorResponse(decision.action === 'deny' ? decision.error : own));
  if (decision.action === 'forward') {
    state.host.finished(decision.ticket, { index: 0, tag: null, rows: 0, bytes: 0, error: own });
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
    relay(state, framer);
    push(state, 'query').ticket = decision.ticket;
    endSegment(state);
  });
}

function isPipelined(state: EngineState): boolean {
  return state.executesInSegment > 0 || state.queue.statements > 0;
}

function parse(state: EngineState, framer: ClientFramer, resume: Resume): void {
  const message = parseParse(framer.buffer, framer.start, framer.end);
  const { name, text, parameterTypes } = message;
  const { prepared, status } = state;
  if (isReserved(name)) {
    denyExtended(state, errorFields('42602', `statement names that begin with "${reservedPrefix}" are reserved`));
    return;
  }
  if (prepared.isFull(text.length)) {
    denyExtended(state, tooMany);
    return;
  }
  const request: JudgeRequest = {
    ...{ phase: 'parse', text, prepared: null, parameters: noParameters, parameterFormats: noNumbers, parameterTypes },
    ...{ status, pipelined: isPipelined(state) },
  };
  judge(state, request, resume, (decision) => {
    if (decision.action === 'deny') {
      if (name === '') prepared.deleteStatement('');
      return denyExtended(state, decision.error);
    }
    const statement: PreparedStatement = {
      ...{
        name,
        text,
        ticket: decision.ticket,
        segment: state.segment,
        parameterTypes,
        fields: undefined,
        described: false,
      },
      ...{ stable: hasStableRowType(text), state: 'pending', previous: prepared.statements.get(name), epoch: 0 },
    };
    prepared.setStatement(statement);
    relay(state, framer);
    const entry = push(state, 'parse');
    entry.statement = statement;
    entry.ticket = decision.ticket;
    if (decision.describe) describeStatement(state, statement, message.nameBytes);
  });
}

const tooMany = errorFields(
  '53400',
  'too many prepared statements and portals on this connection',
  'Close what is not needed.',
);

/** Asks the server for a description that the client did not ask for. */
function describeStatement(state: EngineState, statement: PreparedStatement, name: Buffer): void {
  state.sendToServer(encodeDescribeBytes('S', name));
  const entry = push(state, 'describe-statement');
  entry.statement = statement;
  entry.ticket = statement.ticket;
  entry.visible = false;
  statement.described = true;
}

function unknownStatement(name: string): ErrorFields {
  return errorFields(
    '26000',
    name === '' ? 'unnamed prepared statement does not exist' : `prepared statement "${name}" does not exist`,
  );
}

function unknownPortal(name: string): ErrorFields {
  return errorFields('34000', `portal "${name}" does not exist`);
}

/** The statement of that name; undefined while the server has still to say (in an earlier segment) what the name means: the message then waits. */
function findStatement(state: EngineState, name: string): PreparedStatement | 'unknown' | undefined {
  const statement = state.prepared.statement(name);
  if (statement === undefined) return 'unknown';
  if (statement.state !== 'pending' || statement.segment === state.segment) return statement;
  state.blockedUntil = () => statement.state !== 'pending';
  return undefined;
}

function findPortal(state: EngineState, name: string): Portal | 'unknown' | undefined {
  const portal = state.prepared.portal(name);
  if (portal === undefined) return 'unknown';
  if (portal.segment === state.segment) return portal;
  const isSettled = () => (state.queue.head()?.segment ?? Number.POSITIVE_INFINITY) > portal.segment;
  if (isSettled()) return portal;
  state.blockedUntil = isSettled;
  return undefined;
}

function bind(state: EngineState, framer: ClientFramer): void {
  const message = parseBind(framer.buffer, framer.start, framer.end);
  const statement = findStatement(state, message.statement);
  if (statement === undefined) return;
  if (statement === 'unknown') {
    denyExtended(state, unknownStatement(message.statement));
    return;
  }
  if (isReserved(message.portal)) {
    denyExtended(state, errorFields('42602', `portal names that begin with "${reservedPrefix}" are reserved`));
    return;
  }
  const bytes = framer.end - framer.start;
  if (state.prepared.isFull(bytes)) {
    denyExtended(state, tooMany);
    return;
  }
  const { parameters, parameterFormats, resultFormats } = message;
  const portal: Portal = {
    ...{ name: message.portal, statement, segment: state.segment, parameters, parameterFormats, resultFormats },
    ...{ fields: undefined, described: false, bytes, epoch: Number.POSITIVE_INFINITY },
  };
  state.prepared.setPortal(portal);
  relay(state, framer);
  const entry = push(state, 'bind');
  entry.portal = portal;
  entry.statement = statement;
  entry.ticket = statement.ticket;
}

function execute(state: EngineState, framer: ClientFramer, resume: Resume): void {
  const name = parseExecute(framer.buffer, framer.start, framer.end);
  const portal = findPortal(state, name);
  if (portal === undefined) return;
  if (portal === 'unknown') {
    denyExtended(state, unknownPortal(name));
    return;
  }
  const { statement, parameters, parameterFormats } = portal;
  const request: JudgeRequest = {
    ...{ phase: 'execute', text: statement.text, prepared: statement.ticket, parameters, parameterFormats },
    ...{ parameterTypes: statement.parameterTypes, status: state.status, pipelined: isPipelined(state) },
  };
  judge(state, request, resume, (decision) => {
    if (decision.action === 'deny') return denyExtended(state, decision.error);
    if (!portal.described && !(statement.stable && statement.described)) describePortal(state, portal);
    relay(state, framer);
    const entry = push(state, 'execute');
    entry.portal = portal;
    entry.statement = statement;
    entry.ticket = decision.ticket;
    state.executesInSegment++;
  });
}

/** The rows of this portal must be known before they are relayed, and neither the client nor the host asked. */
function describePortal(state: EngineState, portal: Portal): void {
  state.sendToServer(encodeDescribeBytes('P', Buffer.from(portal.name, 'latin1')));
  const entry = push(state, 'describe-portal');
  entry.portal = portal;
  entry.ticket = portal.statement.ticket;
  entry.visible = false;
  portal.described = true;
}

function describe(state: EngineState, framer: ClientFramer): void {
  const { target, name } = parseTarget(framer.buffer, framer.start, framer.end);
  if (target === 'S') {
    const statement = findStatement(state, name);
    if (statement === undefined) return;
    if (statement === 'unknown') {
      denyExtended(state, unknownStatement(name));
      return;
    }
    relay(state, framer);
    const entry = push(state, 'describe-statement');
    entry.statement = statement;
    entry.ticket = statement.ticket;
    statement.described = true;
    return;
  }
  const portal = findPortal(state, name);
  if (portal === undefined) return;
  if (portal === 'unknown') {
    denyExtended(state, unknownPortal(name));
    return;
  }
  relay(state, framer);
  const entry = push(state, 'describe-portal');
  entry.portal = portal;
  entry.ticket = portal.statement.ticket;
  portal.described = true;
}

function close(state: EngineState, framer: ClientFramer): void {
  const { target, name } = parseTarget(framer.buffer, framer.start, framer.end);
  if (isReserved(name)) {
    denyExtended(state, errorFields('42602', `names that begin with "${reservedPrefix}" are reserved`));
    return;
  }
  relay(state, framer);
  const entry = push(state, 'close');
  if (target === 'S') entry.statement = state.prepared.deleteStatement(name);
  else entry.portal = state.prepared.deletePortal(name);
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

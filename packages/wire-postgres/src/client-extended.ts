import type { ClientFramer } from './client-framer.ts';
import { type BindHead, parseBind, parseExecute, parseParse, parseTarget } from './client-messages.ts';
import { denyExtended } from './denial.ts';
import { encodeDescribeBytes } from './encode-frontend.ts';
import type { ErrorFields, JudgeRequest } from './engine-host.ts';
import type { EngineState } from './engine-state.ts';
import { errorFields } from './error-fields.ts';
import { isPipelined, judge, type Resume } from './judgement.ts';
import { reservedPrefix } from './own-query.ts';
import { hasStableRowType, type Portal, type PreparedStatement } from './prepared.ts';
import { push, relay } from './requests.ts';
import { limitRows } from './row-limit.ts';

const noNumbers: readonly number[] = [];
const noParameters: readonly (Buffer | null)[] = [];
const tooMany = errorFields(
  '53400',
  'too many prepared statements and portals on this connection',
  'Close what is not needed.',
);

/** Parse: judged, then sent; described at once when the host wants it. */
export function parse(state: EngineState, framer: ClientFramer, resume: Resume): void {
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
    if (name !== '') state.host.named('statement', asText(name));
    relay(state, framer);
    const entry = push(state, 'parse');
    entry.statement = statement;
    entry.ticket = decision.ticket;
    if (decision.describe) describeStatement(state, statement, message.nameBytes);
  });
}

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

/** Bind: sent when the statement is known; judged at Execute. */
export function bind(state: EngineState, framer: ClientFramer): void {
  const message = parseBind(framer.buffer, framer.start, framer.end);
  const portal = openPortal(state, message, framer.end - framer.start);
  if (portal === null) return;
  portal.parameters = message.parameters;
  portal.resultFormats = message.resultFormats;
  relay(state, framer);
}

/**
 * The portal of a Bind that may be sent now; its parameters and result formats are still to be filled in. `bytes` = what it keeps in memory.
 * @returns null when it was denied, or has to wait (`blockedUntil` is set)
 */
export function openPortal(state: EngineState, head: BindHead, bytes: number): Portal | null {
  const statement = findStatement(state, head.statement);
  if (statement === undefined) return null;
  const refusal =
    statement === 'unknown'
      ? unknownStatement(head.statement)
      : isReserved(head.portal)
        ? errorFields('42602', `portal names that begin with "${reservedPrefix}" are reserved`)
        : state.prepared.isFull(bytes)
          ? tooMany
          : null;
  if (statement === 'unknown' || refusal !== null) {
    denyExtended(state, refusal ?? tooMany);
    return null;
  }
  const formats = head.parameterFormats;
  const portal: Portal = {
    ...{ name: head.portal, statement, segment: state.segment, parameters: noParameters, resultFormats: noNumbers },
    parameterFormats: Array.from({ length: head.parameterCount }, (_, i) => formats[formats.length === 1 ? 0 : i] ?? 0),
    ...{ fields: undefined, described: false, rows: 0, bytes, epoch: Number.POSITIVE_INFINITY },
    bound: state.host.bound?.(),
  };
  state.prepared.setPortal(portal);
  if (portal.name !== '') state.host.named('portal', asText(portal.name));
  const entry = push(state, 'bind');
  entry.portal = portal;
  entry.statement = statement;
  entry.ticket = statement.ticket;
  return portal;
}

/** Execute: judged with the parameters of its Bind. */
export function execute(state: EngineState, framer: ClientFramer, resume: Resume): void {
  const name = parseExecute(framer.buffer, framer.start, framer.end);
  const portal = findPortal(state, name);
  if (portal === undefined) return;
  if (portal === 'unknown') {
    denyExtended(state, unknownPortal(name));
    return;
  }
  const { statement, parameters, parameterFormats } = portal;
  const request: JudgeRequest = {
    ...{
      phase: 'execute',
      text: statement.text,
      prepared: statement.ticket,
      bound: portal.bound,
      parameters,
      parameterFormats,
    },
    ...{ parameterTypes: statement.parameterTypes, status: state.status, pipelined: isPipelined(state) },
  };
  judge(state, request, resume, (decision) => {
    if (decision.action === 'deny') return denyExtended(state, decision.error);
    if (!portal.described && (decision.describe || !(statement.stable && statement.described)))
      describePortal(state, portal);
    relay(state, framer);
    const entry = push(state, 'execute');
    entry.portal = portal;
    entry.statement = statement;
    entry.ticket = decision.ticket;
    limitRows(state, entry, decision);
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

/** Describe of a known statement or portal, or of a cursor that SQL declared. */
export function describe(state: EngineState, framer: ClientFramer): void {
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
  if (portal === 'unknown' && (name === '' || isReserved(name))) {
    denyExtended(state, unknownPortal(name));
    return;
  }
  relay(state, framer);
  const entry = push(state, 'describe-portal');
  // A cursor that SQL declared (psycopg's server-side cursors): the server knows it. The description has no values, and its rows come by FETCH only.
  if (portal === 'unknown') return;
  entry.portal = portal;
  entry.ticket = portal.statement.ticket;
  portal.described = true;
}

/** Close. */
export function close(state: EngineState, framer: ClientFramer): void {
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

/** Names are kept as latin1, a bijection of their bytes. */
const asText = (name: string) => Buffer.from(name, 'latin1').toString('utf8');

function isReserved(name: string): boolean {
  return name.startsWith(reservedPrefix);
}

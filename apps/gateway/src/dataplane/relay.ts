import type { Duplex } from 'node:stream';
import { catalogue, type ErrorCode, WeirError } from '@weir/errors';
import type { ApprovalAsk, ApprovalState, BudgetAsk, BudgetReport } from '@weir/proto';
import { frameKind, type LaneChannel, type LaneChannelHandler } from '@weir/tunnel';
import { createMessageBoundary, encodeErrorResponse, fieldsOfWeirError } from '@weir/wire-postgres';
import { createEvidenceGate, type EvidenceGate } from './evidence-gate.ts';
import type { ChannelBudgets, ControlPlane, Journal, LiveSession } from './ports.ts';

/** What a relay joins. */
export interface RelayParts {
  readonly session: LiveSession;
  /** Number of the channel in its session, from 1. */
  readonly channel: number;
  readonly client: Duplex;
  readonly journal: Journal;
  readonly controlPlane: ControlPlane;
  /** Client bytes that arrived behind the start-up. */
  readonly early: Buffer;
  onClosed(reason: string): void;
}

/** One client connection between its socket and its lane channel: bytes of the client go down, answers wait for their evidence. */
export interface Relay {
  readonly handler: LaneChannelHandler;
  /** Has the channel ended? Then it must not be started any more. */
  readonly isOver: boolean;
  /** The lane channel exists now. */
  start(lane: LaneChannel): void;
  cancel(): void;
  /** Lets nothing through in either direction until `resume`. A protocol that has no pause ends the client. */
  pause(notice: string): void;
  resume(notice: string): void;
  /** Ends the client with a FATAL error at once, whatever the agent does. */
  cut(error: WeirError): void;
}

/** How long a client may take to read why its channel was cut. */
const lingerMs = 5_000;
/** How long a cut waits for the end of a message. */
const messageEndMs = 300;

/** Creates the relay of one channel; nothing flows before start. */
export function createRelay(parts: RelayParts): Relay {
  const { client, session, journal } = parts;
  let lane: LaneChannel | undefined;
  let isOver = false;
  let owed = 0;
  const asks = new Map<number, () => void>();
  let budgets: ChannelBudgets | undefined;

  let isHalfClosed = false;
  const close = (reason: string) => {
    if (isOver) return;
    isOver = true;
    for (const withdraw of asks.values()) withdraw();
    asks.clear();
    parts.onClosed(reason);
  };
  /** Nothing more comes from the client; the agent says its last records and closes its side. */
  const noMoreFromClient = () => {
    if (isHalfClosed) return;
    isHalfClosed = true;
    lane?.halfClose();
  };
  const boundary = createMessageBoundary();
  /** Set while a cut waits for the end of the message that the client is in the middle of. */
  let cutting: WeirError | undefined;
  const sayFarewell = (error: WeirError | undefined) => {
    if (client.writable)
      client.end(error === undefined ? undefined : encodeErrorResponse(fieldsOfWeirError(error, 'FATAL')));
    // A client that does not read (or was not read) must not keep its connection and what is queued for it.
    client.resume();
    setTimeout(() => client.destroy(), lingerMs).unref();
    cutting = undefined;
    lane?.reset();
    budgets?.close();
  };
  const cut = (error: WeirError) => {
    if (isOver) return;
    isHalfClosed = true;
    close(error.message);
    // An error in the middle of a row would be read as a part of it.
    if (boundary.isBetweenMessages) return sayFarewell(error);
    cutting = error;
    setTimeout(() => cutting && sayFarewell(undefined), messageEndMs).unref();
  };
  /** The rest of the message that was under way, then the reason. */
  const finishMessage = (data: Buffer) => {
    const end = boundary.followToEnd(data);
    client.write(data.subarray(0, end));
    if (end === undefined) giveCredit();
    else sayFarewell(cutting);
  };
  let isGathering = false;
  /** What is delivered in one turn of the event loop leaves in one system call. */
  const gatherWrites = () => {
    if (isGathering) return;
    isGathering = true;
    client.cork();
    setImmediate(() => {
      isGathering = false;
      client.uncork();
    });
  };
  const giveCredit = () => {
    if (owed === 0) return;
    lane?.consumed(owed);
    owed = 0;
  };
  const evidence: EvidenceGate = createEvidenceGate(journal, session.id, parts.channel, {
    deliver(data) {
      owed += data.length;
      // An answer to a client that has gone is dropped, its credit returned, so that the agent can finish.
      if (!client.writable) return giveCredit();
      if (cutting !== undefined) return finishMessage(data);
      boundary.follow(data);
      gatherWrites();
      if (client.write(data)) giveCredit();
    },
    finished() {
      client.end();
      noMoreFromClient();
      close('the channel ended');
    },
    broken: cut,
    counted: (counts) => parts.controlPlane.counted(session.id, counts),
  });

  client.on('drain', giveCredit);
  const gone = (reason: string) => {
    noMoreFromClient();
    giveCredit();
    close(reason);
  };
  client.on('error', () => gone('the client connection failed'));
  client.on('close', () => gone('the client is gone'));
  client.on('end', noMoreFromClient);

  const approve = (data: Buffer) => {
    const ask = JSON.parse(data.toString('utf8')) as ApprovalAsk;
    const tell = (state: ApprovalState) => {
      // A watcher is needed as long as the channel lives.
      if (state.state !== 'pending' && ask.watch === undefined) asks.delete(ask.ask);
      if (!isHalfClosed) lane?.send(frameKind.approvalState, Buffer.from(JSON.stringify(state)));
    };
    const withdraw = parts.controlPlane.askApproval(session, ask, tell);
    if (!isOver) asks.set(ask.ask, withdraw);
  };

  const budgetFrame = (kind: number, data: Buffer) => {
    budgets ??= parts.controlPlane.openBudgets(session.id);
    const content: unknown = JSON.parse(data.toString('utf8'));
    if (kind === frameKind.budgetReport) return budgets.report(content as BudgetReport);
    const ledger = budgets;
    ledger.ask(content as BudgetAsk, (grant) => {
      // A grant that nobody gets goes back unused.
      if (isOver) ledger.report({ lease: grant.lease, rows: 0, bytes: 0 });
      else lane?.send(frameKind.budgetGrant, Buffer.from(JSON.stringify(grant)));
    });
  };

  return {
    get isOver() {
      return isOver;
    },
    handler: {
      onData: (data, dependsOn) => evidence.answer(data, dependsOn),
      onFrame(kind, data, sequence) {
        if (kind === frameKind.record) evidence.record(data, sequence);
        else if (kind === frameKind.approvalAsk) approve(data);
        else if (kind === frameKind.approvalWithdraw) withdrawAsk(asks, data);
        else if (kind === frameKind.budgetAsk || kind === frameKind.budgetReport) budgetFrame(kind, data);
      },
      onWritable: () => void client.resume(),
      onHalfClose: () => evidence.end(),
      onReset(fault) {
        budgets?.close();
        isHalfClosed = true;
        if (isOver) return;
        if (fault === undefined) {
          client.end();
          close('the channel ended');
          return;
        }
        const code = (fault.code in catalogue ? fault.code : 'agent_unavailable') as ErrorCode;
        cut(new WeirError(code, fault.message));
      },
    },
    start(channel) {
      lane = channel;
      if (parts.early.length > 0) channel.write(parts.early);
      client.on('data', (chunk: Buffer) => {
        if (!isHalfClosed && !channel.write(chunk)) client.pause();
      });
      client.resume();
    },
    cancel() {
      if (!isHalfClosed) lane?.send(frameKind.cancel, Buffer.alloc(0));
    },
    pause: (notice) => cut(new WeirError('session_ended', notice)),
    resume: () => undefined,
    cut,
  };
}

function withdrawAsk(asks: Map<number, () => void>, data: Buffer): void {
  const { ask } = JSON.parse(data.toString('utf8')) as { ask: number };
  asks.get(ask)?.();
  asks.delete(ask);
}

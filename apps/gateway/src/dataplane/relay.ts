import { catalogue, type ErrorCode, WeirError } from '@weir/errors';
import type { ApprovalAsk, ApprovalState, BudgetAsk, BudgetReport } from '@weir/proto';
import { frameKind, type LaneChannel, type LaneChannelHandler } from '@weir/tunnel';
import { createEvidenceGate, type EvidenceGate } from './evidence-gate.ts';
import type { ChannelBudgets, ControlPlane, Journal, LiveSession } from './ports.ts';

/** What a relay joins. */
export interface RelayParts {
  readonly session: LiveSession;
  /** Number of the channel in its session, from 1. */
  readonly channel: number;
  readonly journal: Journal;
  readonly controlPlane: ControlPlane;
  onClosed(reason: string): void;
}

/** The client's end of a channel, as its protocol has it. */
export interface ClientSide {
  /** The lane channel exists now: what the client sends may go on. */
  start(): void;
  /** An answer whose evidence is durable. @returns true = its credit goes back at once; false = `giveCredit` is called when there is room again */
  deliver(data: Buffer): boolean;
  /** There are no more answers. */
  finish(): void;
  /** The lane takes more of what the client sends. */
  resumeReading(): void;
  /** Tells the client why its channel ends, at once; then calls `done`, which ends it at the agent. */
  cut(error: WeirError, done: () => void): void;
  /** Lets nothing through in either direction until `resume`; the notice is for the person. Absent = the protocol has no pause: the client ends. */
  pause?(notice: string): void;
  resume?(notice: string): void;
}

/** What the client's end calls. */
export interface RelayEnd {
  /** Has the channel ended? */
  readonly isOver: boolean;
  /** Bytes of the client. @returns false = stop reading until `resumeReading` */
  toAgent(data: Uint8Array): boolean;
  /** Nothing more comes from the client; the agent says its last records and closes its side. */
  noMoreFromClient(): void;
  /** The client is gone: what still comes is dropped. */
  gone(reason: string): void;
  /** What was delivered has left: the agent may send as much again. */
  giveCredit(): void;
  cut(error: WeirError): void;
}

/** One client channel between its client and its lane channel: bytes of the client go down, answers wait for their evidence. */
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
  /** Ends the client with the reason at once, whatever the agent does. */
  cut(error: WeirError): void;
}

/** Creates the relay of one channel, for every protocol the same; nothing flows before start. */
export function createRelay(parts: RelayParts, createClient: (end: RelayEnd) => ClientSide): Relay {
  const { session, journal } = parts;
  let lane: LaneChannel | undefined;
  let isOver = false;
  let isHalfClosed = false;
  let owed = 0;
  const asks = new Map<number, () => void>();
  let budgets: ChannelBudgets | undefined;

  const close = (reason: string) => {
    if (isOver) return;
    isOver = true;
    for (const withdraw of asks.values()) withdraw();
    asks.clear();
    parts.onClosed(reason);
  };
  const noMoreFromClient = () => {
    if (isHalfClosed) return;
    isHalfClosed = true;
    lane?.halfClose();
  };
  const giveCredit = () => {
    if (owed === 0) return;
    lane?.consumed(owed);
    owed = 0;
  };
  const drop = () => {
    lane?.reset();
    budgets?.close();
  };
  const cut = (error: WeirError) => {
    if (isOver) return;
    isHalfClosed = true;
    close(error.message);
    client.cut(error, drop);
  };
  const client = createClient({
    get isOver() {
      return isOver;
    },
    toAgent: (data) => isHalfClosed || lane === undefined || lane.write(data),
    noMoreFromClient,
    gone(reason) {
      noMoreFromClient();
      giveCredit();
      close(reason);
    },
    giveCredit,
    cut,
  });
  const evidence: EvidenceGate = createEvidenceGate(journal, session.id, parts.channel, {
    deliver(data) {
      owed += data.length;
      if (client.deliver(data)) giveCredit();
    },
    finished() {
      client.finish();
      noMoreFromClient();
      close('the channel ended');
    },
    broken: cut,
    counted: (counts) => parts.controlPlane.counted(session.id, counts),
  });

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
      onWritable: () => client.resumeReading(),
      onHalfClose: () => evidence.end(),
      onReset(fault) {
        budgets?.close();
        isHalfClosed = true;
        if (isOver) return;
        if (fault === undefined) {
          client.finish();
          close('the channel ended');
          return;
        }
        const code = (fault.code in catalogue ? fault.code : 'agent_unavailable') as ErrorCode;
        cut(new WeirError(code, fault.message));
      },
    },
    start(channel) {
      lane = channel;
      client.start();
    },
    cancel() {
      if (!isHalfClosed) lane?.send(frameKind.cancel, Buffer.alloc(0));
    },
    pause(notice) {
      if (client.pause === undefined) cut(new WeirError('session_ended', notice));
      else client.pause(notice);
    },
    resume: (notice) => client.resume?.(notice),
    cut,
  };
}

function withdrawAsk(asks: Map<number, () => void>, data: Buffer): void {
  const { ask } = JSON.parse(data.toString('utf8')) as { ask: number };
  asks.get(ask)?.();
  asks.delete(ask);
}

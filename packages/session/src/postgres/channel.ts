import { type ApprovalQuestion, createGate, type DeliveredMasks, type Gate, type SqlSubject } from '@weir/gate';
import type { PlanEvaluator } from '@weir/policy';
import { fullNameOf, type PostgresOpen } from '@weir/proto';
import type { ChannelClosed, ChannelOpened } from '@weir/recording';
import { frameKind, type LaneChannel, type LaneChannelHandler } from '@weir/tunnel';
import {
  createPostgresEngine,
  type ErrorFields,
  encodeBackendKeyData,
  encodeCancelRequest,
  encodeErrorResponse,
  encodeParameterStatus,
  encodeReadyForQuery,
  type PostgresEngine,
} from '@weir/wire-postgres';
import { type ChannelApprovalDesk, createApprovalDesk } from '../approval-desk.ts';
import { type ChannelBudgetDesk, createBudgetDesk } from '../budget-desk.ts';
import { createOutflow, type Outflow } from '../outflow.ts';
import type { FactsOf } from '../protocol-runtime.ts';
import type { SessionServices } from '../session-services.ts';
import { sendCancel } from '../targets/cancel.ts';
import type { DialledPostgres } from '../targets/postgres.ts';
import { readTransiently } from '../targets/transient-reads.ts';
import type { CatalogStore } from './catalog-store.ts';
import { createChannelTarget } from './channel-target.ts';
import { createEngineHost } from './engine-host.ts';
import { loadCatalogOnLoan } from './postgres-catalog.ts';
import type { RowEstimate } from './row-estimate.ts';

/** A channel whose target is signed in. */
export interface Channel {
  readonly handler: LaneChannelHandler;
  /** The session's new plan. */
  replacePlan(evaluator: PlanEvaluator): void;
  /** Ends with a FATAL error to the client. */
  kill(reason: string): void;
}

/** What a channel is made of. */
export interface ChannelParts {
  readonly open: FactsOf<PostgresOpen>;
  readonly lane: LaneChannel;
  readonly dialled: DialledPostgres;
  readonly evaluator: PlanEvaluator;
  readonly catalog: CatalogStore;
  /** What the session was shown in place of protected values. */
  delivered(): DeliveredMasks;
  /** Rows that the target's planner expects, for those who decide about a statement. */
  estimate(question: ApprovalQuestion<SqlSubject>): Promise<RowEstimate>;
  readonly services: SessionServices;
  onClosed(): void;
}

/** What judges and answers. Made when the first byte comes: an idle channel, of which there may be ten thousand, has none of it. */
interface Works {
  readonly desk: ChannelApprovalDesk<SqlSubject>;
  readonly budgets: ChannelBudgetDesk;
  readonly gate: Gate;
  readonly engine: PostgresEngine;
}

/** Joins engine, gate and sockets of one client connection, and greets the client as its server would. */
export function createChannel(parts: ChannelParts): Channel {
  const { lane, dialled, services } = parts;
  const { socket: upstream } = dialled;
  const state: ChannelState = { works: undefined, evaluator: parts.evaluator, isOver: false };
  const outflow = createOutflow(lane, upstream, () => state.works?.engine.paused ?? false);

  /** `isLaneOpen`: the last record can still go up. */
  const finish = (reason: string, isLaneOpen: boolean) => {
    if (state.isOver) return;
    state.isOver = true;
    if (isLaneOpen) {
      state.works?.gate.withdraw('client-gone');
      const closed: ChannelClosed = { event: 'channel-closed', atMs: services.now(), reason };
      outflow.record(Buffer.from(JSON.stringify(closed)), true);
    }
    state.works?.budgets.close(isLaneOpen);
    outflow.close();
    state.works?.desk.lost();
    upstream.destroySoon();
    parts.onClosed();
  };
  /** The last answer is on its way: nothing follows it. */
  const end = (error: ErrorFields | null) => {
    if (state.isOver) return;
    finish(error?.['M'] ?? 'the client closed the connection', true);
    lane.halfClose();
  };
  const works = () => {
    state.works ??= createWorks(parts, state, outflow, end);
    return state.works;
  };

  /** What runs at the server must not outlive its client and its session; a client that said Terminate has ended the channel already. */
  const stopServer = () => {
    if (!state.isOver) tryCancelServer(parts);
  };

  greet(parts, outflow);
  wireUpstream(parts, () => works().engine, state);

  return {
    handler: {
      onData(data) {
        if (!state.isOver) works().engine.fromClient(data);
        outflow.consumed(data.length);
      },
      onFrame(kind, data) {
        if (kind === frameKind.approvalState) state.works?.desk.stateArrived(JSON.parse(data.toString('utf8')));
        else if (kind === frameKind.budgetGrant) state.works?.budgets.granted(JSON.parse(data.toString('utf8')));
        else if (kind === frameKind.cancel) cancel(parts, works().gate);
      },
      onWritable: () => outflow.laneWritable(),
      onHalfClose() {
        stopServer();
        end(null);
      },
      onReset(fault) {
        stopServer();
        finish(fault?.message ?? 'the client is gone', false);
      },
    },
    replacePlan(evaluator) {
      state.evaluator = evaluator;
    },
    kill(reason) {
      stopServer();
      works().engine.fail({
        S: 'FATAL',
        V: 'FATAL',
        C: '57P01',
        M: reason,
        H: 'Open a new session: weir connect NAME',
      });
    },
  };
}

/** What changes in a channel's life. */
interface ChannelState {
  works: Works | undefined;
  evaluator: PlanEvaluator;
  isOver: boolean;
}

function createWorks(
  parts: ChannelParts,
  state: ChannelState,
  outflow: Outflow,
  end: (error: ErrorFields | null) => void,
): Works {
  const { open, lane } = parts;
  const desk = createApprovalDesk(
    {
      ask: (ask) => lane.send(frameKind.approvalAsk, Buffer.from(JSON.stringify(ask))),
      withdraw: (ask) => lane.send(frameKind.approvalWithdraw, Buffer.from(JSON.stringify({ ask }))),
    },
    open.target.database,
    parts.estimate,
  );
  const budgets = createBudgetDesk({
    ask: (ask) => lane.send(frameKind.budgetAsk, Buffer.from(JSON.stringify(ask))),
    report: (report) => lane.send(frameKind.budgetReport, Buffer.from(JSON.stringify(report))),
    holdServer: (isHeld) => outflow.holdServer(isHeld),
    after(ms, run) {
      const timer = setTimeout(run, ms).unref();
      return () => clearTimeout(timer);
    },
  });
  const gate = createChannelGate(parts, state, outflow, { desk, budgets });
  const engine = createPostgresEngine(
    createEngineHost(gate, {
      ...outflow,
      end,
      cancel: () => cancelServer(parts),
      sampleRows: open.recording.maxRows,
      status: () => state.works?.engine.status ?? 'I',
    }),
    { transactionStatus: parts.dialled.ready.status, isHostCopying: true },
  );
  return { desk, budgets, gate, engine };
}

function createChannelGate(
  parts: ChannelParts,
  state: ChannelState,
  outflow: Outflow,
  { desk, budgets }: { readonly desk: ChannelApprovalDesk<SqlSubject>; readonly budgets: ChannelBudgetDesk },
): Gate {
  const { open, services } = parts;
  const engine = () => {
    if (state.works === undefined) throw new Error('the engine has not started');
    return state.works.engine;
  };
  const query = (sql: string) => engine().query(sql);
  const inTransaction = () => engine().status !== 'I' || engine().implicitTransaction !== null;
  return createGate({
    identity: {
      sessionId: open.sessionId,
      principal: fullNameOf(open.principal),
      connection: open.connection.name,
      database: open.target.database,
      interactive: /^(psql|weir)\b/.test(open.postgres.parameters['application_name'] ?? ''),
      maskingKey: Buffer.from(open.maskingKey, 'base64'),
      sampleLimits: open.recording,
    },
    evaluator: () => state.evaluator,
    analyse(request, database, catalog) {
      const known = services.analysis.peek(request, database);
      if (known !== undefined) return known;
      services.analysis.loadCatalog(catalog);
      return services.analysis.analyse(request, database, open.sessionId);
    },
    target: createChannelTarget({
      store: parts.catalog,
      query,
      loadOwn: (ask) => loadCatalogOnLoan(ask, parts.dialled.ready, inTransaction()),
      onLoaded: (catalog) => services.analysis.loadCatalog(catalog),
      status: () => engine().status,
      isQuiet: () => engine().isQuiet,
      implicitTransaction: () => engine().implicitTransaction,
    }),
    approvals: desk,
    delivered: parts.delivered,
    budgets,
    record: outflow.record,
    notice: (message, hint) => engine().notice({ S: 'NOTICE', V: 'NOTICE', C: '00000', M: message, H: hint }),
    now: services.now,
  });
}

/** What a server sends after authentication (protocol, "Start-up"): parameters, the key that cancels, readiness. */
function greet({ open, dialled, services }: ChannelParts, outflow: Outflow): void {
  const { parameterStatus } = dialled.ready;
  const opened: ChannelOpened = {
    event: 'channel-opened',
    atMs: services.now(),
    applicationName: open.postgres.parameters['application_name'] ?? '',
    serverVersion: parameterStatus.get('server_version') ?? '',
  };
  outflow.record(Buffer.from(JSON.stringify(opened)), true);
  const parameters = [...parameterStatus].map(([name, value]) => encodeParameterStatus(name, value));
  const key = encodeBackendKeyData(open.postgres.processId, Buffer.from(open.postgres.secretKey, 'base64'));
  outflow.toClient(Buffer.concat([...parameters, key, encodeReadyForQuery('I')]));
}

function wireUpstream({ dialled, services }: ChannelParts, engine: () => PostgresEngine, state: ChannelState): void {
  const { socket, ready } = dialled;
  const lost = (why: string) => {
    if (state.isOver) return;
    engine().fail({
      S: 'FATAL',
      V: 'FATAL',
      C: '08006',
      M: `the target closed the connection: ${why}`,
      H: 'Connect again; if it stays, look at the log of the target.',
    });
  };
  socket.setNoDelay(true);
  readTransiently(socket, (chunk) => {
    if (!state.isOver) engine().fromServer(chunk);
  });
  socket.on('error', (error) => lost(error.message));
  socket.on('end', () => lost('it ended the stream'));
  socket.on('close', () => lost('the connection is gone'));
  if (ready.leftover.length > 0) engine().fromServer(ready.leftover);
  services.log('debug', 'channel is open');
  socket.resume();
}

/** A cancel withdraws what is parked; otherwise it goes to the server with the server's own key. */
function cancel(parts: ChannelParts, gate: Gate): void {
  if (gate.withdraw('cancelled')) {
    gate.note('cancelled', 'the client cancelled a statement that waited for approval', null);
    return;
  }
  gate.note('cancelled', 'the client cancelled the running statement', null);
  tryCancelServer(parts);
}

/** Cancels what runs upstream with the server's own key. @throws when the request may or may not have arrived */
async function cancelServer({ open, dialled, services }: ChannelParts): Promise<void> {
  const { processId, secretKey } = dialled.ready;
  if (secretKey === null) services.log('warn', 'the target gave no cancel key: the statement goes on');
  else await sendCancel(open.target, encodeCancelRequest(processId, secretKey));
}

function tryCancelServer(parts: ChannelParts): void {
  cancelServer(parts).catch((error: Error) =>
    parts.services.log('warn', `cancel did not reach the target: ${error.message}`),
  );
}

/** Sends an error to a client whose channel never opened, and ends the channel. */
export function refuseChannel(lane: LaneChannel, fields: ErrorFields): void {
  lane.write(encodeErrorResponse({ ...fields, S: 'FATAL', V: 'FATAL' }));
  lane.halfClose();
}

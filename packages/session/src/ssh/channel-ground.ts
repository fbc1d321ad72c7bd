import { createSshGate, type SshGate } from '@weir/gate';
import type { PlanEvaluator } from '@weir/policy';
import { fullNameOf, type SshOpen } from '@weir/proto';
import type { ChannelClosed, ChannelEvent, ChannelOpened } from '@weir/recording';
import { frameKind, type LaneChannel } from '@weir/tunnel';
import { type ChannelApprovalDesk, createApprovalDesk } from '../approval-desk.ts';
import { createOutflow, type Outflow, type OutflowTarget } from '../outflow.ts';
import type { FactsOf, SessionChannel } from '../protocol-runtime.ts';
import type { SessionServices } from '../session-services.ts';
import type { TargetChannel } from '../targets/ssh-channel.ts';
import type { Upstream } from './upstream.ts';

/** What every lane channel of SSH is made of. */
export interface SshChannelParts {
  readonly open: FactsOf<SshOpen>;
  readonly lane: LaneChannel;
  readonly evaluator: PlanEvaluator;
  readonly upstream: Upstream;
  readonly services: SessionServices;
  /** Called once. */
  onClosed(): void;
}

/** What the engines of all three kinds of channels have. */
export interface ChannelEngine {
  fromClient(bytes: Buffer): void;
  readonly paused: boolean;
  kill(text: string): void;
  abandon(): void;
}

/** What channels of all kinds stand on: both directions with their evidence, gate, desk, and the end. */
export interface ChannelGround {
  readonly gate: SshGate;
  readonly outflow: Outflow;
  /** `isEvidence`: everything that the client gets from now on depends on it. */
  record(event: ChannelEvent, isEvidence: boolean): void;
  /** The channel to the target is there: its data flows from now on. */
  join(channel: TargetChannel): void;
  /** The channel is over; the last answer is on its way. */
  end(reason: string): void;
  readonly isOver: boolean;
  /** The channel as its session and its lane see it. */
  readonly channel: SessionChannel;
}

/** Makes the ground of one channel. `notice`: lines for the person while it waits. `onPlan`: the session has a new plan. */
export function createGround(
  parts: SshChannelParts,
  engine: () => ChannelEngine,
  hooks: { readonly notice: (text: string) => void; readonly onPlan?: () => void; readonly onEnd?: () => void },
): ChannelGround {
  const { open, lane, services, upstream } = parts;
  let { evaluator } = parts;
  let isOver = false;
  const tap = createTap();
  const outflow = createOutflow(lane, tap, () => engine().paused);
  const desk: ChannelApprovalDesk = createApprovalDesk(
    {
      ask: (ask) => lane.send(frameKind.approvalAsk, Buffer.from(JSON.stringify(ask))),
      withdraw: (ask) => lane.send(frameKind.approvalWithdraw, Buffer.from(JSON.stringify({ ask }))),
    },
    '',
    null,
  );
  const record = (event: ChannelEvent, isEvidence: boolean) =>
    outflow.record(Buffer.from(JSON.stringify(event)), isEvidence);
  const gate = createSshGate({
    identity: {
      sessionId: open.sessionId,
      principal: fullNameOf(open.principal),
      connection: open.connection.name,
      login: open.target.user,
    },
    evaluator: () => evaluator,
    approvals: desk,
    record: outflow.record,
    notice: hooks.notice,
    now: services.now,
  });
  const finish = (reason: string, isLaneOpen: boolean) => {
    if (isOver) return;
    isOver = true;
    if (isLaneOpen) {
      gate.withdraw('client-gone');
      const closed: ChannelClosed = { event: 'channel-closed', atMs: services.now(), reason };
      record(closed, true);
    }
    outflow.close();
    desk.lost();
    tap.close();
    hooks.onEnd?.();
    parts.onClosed();
  };
  const end = (reason: string) => {
    if (isOver) return;
    finish(reason, true);
    lane.halfClose();
  };

  record(openedEvent(open, upstream, services.now()), true);
  return {
    ...{ gate, outflow, record, end },
    join: (target) => tap.join(target),
    get isOver() {
      return isOver;
    },
    channel: {
      onData(data) {
        if (!isOver) engine().fromClient(data);
        outflow.consumed(data.length);
      },
      onFrame(kind, data) {
        if (kind === frameKind.approvalState) desk.stateArrived(JSON.parse(data.toString('utf8')));
      },
      onWritable: () => outflow.laneWritable(),
      onHalfClose() {
        if (!isOver) engine().abandon();
        end('the client closed the channel');
      },
      onReset(fault) {
        if (!isOver) engine().abandon();
        finish(fault?.message ?? 'the client is gone', false);
      },
      replacePlan(next) {
        evaluator = next;
        hooks.onPlan?.();
      },
      kill(reason) {
        if (!isOver) engine().kill(`weir: ${reason}`);
      },
    },
  };
}

function openedEvent({ ssh }: FactsOf<SshOpen>, { state }: Upstream, atMs: number): ChannelOpened {
  const dialled = state.is === 'ready' ? state.dialled : undefined;
  return {
    ...{ event: 'channel-opened', atMs },
    applicationName: ssh.clientVersion.replace(/^SSH-2\.0-/, ''),
    serverVersion: dialled?.serverVersion ?? '',
    ssh: { type: ssh.type, connection: ssh.connection, hostKey: dialled?.hostKey ?? null },
  };
}

/** The channel to the target in the outflow's eyes, before and after it is there. */
function createTap(): OutflowTarget & { join(target: TargetChannel): void; close(): void } {
  let target: TargetChannel | undefined;
  let isPaused = false;
  let onDrain: () => void = () => undefined;
  return {
    write: (bytes) => target?.write(bytes) ?? true,
    pause() {
      isPaused = true;
      target?.pause();
    },
    resume() {
      isPaused = false;
      target?.resume();
    },
    on(_event, listener) {
      onDrain = listener;
    },
    join(joined) {
      target = joined;
      joined.onDrain = () => onDrain();
      if (isPaused) joined.pause();
    },
    close() {
      // What the target still says is of no use: it must not wait for anybody.
      target?.resume();
      target?.close();
    },
  };
}

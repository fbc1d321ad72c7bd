import type { PlanEvaluator } from '@weir/policy';
import type { ChannelOpen, Target } from '@weir/proto';
import type { LaneChannel, LaneChannelHandler } from '@weir/tunnel';

/** What a channel keeps of its OPEN frame: the plan is in the evaluator. */
export type FactsOf<Open extends ChannelOpen> = Omit<Open, 'plan'>;

/** A channel among those of its session, from its OPEN frame on. */
export interface SessionChannel extends LaneChannelHandler {
  /** The session's new plan. */
  replacePlan(evaluator: PlanEvaluator): void;
  /** Ends it; its client is told the reason in the protocol's own way. */
  kill(reason: string): void;
}

/** A step of the test of a connection. */
export interface TestStep {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** What a protocol does for the runtime. */
export interface ProtocolRuntime<Open extends ChannelOpen> {
  /** Begins the dial and returns at once. `onClosed`: the channel is over; called once. */
  open(facts: FactsOf<Open>, evaluator: PlanEvaluator, lane: LaneChannel, onClosed: () => void): SessionChannel;
  /** The last channel of a session is over. */
  sessionEnded(sessionId: string): void;
  /** Dials and signs in, and tells each step. @throws what kept it from the end; a step may have told it already */
  test(target: Extract<Target, Open['target']>, onStep: (step: TestStep) => void): Promise<void>;
  close(): void;
}

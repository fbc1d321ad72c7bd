import type { PlanEvaluator } from '@weir/policy';
import type { LaneChannel } from '@weir/tunnel';
import type { ErrorFields } from '@weir/wire-postgres';
import type { SessionChannel } from '../protocol-runtime.ts';
import { type Channel, refuseChannel } from './channel.ts';

/** A channel from its OPEN frame on: client bytes wait in the lane's credit until the target is signed in. */
export class PendingChannel implements SessionChannel {
  evaluator: PlanEvaluator;
  isOver = false;
  readonly #lane: LaneChannel;
  readonly #onClosed: () => void;
  #channel: Channel | undefined;
  #early: Buffer[] = [];

  /** @param onClosed called once */
  constructor(lane: LaneChannel, evaluator: PlanEvaluator, onClosed: () => void) {
    this.#lane = lane;
    this.evaluator = evaluator;
    this.#onClosed = onClosed;
  }

  /** The target is signed in. */
  begin(create: (onClosed: () => void) => Channel): void {
    this.#channel = create(() => this.#over());
    const early = this.#early;
    this.#early = [];
    for (const data of early) this.#channel.handler.onData(data, 0);
  }

  /** The client gets this error, and the channel ends. */
  decline(fields: ErrorFields): void {
    if (this.isOver) return;
    refuseChannel(this.#lane, fields);
    this.#over();
  }

  replacePlan(next: PlanEvaluator): void {
    this.evaluator = next;
    this.#channel?.replacePlan(next);
  }

  kill(reason: string): void {
    if (this.#channel !== undefined) this.#channel.kill(reason);
    else this.decline({ S: 'FATAL', V: 'FATAL', C: '57P01', M: reason });
  }

  onData(data: Buffer, dependsOn: number): void {
    if (this.#channel === undefined) this.#early.push(data);
    else this.#channel.handler.onData(data, dependsOn);
  }

  onFrame(...frame: Parameters<SessionChannel['onFrame']>): void {
    this.#channel?.handler.onFrame(...frame);
  }

  onWritable(): void {
    this.#channel?.handler.onWritable();
  }

  onHalfClose(): void {
    if (this.#channel !== undefined) {
      this.#channel.handler.onHalfClose();
      return;
    }
    this.#over();
    this.#lane.halfClose();
  }

  onReset(fault: Parameters<SessionChannel['onReset']>[0]): void {
    this.#channel?.handler.onReset(fault);
    this.#over();
  }

  #over(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#onClosed();
  }
}

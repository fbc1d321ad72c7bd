import type { FrameKind } from './frame.ts';

/** One channel as either end of a lane sees it. All sends are batched; none blocks. */
export interface LaneChannel {
  readonly id: number;
  /** Queues protocol bytes. `dependsOn` = number of the last record that these bytes answer (0 = none; agent side only). The bytes are copied: the buffer is the caller's again.
   * @returns false when the peer's credit is used up or 256 KiB are queued: stop reading the source until `onWritable`. */
  write(data: Uint8Array, dependsOn?: number): boolean;
  /** Queues a control frame (record, cancel, approval-ask, -state, -withdraw), at most 8 MiB. Costs no credit. Ordered with data, but for cancel,
   * approval-state and the budget frames: these overtake data that waits for credit, or a parked channel could never be released.
   * @throws WeirError message_too_large; internal for another kind, or for an ordered one after halfClose() */
  send(kind: FrameKind, data: Uint8Array, sequence?: number): void;
  /** Tells the peer that `bytes` of received data have been consumed (relayed on), so it may send more. */
  consumed(bytes: number): void;
  /** No more data or records from here; queued ones still go. When both ends have half-closed the channel is over, and onReset(undefined) says so at each. */
  halfClose(): void;
  /** Ends the channel at once in both directions. Queued data is dropped; records that were sent before it still arrive (they are evidence). This end's
   * onReset is not called. A last answer therefore goes by write() and halfClose(), not by reset(). */
  reset(fault?: { code: string; message: string }): void;
  /** Data bytes queued here and not yet handed to the transport. Bounded by the caller's obedience to write()'s result. */
  readonly pendingBytes: number;
  handler: LaneChannelHandler;
}

/** What a channel's owner reacts to. Data buffers are slices of the received message: consume or copy before returning is not needed, they are never reused. */
export interface LaneChannelHandler {
  onData(data: Buffer, dependsOn: number): void;
  /** Any other frame: record, cancel, those of approvals and budgets. */
  onFrame(kind: FrameKind, data: Buffer, sequence: number): void;
  onWritable(): void;
  onHalfClose(): void;
  /** Reset by the peer, ended by both half-closes (no fault), or the lane is lost (fault code agent_unavailable / gateway_unavailable). Called once; the channel is gone. */
  onReset(fault: { code: string; message: string } | undefined): void;
}

/** The gateway's end of one agent's lane. */
export interface GatewayLane {
  readonly agentId: string;
  /** Opens a channel with its `open` content (ChannelOpen as JSON bytes). */
  open(openJson: Uint8Array, handler: LaneChannelHandler): LaneChannel;
  readonly channelCount: number;
  close(reason: string): void;
}

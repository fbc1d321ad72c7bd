import type { FrameKind } from './frame.ts';

/** One channel as either end of a lane sees it. All sends are batched; none blocks. */
export interface LaneChannel {
  readonly id: number;
  /** Queues protocol bytes. `dependsOn` = number of the last record that these bytes answer (0 = none; agent side only). The buffer must not be changed afterwards.
   * @returns false when the peer's credit is used up: stop reading the source until `onWritable`. */
  write(data: Uint8Array, dependsOn?: number): boolean;
  /** Queues a control frame (everything but open, data, credit). Ordered with data; costs no credit. */
  send(kind: FrameKind, data: Uint8Array, sequence?: number): void;
  /** Tells the peer that `bytes` of received data have been consumed (relayed on), so it may send more. */
  consumed(bytes: number): void;
  halfClose(): void;
  /** Ends the channel at once in both directions; nothing is delivered after it. */
  reset(fault?: { code: string; message: string }): void;
  /** Bytes queued here that the peer's credit does not admit yet. Bounded by the caller's obedience to write()'s result. */
  readonly pendingBytes: number;
  handler: LaneChannelHandler;
}

/** What a channel's owner reacts to. Data buffers are slices of the received message: consume or copy before returning is not needed, they are never reused. */
export interface LaneChannelHandler {
  onData(data: Buffer, dependsOn: number): void;
  /** Any other frame: record, cancel, approval-ask, approval-state, approval-withdraw. */
  onFrame(kind: FrameKind, data: Buffer, sequence: number): void;
  onWritable(): void;
  onHalfClose(): void;
  /** Reset by the peer, or the lane is lost (fault code agent_unavailable / gateway_unavailable). Called once; the channel is gone. */
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

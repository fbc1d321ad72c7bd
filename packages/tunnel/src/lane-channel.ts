import { WeirError } from '@weir/errors';
import type { ChunkPool } from './chunk-pool.ts';
import { Fifo } from './fifo.ts';
import { type FrameKind, frameKind } from './frame.ts';
import type { LaneChannel, LaneChannelHandler } from './lane.ts';
import type { BatchWriter } from './lane-codec.ts';
import { encodeSingle, frameSize, maxBatchBytes } from './lane-codec.ts';
import type { ReceiveWindow } from './receive-window.ts';

/** Largest control frame (a record with its masked rows, an open with its plan), bytes. */
export const maxControlFrameBytes = 8 * 1024 * 1024;
/** A writer is told to stop when this much is queued here, even if the peer would take more: the transport is the bottleneck then. */
const highWaterBytes = 256 * 1024;
const lowWaterBytes = 64 * 1024;
const empty = new Uint8Array(0);
/** Writes up to this many bytes are kept in buffers of their own size. */
const smallBytes = 4_096;

/** Frames that overtake queued data: what they say must arrive although data is held up for want of credit. */
const urgentKinds: ReadonlySet<number> = new Set([
  frameKind.cancel,
  frameKind.approvalState,
  frameKind.budgetAsk,
  frameKind.budgetGrant,
  frameKind.budgetReport,
]);
const sendableKinds: ReadonlySet<number> = new Set([
  frameKind.record,
  frameKind.cancel,
  frameKind.approvalAsk,
  frameKind.approvalState,
  frameKind.approvalWithdraw,
  frameKind.budgetAsk,
  frameKind.budgetGrant,
  frameKind.budgetReport,
]);

/** A reason in the catalogue's words. */
export interface Fault {
  readonly code: string;
  readonly message: string;
}

interface QueuedFrame {
  readonly kind: FrameKind;
  /** The content is `bytes[0, end)`. */
  readonly bytes: Uint8Array;
  end: number;
  /** Data bytes of this entry that have been sent. */
  sent: number;
  readonly sequence: number;
  /** `bytes`, when it belongs to the lane's pool. */
  readonly chunk: Buffer | null;
}

const frameOf = (kind: FrameKind, bytes: Uint8Array, sequence: number): QueuedFrame => ({
  ...{ kind, bytes, end: bytes.length, sent: 0, sequence, chunk: null },
});

/** What a channel needs of the lane that carries it. */
export interface ChannelHost {
  /** The channel has something to send. */
  schedule(channel: Channel): void;
  /** The channel is over; nothing more arrives for it. */
  remove(channel: Channel): void;
  /** A handler of the channel's owner threw. */
  problem(error: unknown): void;
  readonly chunks: ChunkPool;
}

/** Result of a turn: `idle` = nothing (admissible) left, `more` = has more to send, `alone` = the next frame needs a message of its own. */
export type Turn = 'idle' | 'more' | 'alone';

/** One channel: its queue of frames to send, both directions' credit, and its life. */
export class Channel implements LaneChannel {
  readonly id: number;
  handler: LaneChannelHandler;
  /** Set by the lane while the channel waits for its turn. */
  scheduled = false;
  private readonly host: ChannelHost;
  private readonly window: ReceiveWindow;
  private readonly urgent = new Fifo<QueuedFrame>();
  private readonly queue = new Fifo<QueuedFrame>();
  private queuedBytes = 0;
  private credit: number;
  private writerWaits = false;
  private saidBlocked = false;
  private halfClosedHere = false;
  private halfCloseSent = false;
  private halfClosedThere = false;
  /** 'open', then 'draining' (reset here: only what is queued is still sent), then 'over'. */
  private life: 'open' | 'draining' | 'over' = 'open';

  constructor(id: number, host: ChannelHost, handler: LaneChannelHandler, credit: number, window: ReceiveWindow) {
    this.id = id;
    this.host = host;
    this.handler = handler;
    this.credit = credit;
    this.window = window;
  }

  get pendingBytes(): number {
    return this.queuedBytes;
  }

  /** Bytes that arrived here and were not consumed. */
  get heldBytes(): number {
    return this.window.heldBytes;
  }

  write(data: Uint8Array, dependsOn = 0): boolean {
    if (this.life !== 'open') return false;
    this.refuseAfterHalfClose('data');
    if (data.length > 0) {
      this.keep(data, dependsOn);
      this.queuedBytes += data.length;
      this.host.schedule(this);
    }
    if (this.queuedBytes < highWaterBytes && this.queuedBytes < this.credit) return true;
    this.writerWaits = true;
    return false;
  }

  send(kind: FrameKind, data: Uint8Array, sequence = 0): void {
    if (!sendableKinds.has(kind)) throw new WeirError('internal', `Frame kind ${kind} has a method of its own.`);
    if (data.length > maxControlFrameBytes) {
      throw new WeirError(
        'message_too_large',
        `A control frame of ${data.length} bytes exceeds ${maxControlFrameBytes}.`,
      );
    }
    if (this.life !== 'open') return;
    if (!urgentKinds.has(kind)) this.refuseAfterHalfClose('a control frame');
    (urgentKinds.has(kind) ? this.urgent : this.queue).push(frameOf(kind, data, sequence));
    this.host.schedule(this);
  }

  consumed(bytes: number): void {
    if (this.life !== 'open') return;
    if (bytes < 0 || bytes > this.window.heldBytes) {
      throw new WeirError(
        'internal',
        `Channel ${this.id}: ${bytes} bytes consumed, ${this.window.heldBytes} received.`,
      );
    }
    this.grant(this.window.consumed(bytes));
  }

  halfClose(): void {
    if (this.life !== 'open' || this.halfClosedHere) return;
    this.halfClosedHere = true;
    this.queue.push(frameOf(frameKind.halfClose, empty, 0));
    this.host.schedule(this);
  }

  reset(fault?: Fault): void {
    if (this.life !== 'open') return;
    // Records that were sent before are evidence and still go; data does not.
    this.queue.retain((frame) => frame.kind !== frameKind.data && frame.kind !== frameKind.halfClose);
    this.queuedBytes = 0;
    const data =
      fault === undefined ? empty : Buffer.from(JSON.stringify({ code: fault.code, message: fault.message }));
    this.queue.push(frameOf(frameKind.reset, data, 0));
    this.life = 'draining';
    this.host.schedule(this);
  }

  /** Adds what may be sent now to the batch. */
  fill(batch: BatchWriter): Turn {
    for (;;) {
      const source = this.source();
      const frame = source.peek();
      if (this.life === 'over') return 'idle';
      if (frame === undefined) {
        if (this.credit > 0 || !this.writerWaits || this.saidBlocked || this.life !== 'open') return 'idle';
        this.sayBlocked();
        continue;
      }
      if (frame.kind === frameKind.data) {
        if (this.credit === 0) {
          if (this.saidBlocked) return 'idle';
          this.sayBlocked();
        } else if (!this.fillData(batch, frame)) return 'more';
      } else if (batch.fits(this.id, frame.kind, frame.end, frame.sequence)) {
        batch.add(this.id, frame.kind, frame.bytes, frame.sequence);
        source.shift();
        this.afterSent(frame.kind);
      } else {
        return frameSize(this.id, frame.kind, frame.end, frame.sequence) > maxBatchBytes ? 'alone' : 'more';
      }
    }
  }

  /** The next frame as a message of its own, after a turn that ended with `alone`. */
  takeAlone(): Buffer {
    const frame = this.source().shift();
    if (frame === undefined) throw new WeirError('internal', 'No frame is waiting.');
    const message = encodeSingle(this.id, frame.kind, frame.bytes, frame.sequence);
    this.afterSent(frame.kind);
    return message;
  }

  /** Tells a waiting writer that there is room again. */
  notifyWritable(): void {
    if (!this.writerWaits || this.life !== 'open' || this.halfClosedHere) return;
    if (this.queuedBytes > lowWaterBytes || this.queuedBytes >= this.credit) return;
    this.writerWaits = false;
    this.deliver(() => this.handler.onWritable());
  }

  /** A frame from the peer. @returns why it violates the protocol, or undefined. */
  receive(kind: number, data: Buffer, sequence: number): string | undefined {
    if (this.life === 'over') return undefined;
    if (kind === frameKind.reset) {
      this.end(readFault(data));
      return undefined;
    }
    if (kind === frameKind.data) return this.receiveData(data, sequence);
    if (kind === frameKind.credit) return this.receiveCredit(sequence);
    if (this.life === 'draining') return undefined;
    if (kind === frameKind.halfClose) {
      if (this.halfClosedThere) return 'A second half-close.';
      this.halfClosedThere = true;
      this.deliver(() => this.handler.onHalfClose());
      this.endWhenBothClosed();
      return undefined;
    }
    if (!sendableKinds.has(kind)) return `Unknown frame kind ${kind}.`;
    this.deliver(() => this.handler.onFrame(kind as FrameKind, data, sequence));
    return undefined;
  }

  /** Ends the channel and tells its owner, once, unless the owner itself reset it. */
  end(fault: Fault | undefined): void {
    if (this.life === 'over') return;
    const tell = this.life === 'open';
    this.finish();
    if (!tell) return;
    try {
      this.handler.onReset(fault);
    } catch (error) {
      this.host.problem(error);
    }
  }

  /** Queues a copy of the bytes, behind those that wait in the same chunk for the same record. */
  private keep(data: Uint8Array, sequence: number): void {
    for (let at = 0; at < data.length; ) {
      let last = this.queue.last();
      if (last === undefined || last.chunk === null || last.sequence !== sequence || last.end === last.bytes.length) {
        if (data.length - at <= smallBytes) {
          this.queue.push(frameOf(frameKind.data, Buffer.from(data.subarray(at)), sequence));
          return;
        }
        const chunk = this.host.chunks.take();
        last = { kind: frameKind.data, bytes: chunk, end: 0, sent: 0, sequence, chunk };
        this.queue.push(last);
      }
      const length = Math.min(data.length - at, last.bytes.length - last.end);
      last.bytes.set(data.subarray(at, at + length), last.end);
      last.end += length;
      at += length;
    }
  }

  /** Where the next frame comes from; nothing overtakes the frame that opens the channel. */
  private source(): Fifo<QueuedFrame> {
    return this.urgent.length > 0 && this.queue.peek()?.kind !== frameKind.open ? this.urgent : this.queue;
  }

  private receiveData(data: Buffer, sequence: number): string | undefined {
    if (this.halfClosedThere) return 'Data after a half-close.';
    if (!this.window.received(data.length)) return 'More data than the credit admits.';
    if (this.life !== 'open' || data.length === 0) return undefined;
    this.deliver(() => this.handler.onData(data, sequence));
    return undefined;
  }

  private receiveCredit(bytes: number): string | undefined {
    if (this.life === 'draining') return undefined;
    if (bytes === 0) {
      this.grant(this.window.peerBlocked());
      return undefined;
    }
    if (this.credit + bytes > 0x7fff_ffff) return 'More credit than 2 GB.';
    this.credit += bytes;
    this.saidBlocked = false;
    if (this.queuedBytes > 0) this.host.schedule(this);
    this.notifyWritable();
    return undefined;
  }

  /** Sends as much of a data entry as room and credit admit. @returns false when the batch is full. */
  private fillData(batch: BatchWriter, frame: QueuedFrame): boolean {
    const room = batch.dataRoom(this.id, frame.kind, frame.sequence);
    const length = Math.min(room, this.credit, frame.end - frame.sent);
    if (length === 0) return false;
    batch.add(this.id, frame.kind, frame.bytes.subarray(frame.sent, frame.sent + length), frame.sequence);
    frame.sent += length;
    this.credit -= length;
    this.queuedBytes -= length;
    if (frame.sent === frame.end) {
      this.queue.shift();
      if (frame.chunk !== null) this.host.chunks.give(frame.chunk);
    }
    return true;
  }

  /** Credit 0 from the sender of data: "I have more and may not send it". Asked once until credit arrives. */
  private sayBlocked(): void {
    this.saidBlocked = true;
    this.urgent.push(frameOf(frameKind.credit, empty, 0));
  }

  private grant(bytes: number): void {
    if (bytes === 0) return;
    this.urgent.push(frameOf(frameKind.credit, empty, bytes));
    this.host.schedule(this);
  }

  private afterSent(kind: FrameKind): void {
    if (kind === frameKind.reset) this.finish();
    if (kind !== frameKind.halfClose) return;
    this.halfCloseSent = true;
    this.endWhenBothClosed();
  }

  private endWhenBothClosed(): void {
    if (this.halfCloseSent && this.halfClosedThere) this.end(undefined);
  }

  private finish(): void {
    this.life = 'over';
    this.queuedBytes = 0;
    this.urgent.retain(() => false);
    this.queue.retain(() => false);
    this.window.release();
    this.host.remove(this);
  }

  /** An owner that throws loses its channel and nobody else's. */
  private deliver(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.host.problem(error);
      const fault = { code: 'internal', message: 'The channel failed inside Weir; see its log.' };
      const { handler } = this;
      this.reset(fault);
      try {
        handler.onReset(fault);
      } catch (second) {
        this.host.problem(second);
      }
    }
  }

  private refuseAfterHalfClose(what: string): void {
    if (this.halfClosedHere) throw new WeirError('internal', `Channel ${this.id}: ${what} after half-close.`);
  }
}

/** The fault in a RESET frame; what does not parse is still a fault. */
function readFault(data: Buffer): Fault | undefined {
  if (data.length === 0) return undefined;
  try {
    const value: unknown = JSON.parse(data.toString('utf8'));
    if (typeof value === 'object' && value !== null && 'code' in value && 'message' in value) {
      return { code: String(value.code), message: String(value.message) };
    }
  } catch (error) {
    return { code: 'protocol_violation', message: `The reason of a reset does not parse: ${String(error)}` };
  }
  return { code: 'protocol_violation', message: 'The reason of a reset has no code.' };
}

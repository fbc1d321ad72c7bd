import { WeirError } from '@weir/errors';
import type { OpenRefusal } from './agent-end.ts';
import { ChunkPool } from './chunk-pool.ts';
import { Fifo } from './fifo.ts';
import { frameKind } from './frame.ts';
import type { LaneChannel, LaneChannelHandler } from './lane.ts';
import { Channel, type ChannelHost, type Fault, maxControlFrameBytes } from './lane-channel.ts';
import { BatchWriter, decodeBatch, encodeSingle } from './lane-codec.ts';
import { type GrowthBudget, ReceiveWindow } from './receive-window.ts';

/** Default credit of a channel in each direction, bytes. */
export const defaultCreditBytes = 1024 * 1024;
/** Bytes by which the channels of one lane may grow beyond their initial credit, together. */
const laneGrowthBytes = 64 * 1024 * 1024;
/** Batches handed to the transport and not yet taken by the socket. Few, so that a small answer waits for few bulk messages. */
const maxBatchesInFlight = 4;

/**
 * So many channels that wait are sent without waiting for the end of the turn. Otherwise channels fall into step: this process handles all of them while
 * the other one has nothing to do, and then the other way round.
 */
const company = 3;

/** A stream of encoded batches. */
export interface BatchStream {
  /** `message` begins with its length prefix. `done` is called when it has left for the socket. */
  write(message: Buffer, done: () => void): unknown;
  /** Nobody looks at a message any more when its `done` is called, so its memory is used again; and one write may hold several messages. */
  readonly isCopying?: boolean;
  /** Messages arrive without their prefix. */
  on(event: 'data', listener: (message: Buffer) => void): unknown;
}

/** Settings of one end of a lane. */
export interface LaneEndpointOptions {
  /** The lane's connection, or a test's pair. */
  readonly call: BatchStream;
  /** Credit of a channel in each direction; both ends must use the same. Default 1 MiB. */
  readonly initialCreditBytes?: number;
  /** Takes channels that the peer opens (agent side); absent = the peer may open none. */
  onOpen?(openJson: Buffer, channel: LaneChannel): LaneChannelHandler | OpenRefusal;
  /** The peer broke the protocol: the lane is of no use any more and its owner must end it. */
  onViolation(problem: WeirError): void;
  /** A handler threw; its channel has been reset. */
  onProblem(problem: Error): void;
  /** Something arrived: a sign of life. */
  onActivity?(): void;
}

/** One end of a lane: many channels over one stream of batches. */
export interface LaneEndpoint {
  /** Opens a channel (gateway side). */
  open(openJson: Uint8Array, handler: LaneChannelHandler): LaneChannel;
  readonly channelCount: number;
  /** Ends all channels with this fault; the stream itself is the owner's. */
  close(fault: Fault): void;
}

const ignoring: LaneChannelHandler = {
  onData: () => undefined,
  onFrame: () => undefined,
  onWritable: () => undefined,
  onHalfClose: () => undefined,
  onReset: () => undefined,
};

/** Two messages as one buffer when the second lies right behind the first. */
function joinNeighbours(first: Buffer, second: Buffer): Buffer | undefined {
  if (first.buffer !== second.buffer || first.byteOffset + first.length !== second.byteOffset) return undefined;
  return Buffer.from(first.buffer, first.byteOffset, first.length + second.length);
}

/** Joins channels to a stream of batches: round robin over the channels that may send, batches built once per turn of the event loop. */
export function createLaneEndpoint(options: LaneEndpointOptions): LaneEndpoint {
  const lane = new Lane(options);
  return {
    open: (openJson, handler) => lane.open(openJson, handler),
    get channelCount() {
      return lane.channels.size;
    },
    close: (fault) => lane.close(fault),
  };
}

class Lane implements ChannelHost {
  readonly channels = new Map<number, Channel>();
  private readonly options: LaneEndpointOptions;
  private readonly budget: GrowthBudget = { remaining: laneGrowthBytes };
  private readonly credit: number;
  /** Channels that have something to send, in turn. */
  private readonly ring = new Fifo<Channel>();
  /** OPEN frames that have not left yet: they leave in the order of their numbers and before anything else of their channels. */
  private readonly opens = new Fifo<{ readonly id: number; readonly openJson: Uint8Array }>();
  readonly chunks = new ChunkPool();
  private readonly batch = new BatchWriter();
  private readonly touched = new Set<Channel>();
  private lastId = 0;
  private inFlight = 0;
  private flushPlanned = false;
  private sendPlanned = false;
  private closed = false;

  constructor(options: LaneEndpointOptions) {
    this.options = options;
    this.credit = options.initialCreditBytes ?? defaultCreditBytes;
    options.call.on('data', (message: Buffer) => this.receive(message));
  }

  open(openJson: Uint8Array, handler: LaneChannelHandler): LaneChannel {
    if (this.closed) throw new WeirError('agent_unavailable', 'The connection to the agent is lost.');
    if (openJson.length > maxControlFrameBytes) {
      throw new WeirError('message_too_large', `A plan of ${openJson.length} bytes exceeds ${maxControlFrameBytes}.`);
    }
    if (this.lastId === 0xffff_ffff) {
      throw new WeirError('agent_unavailable', 'The connection to the agent has used up its channel numbers.');
    }
    const channel = this.createChannel(++this.lastId, handler);
    this.opens.push({ id: channel.id, openJson });
    this.planFlush();
    return channel;
  }

  close(fault: Fault): void {
    if (this.closed) return;
    this.closed = true;
    for (const channel of [...this.channels.values()]) channel.end(fault);
  }

  schedule(channel: Channel): void {
    if (channel.scheduled || this.closed) return;
    channel.scheduled = true;
    this.ring.push(channel);
    this.planFlush();
    if (this.ring.length >= company && !this.sendPlanned) {
      this.sendPlanned = true;
      queueMicrotask(() => this.send());
    }
  }

  remove(channel: Channel): void {
    this.channels.delete(channel.id);
  }

  problem(error: unknown): void {
    this.options.onProblem(error instanceof Error ? error : new Error('A channel handler threw.', { cause: error }));
  }

  private createChannel(id: number, handler: LaneChannelHandler): Channel {
    const channel = new Channel(id, this, handler, this.credit, new ReceiveWindow(this.credit, this.budget));
    this.channels.set(id, channel);
    return channel;
  }

  private get hasFrames(): boolean {
    return this.opens.length > 0 || this.ring.length > 0;
  }

  /** At the latest once per turn of the event loop: everything that was queued until then shares batches, and system calls. */
  private planFlush(): void {
    if (this.flushPlanned || this.inFlight >= maxBatchesInFlight) return;
    this.flushPlanned = true;
    setImmediate(() => this.flush());
  }

  private send(): void {
    this.sendPlanned = false;
    let run: Buffer | undefined;
    let count = 0;
    while (!this.closed && this.hasFrames && this.inFlight + count < maxBatchesInFlight) {
      for (const message of this.buildBatch()) {
        const joined = run && this.options.call.isCopying === true ? joinNeighbours(run, message) : undefined;
        if (run !== undefined && joined === undefined) {
          this.transmit(run, count);
          count = 0;
        }
        run = joined ?? message;
        count++;
      }
    }
    if (run !== undefined) this.transmit(run, count);
  }

  private flush(): void {
    this.flushPlanned = false;
    this.send();
    const touched = [...this.touched];
    this.touched.clear();
    for (const channel of touched) channel.notifyWritable();
  }

  /** Fills one batch from the channels in turn; a frame that is larger than a batch follows as a message of its own. */
  private buildBatch(): Buffer[] {
    if (this.opens.length > 0) return this.buildOpens();
    const messages: Buffer[] = [];
    while (messages.length === 0) {
      const channel = this.ring.shift();
      if (channel === undefined) break;
      const turn = channel.fill(this.batch);
      this.touched.add(channel);
      if (turn === 'idle') {
        channel.scheduled = false;
        continue;
      }
      this.ring.push(channel);
      if (this.batch.size > 0) messages.push(this.batch.finish());
      if (turn === 'alone') messages.push(channel.takeAlone());
    }
    if (this.batch.size > 0) messages.push(this.batch.finish());
    return messages;
  }

  /** As many opens as fit into one batch, in order; a large one alone. */
  private buildOpens(): Buffer[] {
    for (let open = this.opens.peek(); open !== undefined; open = this.opens.peek()) {
      const { id, openJson } = open;
      const fits = this.batch.fits(id, frameKind.open, openJson.length, 0);
      if (!fits && this.batch.size > 0) break;
      this.opens.shift();
      if (!fits) return [encodeSingle(id, frameKind.open, openJson, 0)];
      this.batch.add(id, frameKind.open, openJson, 0);
    }
    return [this.batch.finish()];
  }

  /** Hands over `count` messages that lie side by side: one write, one system call. */
  private transmit(messages: Buffer, count: number): void {
    const { call } = this.options;
    const isCopying = call.isCopying === true;
    this.inFlight += count;
    if (isCopying) this.batch.hold(messages);
    call.write(messages, () => {
      this.inFlight -= count;
      if (isCopying) this.batch.release(messages);
      if (this.hasFrames && !this.closed) this.planFlush();
    });
  }

  private receive(message: Buffer): void {
    if (this.closed) return;
    this.options.onActivity?.();
    try {
      decodeBatch(message, (id, kind, data, sequence) => this.dispatch(id, kind, data, sequence));
    } catch (error) {
      if (!(error instanceof WeirError)) throw error;
      this.options.onViolation(error);
    }
  }

  private dispatch(id: number, kind: number, data: Buffer, sequence: number): void {
    if (this.closed) return;
    if (kind === frameKind.open) {
      this.accept(id, data);
      return;
    }
    const channel = this.channels.get(id);
    if (channel === undefined) {
      // Frames that were under way when the channel ended here are normal; others name a channel that never was.
      if (id === 0 || id > this.lastId) this.violation(id, 'No such channel was opened.');
      return;
    }
    const why = channel.receive(kind, data, sequence);
    if (why !== undefined) this.violation(id, why);
  }

  private accept(id: number, openJson: Buffer): void {
    const { onOpen } = this.options;
    if (onOpen === undefined || id <= this.lastId) {
      this.violation(id, onOpen === undefined ? 'This end accepts no channels.' : 'A channel number is used twice.');
      return;
    }
    this.lastId = id;
    const channel = this.createChannel(id, ignoring);
    try {
      const answer = onOpen.call(this.options, openJson, channel);
      if ('refuse' in answer) channel.reset(answer.refuse);
      else channel.handler = answer;
    } catch (error) {
      this.problem(error);
      channel.reset({ code: 'internal', message: 'The agent could not open the channel; see its log.' });
    }
  }

  private violation(channel: number, why: string): void {
    this.options.onViolation(
      new WeirError('protocol_violation', 'The tunnel peer broke the protocol.', {
        why: `Channel ${channel}: ${why}`,
        fix: 'Check that gateway and agent run versions that belong together.',
      }),
    );
  }
}

import { Duplex } from 'node:stream';
import type { LaneChannel, LaneChannelHandler } from '../src/lane.ts';
import { createLaneEndpoint, type LaneEndpoint, type LaneEndpointOptions } from '../src/lane-endpoint.ts';
import { prefixBytes } from '../src/message-framing.ts';

/** Two object-mode streams joined in memory (messages lose their length prefix on the way), with the back pressure of real ones, or with a delay and no bound. */
export function joinedStreams(delayMs = 0): [Duplex, Duplex] {
  const make = (): Duplex & { peer?: Duplex; waiting?: () => void } =>
    Object.assign(
      new Duplex({
        objectMode: true,
        read() {
          const self = this as unknown as { waiting?: () => void };
          const done = self.waiting;
          delete self.waiting;
          done?.();
        },
        write(this: Duplex & { peer?: Duplex & { waiting?: () => void } }, framed: Buffer, _encoding, done) {
          const message = framed.subarray(prefixBytes);
          const peer = this.peer as Duplex & { waiting?: () => void };
          if (delayMs > 0) {
            setTimeout(() => peer.push(message), delayMs);
            setImmediate(done);
            return;
          }
          // The callback comes later, as a socket's does.
          if (peer.push(message)) setImmediate(done);
          else peer.waiting = done;
        },
      }),
    );
  const left = make();
  const right = make();
  left.peer = right;
  right.peer = left;
  return [left, right];
}

/** A handler with defaults that do nothing. */
export function handlerOf(parts: Partial<LaneChannelHandler> = {}): LaneChannelHandler {
  return {
    onData: () => undefined,
    onFrame: () => undefined,
    onWritable: () => undefined,
    onHalfClose: () => undefined,
    onReset: () => undefined,
    ...parts,
  };
}

export interface LanePair {
  readonly gateway: LaneEndpoint;
  readonly agent: LaneEndpoint;
  readonly problems: Error[];
  /** Batches that the agent has sent. */
  readonly agentMessages: Buffer[];
}

/** A gateway and an agent end; `accept` decides about each opened channel. */
export function createLanePair(
  accept: NonNullable<LaneEndpointOptions['onOpen']>,
  initialCreditBytes = 1024 * 1024,
  delayMs = 0,
): LanePair {
  const [gatewayCall, agentCall] = joinedStreams(delayMs);
  const problems: Error[] = [];
  const agentMessages: Buffer[] = [];
  const shared = {
    initialCreditBytes,
    onViolation: (problem: Error) => void problems.push(problem),
    onProblem: (problem: Error) => void problems.push(problem),
  };
  const agent = createLaneEndpoint({ ...shared, call: agentCall, onOpen: accept });
  const gateway = createLaneEndpoint({ ...shared, call: gatewayCall });
  gatewayCall.on('data', (message: Buffer) => void agentMessages.push(message));
  return { gateway, agent, problems, agentMessages };
}

/** Writes `total` bytes of `fill`ed chunks as the channel admits; resolves when all is queued. */
export function pump(channel: LaneChannel, total: number, make: (size: number) => Buffer): Promise<void> {
  return new Promise((resolve) => {
    let left = total;
    const push = () => {
      while (left > 0) {
        const size = Math.min(left, 65_536);
        left -= size;
        if (!channel.write(make(size)) && left > 0) return;
      }
      resolve();
    };
    channel.handler = { ...channel.handler, onWritable: push };
    push();
  });
}

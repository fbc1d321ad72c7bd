import { afterEach, describe, expect, it } from 'vitest';
import type { LaneChannel } from '../src/index.ts';
import { handlerOf, pump } from './lane-pair.ts';
import { createPki, eventually, startClient, startServer } from './tunnel-pair.ts';

const MiB = 1024 * 1024;
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

describe('a reader that reads nothing, over the real tunnel', () => {
  it('costs its credit and no more, while another channel moves 64 MB', async () => {
    const pki = await createPki();
    const gateway = await startServer(pki);
    cleanups.push(() => gateway.server.close());
    const writers: LaneChannel[] = [];
    const agentEnd = startClient(pki, gateway.server.address.port, {
      onOpen: (_open, channel) => {
        writers.push(channel);
        setImmediate(() => void pump(channel, 64 * MiB, (size) => Buffer.alloc(size, 1)));
        return handlerOf();
      },
    });
    cleanups.push(() => agentEnd.client.close());
    const agent = await eventually(() => gateway.joined[0]);
    let stalledBytes = 0;
    let movedBytes = 0;
    const before = process.memoryUsage.rss();
    agent.lane.open(
      Buffer.from('{}'),
      handlerOf({
        onData: (data) => {
          stalledBytes += data.length;
        },
      }),
    );
    await eventually(() => stalledBytes === MiB);
    const moving: LaneChannel = agent.lane.open(
      Buffer.from('{}'),
      handlerOf({
        onData: (data) => {
          movedBytes += data.length;
          moving.consumed(data.length);
        },
      }),
    );
    await eventually(() => movedBytes === 64 * MiB);
    expect(stalledBytes).toBe(MiB);
    expect(writers[0]?.pendingBytes).toBeLessThanOrEqual(512 * 1024);
    expect(process.memoryUsage.rss() - before).toBeLessThan(256 * MiB);
    expect(gateway.problems).toEqual([]);
  });
});

import { once } from 'node:events';
import type { RecordEntry } from '@weir/recording';
import { describe, expect, test, vi } from 'vitest';
import { createLiveFeeds } from '../src/watching/live-feeds.ts';
import { createLiveStream } from '../src/watching/live-stream.ts';

/** A session whose journal is a list, and one reader of its live stream. */
function createWorld({ past = 0, maxWaitingBytes = 4096, stallMs = 200 } = {}) {
  const feeds = createLiveFeeds();
  const recorded: RecordEntry[] = [];
  const record = (text = 'x', event: object = { event: 'output', atMs: 1, stream: 'stdout', text }) => {
    const channel = 'reason' in event ? 0 : 1;
    const raw = {
      channel,
      sequence: recorded.length + 1,
      receivedAtMs: 1,
      eventJson: Buffer.from(JSON.stringify(event)),
    };
    recorded.push({ session: 'ses_1', ...raw, event: event as RecordEntry['event'] });
    feeds.arrived('ses_1', raw);
  };
  for (let count = 0; count < past; count++) record();
  const reads: number[] = [];
  const over: string[] = [];
  const isLive = vi.fn();
  const { stream, end } = createLiveStream({
    ...{ session: 'ses_1', feeds, now: Date.now, maxWaitingBytes, stallMs, beatMs: 20 },
    read: () => {
      const snapshot = [...recorded];
      reads.push(snapshot.length);
      return (async function* () {
        yield* snapshot;
      })();
    },
    onLive: isLive,
    onOver: (reason) => void over.push(reason),
  });
  let got = '';
  const numbers = () =>
    got
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as RecordEntry)
      .filter(({ sequence }) => sequence > 0)
      .map(({ sequence }) => sequence);
  const take = () => void stream.on('data', (chunk: Buffer) => (got += chunk.toString()));
  return { feeds, record, reads, over, isLive, stream, end, take, numbers, text: () => got };
}
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

describe('a live stream', () => {
  test('goes back to the recording when too much came while the past was sent', async () => {
    const world = createWorld({ past: 2000 });
    await vi.waitFor(() => expect(world.reads).toEqual([2000]));
    for (let count = 0; count < 500; count++) world.record();
    world.take();
    await vi.waitFor(() => expect(world.isLive).toHaveBeenCalled());
    world.record();
    await vi.waitFor(() => expect(world.numbers()).toEqual(upTo(2501)));
    expect(world.reads).toEqual([2000, 2500]);
    expect(world.over).toEqual([]);
    world.stream.destroy();
  });

  test('drops a reader that does not keep up, and tells it', async () => {
    const world = createWorld();
    await vi.waitFor(() => expect(world.isLive).toHaveBeenCalled());
    // The stream's own buffer takes some; the bound is for what waits behind it.
    while (world.over.length === 0) world.record('y'.repeat(1000));
    expect(world.over).toEqual(['the watcher does not keep up']);
    world.take();
    await once(world.stream, 'end');
    expect(world.text()).toContain('the watcher does not keep up');
    expect(world.numbers()).toEqual(upTo(world.numbers().length));
  });

  test('drops a reader that takes nothing, also while it gets the past', async () => {
    const world = createWorld({ past: 5000 });
    await vi.waitFor(() => expect(world.over).toEqual(['the watcher does not keep up']));
    expect(world.isLive).not.toHaveBeenCalled();
  });

  test('delivers what waits before it ends with the session', async () => {
    const world = createWorld({ past: 1 });
    world.record();
    world.record('', { event: 'session-closed', atMs: 1, reason: 'over' });
    world.take();
    await once(world.stream, 'end');
    expect(world.numbers()).toEqual([1, 2, 3]);
    expect(world.over).toEqual(['the session has ended']);
  });

  test('says that it lives, and lets its session go when the reader has gone', async () => {
    const world = createWorld();
    world.take();
    await vi.waitFor(() => expect(world.text()).toBe('\n\n'));
    world.stream.destroy();
    await vi.waitFor(() => expect(world.over).toEqual(['the watcher is gone']));
    world.record();
    world.end('again');
    expect(world.over).toHaveLength(1);
  });

  test('a recording that cannot be read ends it', async () => {
    const feeds = createLiveFeeds();
    const { stream } = createLiveStream({
      ...{ session: 'ses_1', feeds, now: Date.now, onLive: () => undefined, onOver: () => undefined },
      read: () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error('damaged')) }) }),
    });
    await expect(once(stream, 'end')).rejects.toThrow('damaged');
  });
});

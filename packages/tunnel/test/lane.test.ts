import { randomBytes } from 'node:crypto';
import { setImmediate as nextTurn, setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { frameKind } from '../src/frame.ts';
import type { LaneChannel } from '../src/lane.ts';
import { createLanePair, handlerOf, pump } from './lane-pair.ts';
import { eventually } from './tunnel-pair.ts';

const MiB = 1024 * 1024;

/** Turns of the event loop until `reached`, or a clear failure. */
async function until(reached: () => boolean, turns = 200_000): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    if (reached()) return;
    await nextTurn();
  }
  throw new Error('The state was not reached.');
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 200; turn++) await nextTurn();
}

describe('a lane', () => {
  it('hands the open content over and moves bytes both ways', async () => {
    const atAgent: string[] = [];
    const pair = createLanePair((openJson, channel) => {
      atAgent.push(openJson.toString());
      return handlerOf({
        onData: (data) => {
          atAgent.push(data.toString());
          channel.consumed(data.length);
          channel.write(Buffer.from(`echo ${data}`), 0);
        },
      });
    });
    const answers: string[] = [];
    const channel = pair.gateway.open(
      Buffer.from('{"a":1}'),
      handlerOf({ onData: (data) => void answers.push(data.toString()) }),
    );
    channel.write(Buffer.from('hello'));
    await until(() => answers.length === 1);
    expect([atAgent, answers]).toEqual([['{"a":1}', 'hello'], ['echo hello']]);
    expect(pair.problems).toEqual([]);
  });

  it('opens many channels in one turn, large plans and first bytes included, in the order of their numbers', async () => {
    const opened: string[] = [];
    const firstBytes: string[] = [];
    const pair = createLanePair((openJson) => {
      const name = openJson.toString('utf8').slice(0, 4);
      opened.push(name);
      return handlerOf({ onData: (data) => void firstBytes.push(`${name} ${data.toString('utf8')}`) });
    });
    const names = Array.from({ length: 40 }, (_, i) => `c${String(i).padStart(3, '0')}`);
    for (const [i, name] of names.entries()) {
      const channel = pair.gateway.open(Buffer.from(name + 'x'.repeat(3_000 + (i % 4) * 6_000)), handlerOf());
      channel.write(Buffer.from(name));
    }
    await until(() => firstBytes.length === names.length);
    expect(opened).toEqual(names);
    expect([...firstBytes].sort()).toEqual(names.map((name) => `${name} ${name}`));
    expect(pair.problems).toEqual([]);
  });

  it('keeps data, records and their numbers in order', async () => {
    const seen: string[] = [];
    const pair = createLanePair((_open, channel) => {
      for (let record = 1; record <= 50; record++) {
        channel.send(frameKind.record, Buffer.from(`record ${record}`), record);
        channel.write(Buffer.alloc(1000 * (record % 40), record), record);
      }
      return handlerOf();
    });
    let bytes = 0;
    let lastRecord = 0;
    pair.gateway.open(
      Buffer.from('{}'),
      handlerOf({
        onFrame: (kind, data, sequence) => {
          lastRecord = sequence;
          seen.push(`${kind} ${data}`);
        },
        onData: (data, dependsOn) => {
          expect(dependsOn).toBe(lastRecord);
          expect(data.every((byte) => byte === dependsOn)).toBe(true);
          bytes += data.length;
        },
      }),
    );
    await until(() => lastRecord === 50 && bytes === 835_000);
    expect(seen[0]).toBe('3 record 1');
    expect(seen).toHaveLength(50);
  });

  it('stops at the credit, and goes on when data is consumed', async () => {
    let received = 0;
    let agentChannel: LaneChannel | undefined;
    const pair = createLanePair((_open, channel) => {
      agentChannel = channel;
      return handlerOf({
        onData: (data) => {
          received += data.length;
        },
      });
    });
    const channel = pair.gateway.open(Buffer.from('{}'), handlerOf());
    const pumped = pump(channel, 3 * MiB, Buffer.alloc);
    await settle();
    // The reader has consumed nothing, so the window did not grow.
    expect(received).toBe(MiB);
    agentChannel?.consumed(MiB);
    await settle();
    expect(received).toBe(2 * MiB);
    agentChannel?.consumed(MiB);
    await pumped;
    await until(() => received === 3 * MiB);
    expect(pair.problems).toEqual([]);
  });

  it('grows the credit of a reader that keeps up on a long path, within bounds', async () => {
    let received = 0;
    let reading = true;
    const pair = createLanePair(
      (_open, channel) => {
        return handlerOf({
          onData: (data) => {
            received += data.length;
            if (reading) channel.consumed(data.length);
          },
        });
      },
      64 * 1024,
      5,
    );
    const channel = pair.gateway.open(Buffer.from('{}'), handlerOf());
    void pump(channel, 128 * MiB, Buffer.alloc);
    await eventually(() => received > 24 * MiB);
    reading = false;
    const before = received;
    await eventually(() => received - before > 1 * MiB);
    await setTimeout(50);
    expect(received - before).toBeLessThanOrEqual(8 * MiB);
    expect(pair.problems).toEqual([]);
  });

  it('holds at most the credit for a stalled reader while others move data', async () => {
    let bulk = 0;
    const received = new Map<number, number>();
    const pair = createLanePair((open, channel) => {
      const stalled = open.toString() === '{"stalled":true}';
      return handlerOf({
        onData: (data) => {
          received.set(channel.id, (received.get(channel.id) ?? 0) + data.length);
          if (!stalled) channel.consumed(data.length);
          if (!stalled) bulk += data.length;
        },
      });
    });
    const stalled = pair.gateway.open(Buffer.from('{"stalled":true}'), handlerOf());
    const other = pair.gateway.open(Buffer.from('{}'), handlerOf());
    const before = process.memoryUsage.rss();
    // An owner that ignores write()'s result fills its own queue and nothing else; one that obeys stops at once.
    void pump(stalled, 64 * MiB, Buffer.alloc);
    await pump(other, 64 * MiB, Buffer.alloc);
    await until(() => bulk === 64 * MiB);
    expect(received.get(stalled.id)).toBe(MiB);
    expect(stalled.pendingBytes).toBeLessThan(MiB);
    expect(process.memoryUsage.rss() - before).toBeLessThan(200 * MiB);
  });

  it('lets a small channel pass a bulk one after a few messages', async () => {
    const order: number[] = [];
    const pair = createLanePair((_open, channel) =>
      handlerOf({
        onData: (data) => {
          order.push(channel.id);
          channel.consumed(data.length);
        },
      }),
    );
    const bulk = pair.gateway.open(Buffer.from('{}'), handlerOf());
    const small = pair.gateway.open(Buffer.from('{}'), handlerOf());
    await settle();
    const pumped = pump(bulk, 8 * MiB, Buffer.alloc);
    await until(() => order.length > 20);
    const before = order.length;
    small.write(Buffer.from('SELECT 1'));
    await pumped;
    await until(() => order.includes(small.id));
    // In flight at that moment: at most 8 batches here and 2 * 16 in the streams' own queues.
    expect(order.indexOf(small.id) - before).toBeLessThan(48);
  });

  it('puts the small frames of many channels into few messages', async () => {
    const pair = createLanePair((_open, channel) => {
      setImmediate(() => channel.write(Buffer.alloc(50, channel.id), 0));
      return handlerOf();
    });
    let answers = 0;
    for (let count = 0; count < 100; count++) {
      pair.gateway.open(Buffer.from('{}'), handlerOf({ onData: () => void answers++ }));
    }
    await until(() => answers === 100);
    expect(pair.agentMessages.length).toBeLessThan(10);
  });

  it('lets cancel and approval answers overtake data that waits for credit', async () => {
    const kinds: number[] = [];
    const pair = createLanePair(() => handlerOf({ onFrame: (kind) => void kinds.push(kind) }));
    const channel = pair.gateway.open(Buffer.from('{}'), handlerOf());
    void pump(channel, 8 * MiB, Buffer.alloc);
    await settle();
    channel.send(frameKind.cancel, Buffer.alloc(0));
    channel.send(frameKind.approvalState, Buffer.from('{}'));
    await until(() => kinds.length === 2);
    expect(kinds).toEqual([frameKind.cancel, frameKind.approvalState]);
  });

  it('moves control frames that are larger than a batch', async () => {
    const content = randomBytes(300_000);
    let arrived: Buffer | undefined;
    const pair = createLanePair((_open, channel) => {
      channel.send(frameKind.record, content, 1);
      return handlerOf();
    });
    pair.gateway.open(
      Buffer.from('{}'),
      handlerOf({
        onFrame: (_kind, data) => {
          arrived = data;
        },
      }),
    );
    await until(() => arrived !== undefined);
    expect(arrived?.equals(content)).toBe(true);
  });

  it('closes each direction on its own, then ends both sides once', async () => {
    const events: string[] = [];
    const pair = createLanePair((_open, channel) =>
      handlerOf({
        onHalfClose: () => {
          events.push('agent: half-close');
          channel.write(Buffer.from('the rest'), 0);
          channel.halfClose();
        },
        onReset: (fault) => void events.push(`agent: end ${fault?.code}`),
      }),
    );
    const channel = pair.gateway.open(
      Buffer.from('{}'),
      handlerOf({
        onData: (data) => void events.push(`gateway: ${data}`),
        onHalfClose: () => void events.push('gateway: half-close'),
        onReset: (fault) => void events.push(`gateway: end ${fault?.code}`),
      }),
    );
    channel.halfClose();
    await until(() => events.length === 5);
    expect(events).toEqual([
      'agent: half-close',
      'agent: end undefined',
      'gateway: the rest',
      'gateway: half-close',
      'gateway: end undefined',
    ]);
    expect([pair.gateway.channelCount, pair.agent.channelCount]).toEqual([0, 0]);
  });

  it('delivers records that were sent before a reset, drops the data, and tells the peer why', async () => {
    const events: string[] = [];
    const pair = createLanePair((_open, channel) => {
      channel.write(Buffer.from('never'), 0);
      channel.send(frameKind.record, Buffer.from('kept'), 1);
      channel.reset({ code: 'target_unavailable', message: 'no route' });
      return handlerOf({ onReset: () => void events.push('told itself') });
    });
    pair.gateway.open(
      Buffer.from('{}'),
      handlerOf({
        onData: (data) => void events.push(`data ${data}`),
        onFrame: (_kind, data) => void events.push(`record ${data}`),
        onReset: (fault) => void events.push(`${fault?.code} ${fault?.message}`),
      }),
    );
    await until(() => pair.gateway.channelCount === 0);
    expect(events).toEqual(['record kept', 'target_unavailable no route']);
    expect(pair.agent.channelCount).toBe(0);
  });

  it('refuses a channel with the reason', async () => {
    const pair = createLanePair(() => ({ refuse: { code: 'not_permitted', message: 'unknown plan' } }));
    let code: string | undefined;
    pair.gateway.open(
      Buffer.from('{}'),
      handlerOf({
        onReset: (fault) => {
          code = fault?.code;
        },
      }),
    );
    await until(() => code !== undefined);
    expect([code, pair.agent.channelCount]).toEqual(['not_permitted', 0]);
  });

  it('resets only the channel whose owner throws', async () => {
    const answers: string[] = [];
    const pair = createLanePair((open, channel) =>
      handlerOf({
        onData: (data) => {
          if (open.toString() === 'bad') throw new Error('owner failed');
          channel.write(data, 0);
        },
      }),
    );
    const bad = pair.gateway.open(Buffer.from('bad'), handlerOf({ onReset: (f) => void answers.push(`${f?.code}`) }));
    const good = pair.gateway.open(Buffer.from('ok'), handlerOf({ onData: (d) => void answers.push(`${d}`) }));
    bad.write(Buffer.from('x'));
    good.write(Buffer.from('y'));
    await until(() => answers.length === 2);
    expect(answers.sort()).toEqual(['internal', 'y']);
    expect(pair.problems.map(String)).toEqual(['Error: owner failed']);
  });

  it('ends every channel when the lane is lost', async () => {
    const codes: (string | undefined)[] = [];
    const pair = createLanePair(() => handlerOf({ onReset: (fault) => void codes.push(fault?.code) }));
    for (let count = 0; count < 3; count++) pair.gateway.open(Buffer.from('{}'), handlerOf());
    await until(() => pair.agent.channelCount === 3);
    pair.agent.close({ code: 'gateway_unavailable', message: 'lost' });
    pair.agent.close({ code: 'gateway_unavailable', message: 'lost again' });
    expect(codes).toEqual(['gateway_unavailable', 'gateway_unavailable', 'gateway_unavailable']);
    expect(pair.agent.channelCount).toBe(0);
  });
});

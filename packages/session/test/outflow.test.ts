import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { frameKind, type LaneChannel } from '@weir/tunnel';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createOutflow, type Outflow } from '../src/outflow.ts';

/** A lane whose readiness the test sets. */
function createFakeLane() {
  const lane = {
    isTaking: true,
    written: [] as [string, number][],
    frames: [] as [number, string, number][],
    credit: 0,
  };
  const channel: LaneChannel = {
    ...{ id: 1, pendingBytes: 0, halfClose: () => undefined, reset: () => undefined },
    handler: {
      ...{ onData: () => undefined, onFrame: () => undefined, onWritable: () => undefined },
      ...{ onHalfClose: () => undefined, onReset: () => undefined },
    },
    write(data, dependsOn = 0) {
      lane.written.push([Buffer.from(data).toString(), dependsOn]);
      return lane.isTaking;
    },
    send: (kind, data, sequence = 0) => void lane.frames.push([kind, Buffer.from(data).toString(), sequence]),
    consumed(bytes) {
      lane.credit += bytes;
    },
  };
  return { lane, channel };
}

let listener: Server;
let upstream: Socket;
let target: Socket;
let isParked = false;
let fake: ReturnType<typeof createFakeLane>;
let flow: Outflow;

beforeEach(async () => {
  isParked = false;
  listener = createServer();
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const accepted = new Promise<Socket>((resolve) => listener.once('connection', resolve));
  upstream = connect((listener.address() as AddressInfo).port, '127.0.0.1');
  target = await accepted;
  fake = createFakeLane();
  flow = createOutflow(fake.channel, upstream, () => isParked);
});
afterEach(async () => {
  upstream.destroy();
  target.destroy();
  await new Promise((resolve) => listener.close(resolve));
});
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('records', () => {
  test('are numbered without gaps, and answers name the last that is evidence', () => {
    flow.toClient(Buffer.from('hello'));
    flow.record(Buffer.from('{"n":1}'), true);
    flow.toClient(Buffer.from('a'));
    flow.record(Buffer.from('{"n":2}'), false);
    flow.toClient(Buffer.from('b'));
    flow.record(Buffer.from('{"n":3}'), true);
    flow.toClient(Buffer.from('c'));
    expect(fake.lane.frames.map(([kind, , sequence]) => [kind, sequence])).toEqual(
      [1, 2, 3].map((n) => [frameKind.record, n]),
    );
    expect(fake.lane.written).toEqual([
      ['hello', 0],
      ['a', 1],
      ['b', 1],
      ['c', 3],
    ]);
  });

  test('nothing leaves after the end', () => {
    flow.close();
    flow.record(Buffer.from('{}'), true);
    flow.toClient(Buffer.from('x'));
    flow.toServer(Buffer.from('x'));
    flow.consumed(10);
    expect(fake.lane).toMatchObject({ written: [], frames: [], credit: 0 });
  });
});

describe('credit of the client', () => {
  test('goes back at once when all take', () => {
    flow.consumed(100);
    expect(fake.lane.credit).toBe(100);
  });

  test('waits while a judgement is open', async () => {
    isParked = true;
    flow.consumed(100);
    expect(fake.lane.credit).toBe(0);
    flow.toClient(Buffer.from('notice'));
    await turn();
    expect(fake.lane.credit).toBe(0);
    isParked = false;
    flow.toServer(Buffer.from('released'));
    await turn();
    expect(fake.lane.credit).toBe(100);
  });

  test('waits while the server takes nothing', async () => {
    const chunk = Buffer.alloc(4 * 1024 * 1024);
    while (upstream.writableLength < upstream.writableHighWaterMark) flow.toServer(chunk);
    flow.consumed(chunk.length);
    expect(fake.lane.credit).toBe(0);
    target.resume();
    while (fake.lane.credit === 0) await turn();
    expect(fake.lane.credit).toBe(chunk.length);
  });

  test('waits while the gateway takes nothing: refusals cannot pile up here', () => {
    fake.lane.isTaking = false;
    flow.toClient(Buffer.from('refused'));
    flow.consumed(50);
    expect(fake.lane.credit).toBe(0);
    fake.lane.isTaking = true;
    flow.laneWritable();
    expect(fake.lane.credit).toBe(50);
  });
});

test('the server is not read while the gateway takes nothing', async () => {
  const seen: number[] = [];
  upstream.on('data', (chunk: Buffer) => {
    seen.push(chunk.length);
    flow.toClient(chunk);
  });
  fake.lane.isTaking = false;
  target.write(Buffer.alloc(32 * 1024 * 1024));
  while (seen.length === 0) await turn();
  for (let i = 0; i < 50; i += 1) await turn();
  expect(upstream.isPaused()).toBe(true);
  expect(seen.length).toBeLessThan(4);
  fake.lane.isTaking = true;
  flow.laneWritable();
  while (seen.reduce((sum, size) => sum + size, 0) < 32 * 1024 * 1024) await turn();
});

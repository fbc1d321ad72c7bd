import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createLaneEndpoint, frameKind, type LaneChannel } from '../src/index.ts';
import { BatchWriter, encodeSingle } from '../src/lane-codec.ts';
import { prefixed } from '../src/message-framing.ts';
import { handlerOf, joinedStreams } from './lane-pair.ts';

const nothing = Buffer.alloc(0);

/** An agent end whose peer is written by hand. */
function agentEnd() {
  const [here, there] = joinedStreams();
  const violations: (string | undefined)[] = [];
  const channels: LaneChannel[] = [];
  const ends: unknown[] = [];
  createLaneEndpoint({
    call: here,
    initialCreditBytes: 1000,
    onOpen: (_open, channel) => {
      channels.push(channel);
      return handlerOf({ onReset: (fault) => void ends.push(fault) });
    },
    onViolation: (problem) => void violations.push(problem.why),
    onProblem: (problem) => void violations.push(problem.message),
  });
  there.resume();
  const send = async (...frames: [number, number, Uint8Array, number][]) => {
    const writer = new BatchWriter();
    for (const frame of frames) writer.add(...frame);
    there.write(writer.finish());
    await nextTurn();
    await nextTurn();
  };
  return { there, send, violations, channels, ends };
}
const open: [number, number, Uint8Array, number] = [1, frameKind.open, Buffer.from('{}'), 0];

describe('a peer that breaks the protocol', () => {
  it.each<[string, [number, number, Uint8Array, number][], RegExp]>([
    ['sends more than its credit', [open, [1, frameKind.data, Buffer.alloc(1001), 0]], /More data than the credit/],
    ['names a channel that was never opened', [open, [7, frameKind.data, nothing, 0]], /No such channel/],
    ['uses channel 0', [[0, frameKind.data, nothing, 0]], /No such channel/],
    ['opens a channel twice', [open, open], /used twice/],
    ['sends an unknown frame', [open, [1, 99, nothing, 0]], /Unknown frame kind 99/],
    ['half-closes twice', [open, [1, frameKind.halfClose, nothing, 0], [1, frameKind.halfClose, nothing, 0]], /second/],
    [
      'sends data after its end',
      [open, [1, frameKind.halfClose, nothing, 0], [1, frameKind.data, Buffer.from('x'), 0]],
      /after a half-close/,
    ],
    ['grants endless credit', [open, [1, frameKind.credit, nothing, 2 ** 31]], /More credit/],
  ])('%s', async (_name, frames, why) => {
    const end = agentEnd();
    await end.send(...frames);
    expect(end.violations[0]).toMatch(why);
  });

  it('sends bytes that are no message', async () => {
    const end = agentEnd();
    end.there.write(prefixed(Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f])));
    await nextTurn();
    await nextTurn();
    expect(end.violations[0]).toMatch(/behind the end/);
  });

  it('sends frames for a channel that ended here: they are dropped', async () => {
    const end = agentEnd();
    await end.send(open);
    end.channels[0]?.reset();
    for (let turn = 0; turn < 5; turn++) await nextTurn();
    await end.send([1, frameKind.data, Buffer.from('late'), 0], [1, frameKind.reset, nothing, 0]);
    expect([end.violations, end.ends]).toEqual([[], []]);
  });

  it.each([
    ['no JSON', 'nonsense'],
    ['JSON without a code', '{"a":1}'],
  ])('resets with %s: still a fault', async (_name, content) => {
    const end = agentEnd();
    await end.send(open);
    end.there.write(encodeSingle(1, frameKind.reset, Buffer.from(content), 0));
    await nextTurn();
    await nextTurn();
    expect(end.ends).toMatchObject([{ code: 'protocol_violation' }]);
  });
});

describe('an owner that breaks the contract', () => {
  it.each<[string, (channel: LaneChannel) => void, string]>([
    ['consumes what never came', (channel) => channel.consumed(1), 'internal'],
    ['writes after its half-close', (channel) => [channel.halfClose(), channel.write(Buffer.from('x'))], 'internal'],
    [
      'sends a record after its half-close',
      (channel) => [channel.halfClose(), channel.send(frameKind.record, nothing, 1)],
      'internal',
    ],
    ['sends data as a control frame', (channel) => channel.send(frameKind.data, nothing), 'internal'],
    [
      'sends a record of 9 MB',
      (channel) => channel.send(frameKind.record, Buffer.alloc(9_000_000), 1),
      'message_too_large',
    ],
  ])('%s', async (_name, act, code) => {
    const end = agentEnd();
    await end.send(open);
    const channel = end.channels[0];
    expect(() => channel !== undefined && act(channel)).toThrow(expect.objectContaining({ code }));
  });

  it('may go on calling a channel that is over', async () => {
    const end = agentEnd();
    await end.send(open, [1, frameKind.reset, nothing, 0]);
    const channel = end.channels[0];
    expect(channel?.write(Buffer.from('x'))).toBe(false);
    channel?.send(frameKind.record, nothing, 1);
    channel?.consumed(5);
    channel?.halfClose();
    channel?.reset({ code: 'internal', message: 'late' });
    expect([end.violations, end.ends, channel?.pendingBytes]).toEqual([[], [undefined], 0]);
  });
});

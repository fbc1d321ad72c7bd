import { Duplex } from 'node:stream';
import { WeirError } from '@weir/errors';
import type { ApprovalState } from '@weir/proto';
import { frameKind, type LaneChannel } from '@weir/tunnel';
import { describe, expect, test } from 'vitest';
import type { ControlPlane, LiveSession } from '../src/dataplane/ports.ts';
import { createPostgresRelay } from '../src/dataplane/postgres/postgres-relay.ts';
import { createFakeJournal } from './fixture/fake-journal.ts';

/** A client connection whose reading the test holds up or lets go. */
class MemoryClient extends Duplex {
  readonly said: string[] = [];
  isStalled = false;
  private blocked: (() => void) | undefined;
  constructor() {
    super({ writableHighWaterMark: 8 });
  }
  override _read(): void {
    // The test pushes.
  }
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.said.push(chunk.toString('latin1'));
    if (this.isStalled) this.blocked = done;
    else done();
  }
  go(): void {
    this.isStalled = false;
    this.blocked?.();
  }
}

function createWorld(early = '') {
  const lane = { sent: [] as string[], frames: [] as number[], credit: 0, ends: [] as string[], isTaking: true };
  const channel = {
    write(data: Buffer) {
      lane.sent.push(data.toString());
      return lane.isTaking;
    },
    send: (kind: number, data: Buffer) => void lane.frames.push(kind, data.length),
    consumed: (bytes: number) => {
      lane.credit += bytes;
    },
    halfClose: () => void lane.ends.push('half-close'),
    reset: () => void lane.ends.push('reset'),
  } as unknown as LaneChannel;
  const client = new MemoryClient();
  const journal = createFakeJournal();
  const closed: string[] = [];
  const withdrawn: number[] = [];
  const tells: ((state: ApprovalState) => void)[] = [];
  const controlPlane = {
    counted: () => undefined,
    askApproval(_session: LiveSession, ask: { ask: number }, tell: (state: ApprovalState) => void) {
      tells.push(tell);
      return () => void withdrawn.push(ask.ask);
    },
  } as unknown as ControlPlane;
  const relay = createPostgresRelay({
    ...{ session: { id: 'ses_1' } as LiveSession, channel: 1, client, journal, controlPlane },
    early: Buffer.from(early),
    onClosed: (reason) => void closed.push(reason),
  });
  relay.start(channel);
  return { relay, lane, client, journal, closed, withdrawn, tells };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));
const record = Buffer.from('{"event":"statement","action":"allow"}');

describe('bytes', () => {
  test('of the client go down in order, those of the sign-in first', async () => {
    const { client, lane } = createWorld('early');
    client.push('one');
    client.push('two');
    await turn();
    expect(lane.sent.join('')).toBe('earlyonetwo');
  });

  test('the client is not read while the lane takes nothing', async () => {
    const { client, lane, relay } = createWorld();
    lane.isTaking = false;
    client.push('one');
    await turn();
    expect(client.isPaused()).toBe(true);
    lane.isTaking = true;
    relay.handler.onWritable();
    expect(client.isPaused()).toBe(false);
  });

  test('answers wait for their record, and their credit for the client', async () => {
    const { client, lane, relay, journal } = createWorld();
    client.isStalled = true;
    relay.handler.onFrame(frameKind.record, record, 1);
    relay.handler.onData(Buffer.from('a long answer'), 1);
    expect(client.said).toEqual([]);
    journal.sync(1);
    await turn();
    expect(client.said).toEqual(['a long answer']);
    expect(lane.credit).toBe(0);
    client.go();
    await turn();
    expect(lane.credit).toBe('a long answer'.length);
  });
});

describe('ends', () => {
  test('a client that says no more is half-closed; its last answers still come', async () => {
    const { client, lane, relay, journal, closed } = createWorld();
    client.push(null);
    await turn();
    expect(lane.ends).toEqual(['half-close']);
    relay.handler.onFrame(frameKind.record, record, 1);
    relay.handler.onData(Buffer.from('last'), 1);
    relay.handler.onHalfClose();
    expect(closed).toEqual([]);
    journal.sync(1);
    expect(client.said).toEqual(['last']);
    expect(closed).toEqual(['the channel ended']);
  });

  test('a client that is gone does not hold the agent up: records are kept, answers dropped, credit returned', async () => {
    const { client, lane, relay, journal, closed } = createWorld();
    client.destroy();
    await turn();
    expect(closed).toEqual(['the client is gone']);
    expect(lane.ends).toEqual(['half-close']);
    relay.handler.onFrame(frameKind.record, record, 1);
    relay.handler.onData(Buffer.from('nobody reads this'), 1);
    journal.sync(1);
    expect(journal.entries).toHaveLength(1);
    expect(lane.credit).toBe('nobody reads this'.length);
  });

  test('a cut tells the client why, at once, and resets the lane; once', async () => {
    const { client, lane, relay, closed } = createWorld();
    relay.cut(new WeirError('session_ended', 'access was withdrawn'));
    relay.cut(new WeirError('session_ended', 'again'));
    await turn();
    expect(client.said.join('')).toContain('access was withdrawn');
    expect(client.said.join('')).not.toContain('again');
    expect(client.writableEnded).toBe(true);
    expect(lane.ends).toEqual(['reset']);
    expect(closed).toEqual(['access was withdrawn']);
  });

  test.each([
    ['agent_unavailable', 'the agent was lost', '08006'],
    ['not-a-code', 'of a later version', '08006'],
  ])('a reset by the agent (%s) is an error for the client', async (code, message) => {
    const { client, relay, closed } = createWorld();
    relay.handler.onReset({ code, message });
    await turn();
    expect(client.said.join('')).toContain(message);
    expect(closed).toEqual([message]);
  });

  test('broken evidence cuts the client', async () => {
    const { client, relay } = createWorld();
    relay.handler.onData(Buffer.from('secret'), 3);
    await turn();
    expect(client.said.join('')).toContain('SFATAL');
    expect(client.said.join('')).not.toContain('secret');
  });
});

describe('approvals and cancels', () => {
  const ask = (number: number) => Buffer.from(JSON.stringify({ ask: number }));

  test('the answer goes down, and open questions end with the channel', () => {
    const { relay, lane, tells, withdrawn, client } = createWorld();
    relay.handler.onFrame(frameKind.approvalAsk, ask(1), 0);
    relay.handler.onFrame(frameKind.approvalAsk, ask(2), 0);
    relay.handler.onFrame(frameKind.approvalAsk, ask(3), 0);
    tells[0]?.({ ask: 1, requestId: 'req-1', state: 'approved' });
    expect(lane.frames[0]).toBe(frameKind.approvalState);
    relay.handler.onFrame(frameKind.approvalWithdraw, ask(2), 0);
    expect(withdrawn).toEqual([2]);
    relay.cut(new WeirError('session_ended', 'x'));
    expect(withdrawn).toEqual([2, 3]);
    client.destroy();
  });

  test('a watcher is needed until the channel ends, also after one came', () => {
    const { relay, lane, tells, withdrawn } = createWorld();
    relay.handler.onFrame(frameKind.approvalAsk, Buffer.from(JSON.stringify({ ask: 1, watch: true })), 0);
    tells[0]?.({ ask: 1, requestId: 'ses_1', state: 'approved' });
    expect(lane.frames[0]).toBe(frameKind.approvalState);
    expect(withdrawn).toEqual([]);
    relay.cut(new WeirError('session_ended', 'x'));
    expect(withdrawn).toEqual([1]);
  });

  test('a paused session of a protocol without a pause ends', () => {
    const { relay, client, closed } = createWorld();
    relay.pause('Nobody watches.');
    expect(closed).toEqual(['Nobody watches.']);
    expect(client.said.join('')).toContain('Nobody watches.');
  });

  test('a cancel goes down while the channel lives', () => {
    const { relay, lane } = createWorld();
    relay.cancel();
    expect(lane.frames).toEqual([frameKind.cancel, 0]);
    relay.cut(new WeirError('session_ended', 'x'));
    relay.cancel();
    expect(lane.frames).toEqual([frameKind.cancel, 0]);
  });
});

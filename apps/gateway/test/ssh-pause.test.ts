import { encodeMessage, type SshMessage } from '@weir/wire-ssh';
import { describe, expect, test } from 'vitest';
import type { RelayEnd } from '../src/dataplane/relay.ts';
import { createClientChannel } from '../src/dataplane/ssh/client-channel.ts';
import { createConnectionSide } from '../src/dataplane/ssh/connection-side.ts';
import type { SshTransport } from '../src/dataplane/ssh/transport.ts';

/** What went to the agent and to the client, as text. */
function createEnds() {
  const toAgent: string[] = [];
  const toClient: string[] = [];
  const end = {
    isOver: false,
    toAgent: (data: Uint8Array) => toAgent.push(Buffer.from(data).toString('latin1')) > 0,
    noMoreFromClient: () => undefined,
    gone: () => undefined,
    giveCredit: () => undefined,
    cut: () => undefined,
  } satisfies RelayEnd;
  const transport = {
    isOver: false,
    hasRoom: () => true,
    send: (head: Uint8Array, pieces: readonly Uint8Array[] = []) =>
      void toClient.push(Buffer.concat([head, ...pieces]).toString('latin1')),
  } as unknown as SshTransport;
  return { toAgent, toClient, end, transport };
}

function createSession() {
  const ends = createEnds();
  const channel = createClientChannel({
    ...{ transport: ends.transport, local: 0, isSession: true },
    remote: { channel: 7, window: 1_000_000, maxPacketBytes: 32_768 },
    ...{ askClient: () => undefined, onFreed: () => undefined, onAgentDone: () => undefined },
  });
  const side = channel.createSide(ends.end);
  channel.confirm();
  return { ...ends, channel, side };
}
/** A message of the client for channel 0: its number takes the place of the length. */
const ofClient = (message: SshMessage): Buffer => {
  const bytes = encodeMessage(message);
  const payload = Buffer.alloc(bytes.length);
  payload[0] = bytes[4] as number;
  bytes.copy(payload, 5, 5);
  return payload;
};
const data = (text: string): SshMessage => ({ type: 'data', bytes: Buffer.from(text) }) as SshMessage;
const terminal: SshMessage = {
  ...{ type: 'request', wantReply: true },
  request: { name: 'pty-req', term: 'xterm', columns: 80, rows: 24, width: 0, height: 0, modes: Buffer.alloc(0) },
} as unknown as SshMessage;
const shell = { type: 'request', wantReply: true, request: { name: 'shell' } } as SshMessage;

describe('a paused channel', () => {
  test('lets nothing through in either direction, says why, and delivers what was held in order', () => {
    const { channel, side, toAgent, toClient } = createSession();
    side.start();
    channel.receive(ofClient(terminal));
    channel.receive(ofClient(shell));
    const before = toAgent.length;
    side.pause?.('Nobody watches.');
    channel.receive(ofClient(data('typed')));
    side.deliver(encodeMessage(data('shown')));
    expect(toAgent).toHaveLength(before);
    expect(toClient.join()).toContain('\r\nweir: Nobody watches.\r\n');
    expect(toClient.join()).not.toContain('shown');
    side.resume?.('bob watches.');
    expect(toAgent.slice(before).join()).toContain('typed');
    expect(toClient.join()).toMatch(/weir: bob watches\.\r\n.*shown/s);
  });

  test('that opens while its session is paused begins to send when the session goes on', () => {
    const { channel, side, toAgent } = createSession();
    side.pause?.('Nobody watches.');
    side.start();
    channel.receive(ofClient(shell));
    channel.receive(ofClient(data('typed')));
    expect(toAgent).toEqual([]);
    side.resume?.('bob watches.');
    expect(toAgent.join()).toMatch(/shell.*typed/s);
  });

  test('that is not on its lane yet keeps what it holds when the session goes on', () => {
    const { channel, side, toAgent } = createSession();
    channel.receive(ofClient(shell));
    side.pause?.('Nobody watches.');
    side.resume?.('bob watches.');
    expect(toAgent).toEqual([]);
    side.start();
    expect(toAgent.join()).toContain('shell');
  });
});

describe('a paused connection', () => {
  test('holds global requests, also when it is opened while its session is paused', () => {
    const { end, toAgent } = createEnds();
    const connection = createConnectionSide({
      openForTarget: () => undefined,
      answer: () => undefined,
      sayFarewell: () => undefined,
      onTargetFailed: () => undefined,
      onAgentDone: () => undefined,
    });
    const side = connection.createSide(end);
    side.pause?.('Nobody watches.');
    side.start();
    connection.send(Buffer.from('forward'));
    expect(toAgent).toEqual([]);
    side.resume?.('bob watches.');
    expect(toAgent.join()).toContain('forward');
  });
});

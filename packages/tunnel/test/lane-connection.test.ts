import { randomBytes } from 'node:crypto';
import { connect, type TLSSocket } from 'node:tls';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { LaneAnswerSchema, LaneHelloSchema } from '@weir/proto';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { laneProtocol } from '../src/lane-socket.ts';
import { prefixBytes, prefixed } from '../src/message-framing.ts';
import { issueAgent, type TestIdentity } from './certificates.ts';
import { createPki, eventually, startClient, startServer, type TestPki } from './tunnel-pair.ts';

let pki: TestPki;
const cleanups: (() => unknown)[] = [];
beforeAll(async () => {
  pki = await createPki();
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A connection to the tunnel port by hand, and what came back until it ended. */
function dial(port: number, identity: Pick<TestIdentity, 'certificate' | 'key'>, protocol = laneProtocol) {
  const socket: TLSSocket = connect({
    ...{ host: '127.0.0.1', port, servername: 'localhost', ca: pki.authority.pem, ALPNProtocols: [protocol] },
    ...{ cert: identity.certificate, key: identity.key },
  });
  cleanups.push(() => socket.destroy());
  const received: Buffer[] = [];
  socket.on('data', (data: Buffer) => void received.push(data));
  const ended = new Promise<Buffer>((resolve) => {
    socket.on('error', () => resolve(Buffer.concat(received)));
    socket.on('close', () => resolve(Buffer.concat(received)));
  });
  return { socket, ended };
}
const hello = (instanceId: string) => prefixed(toBinary(LaneHelloSchema, create(LaneHelloSchema, { instanceId })));
const refusalOf = (answer: Buffer) => fromBinary(LaneAnswerSchema, answer.subarray(prefixBytes)).refusalCode;

describe("a lane's connection", () => {
  it.each([
    ['without a control stream', 'instance-of-nobody', 'not_permitted'],
    ['beside the lane that is there', 'instance-a', 'protocol_violation'],
  ])('%s is refused, with the reason', async (_name, instance, code) => {
    const gateway = await startServer(pki);
    cleanups.push(() => gateway.server.close());
    const observed = startClient(pki, gateway.server.address.port);
    cleanups.push(() => observed.client.close());
    await eventually(() => gateway.joined[0]);
    const { socket, ended } = dial(gateway.server.address.port, pki.agent);
    socket.write(hello(instance));
    expect(refusalOf(await ended)).toBe(code);
    expect(gateway.server.agents()).toHaveLength(1);
  });

  it("by another certificate of the same agent does not get this one's control stream", async () => {
    const gateway = await startServer(pki);
    cleanups.push(() => gateway.server.close());
    const observed = startClient(pki, gateway.server.address.port);
    cleanups.push(() => observed.client.close());
    await eventually(() => gateway.joined[0]);
    const { socket, ended } = dial(gateway.server.address.port, await issueAgent(pki.authority, 'agent-1'));
    socket.write(hello('instance-a'));
    expect(refusalOf(await ended)).toBe('not_permitted');
  });

  it.each([
    ['a hello that is no message', prefixed(Buffer.from([0xff, 0xff]))],
    ['bytes that are no prefix', randomBytes(64).fill(0xee, 0, 1)],
    ['a hello of 100 MB', Buffer.from([0, 0x06, 0, 0, 0])],
  ])('is ended on %s', async (_name, bytes) => {
    const gateway = await startServer(pki);
    cleanups.push(() => gateway.server.close());
    const { socket, ended } = dial(gateway.server.address.port, pki.agent);
    socket.write(bytes);
    await ended;
    expect(gateway.joined).toEqual([]);
  });

  it('of a protocol that the port does not speak fails in the handshake', async () => {
    const gateway = await startServer(pki);
    cleanups.push(() => gateway.server.close());
    const { ended } = dial(gateway.server.address.port, pki.agent, 'http/1.1');
    expect((await ended).length).toBe(0);
  });

  it('takes the agent down with it, and both come back', async () => {
    const gateway = await startServer(pki);
    cleanups.push(() => gateway.server.close());
    const observed = startClient(pki, gateway.server.address.port, { random: () => 0 });
    cleanups.push(() => observed.client.close());
    const agent = await eventually(() => gateway.joined[0]);
    const violation = Buffer.from([9]);
    agent.lane.open(violation, {
      onData: () => undefined,
      onFrame: () => undefined,
      onWritable: () => undefined,
      onHalfClose: () => undefined,
      onReset: () => undefined,
    });
    agent.lane.close('test');
    await eventually(() => gateway.joined[1]);
    expect(gateway.left).toHaveLength(1);
  });
});

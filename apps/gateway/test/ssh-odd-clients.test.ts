import { FieldReader } from '@weir/wire-ssh';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { channelRequest, connectOddly, message, type OddClient, openChannel, password } from './fixture/odd-client.ts';
import { type SshWorld, startSshWorld } from './fixture/ssh-world.ts';

let world: SshWorld;
const clients: OddClient[] = [];
const connect = async (isSignedIn = true) => {
  const client = await connectOddly(world.port, isSignedIn);
  clients.push(client);
  return client;
};
/** A session channel; gives the gateway's number of it. */
const openSession = async (client: OddClient, sender = 0): Promise<number> => {
  client.send(openChannel(sender));
  return (await client.next(91)).readUInt32BE(5);
};
const data = (channel: number, length: number) =>
  message(94, (fields) => {
    fields.uint32(channel).bytes(Buffer.alloc(length));
  });
const globalRequest = (type: string, wantsReply: boolean) =>
  message(80, (fields) => {
    fields.text(type).boolean(wantsReply);
  });

beforeEach(async () => {
  world = await startSshWorld();
});
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  world.close();
});

describe('a client that has not signed in is disconnected', () => {
  test.each([
    ['opens a channel', [openChannel(0)], 'The client is not signed in.'],
    ['sends a global request', [globalRequest('tcpip-forward', true)], 'The client is not signed in.'],
    [
      'asks for another service',
      [message(5, (fields) => void fields.text('ssh-connection'))],
      'This service is not available.',
    ],
    [
      'guesses six passwords',
      Array.from({ length: 6 }, () => password('anna+box', 'wrong')),
      'Too many authentication failures.',
    ],
    [
      'changes its name',
      [password('anna+box', 'wrong'), password('root+box', 'wrong')],
      'The user name must not change.',
    ],
    [
      'tries unknown methods without end',
      Array.from({ length: 51 }, () =>
        message(50, (fields) => void fields.text('anna+box').text('ssh-connection').text('hostbased')),
      ),
      'Too many authentication failures.',
    ],
    [
      'sends a request that ends in a field',
      [message(50, (fields) => void fields.text('anna+box').uint32(99))],
      'a message ends in the middle of a field',
    ],
    [
      'has a name that is no text',
      [message(50, (fields) => void fields.bytes(Buffer.from([0xff, 0xfe])))],
      'a text is not UTF-8',
    ],
  ])('when it %s', async (_what, messages, why) => {
    const client = await connect(false);
    for (const one of messages) {
      client.send(one);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    expect(await client.ended).toContain(why);
    expect(world.agent.opened).toEqual([]);
  });

  test('and learns nothing of which users there are', async () => {
    const answers = [];
    for (const user of ['anna+box', 'nobody+box', 'anna+nowhere', 'root']) {
      const client = await connect(false);
      client.send(password(user, 'wrong'));
      answers.push((await client.next(51)).toString('latin1'));
    }
    expect(new Set(answers).size).toBe(1);
  });

  test('a change of password is refused without being asked about', async () => {
    const client = await connect(false);
    client.send(
      message(50, (fields) => {
        fields.text('anna+box').text('ssh-connection').text('password').boolean(true).text('open sesame').text('new');
      }),
    );
    await client.next(51);
    expect(world.attempts).toEqual([]);
  });
});

describe('messages', () => {
  test('of unknown numbers are answered by UNIMPLEMENTED with their own number', async () => {
    const client = await connect();
    client.send(message(150));
    client.send(message(151));
    const [first, second] = [await client.next(3), await client.next(3)].map((answer) => answer.readUInt32BE(1));
    expect((second as number) - (first as number)).toBe(1);
  });

  test('PING is answered with its own data', async () => {
    const client = await connect();
    client.send(message(192, (fields) => void fields.text('are you there')));
    expect(new FieldReader(await client.next(193), 1).text()).toBe('are you there');
  });

  test('answers to global requests come in the order of the requests', async () => {
    const client = await connect();
    client.send(message(80, (fields) => void fields.text('tcpip-forward').boolean(true).text('127.0.0.1').uint32(0)));
    client.send(globalRequest('keepalive@openssh.com', true));
    await expect.poll(() => client.heard.filter(([number]) => number === 81 || number === 82).length).toBe(2);
    expect(client.heard.map(([number]) => number).filter((number) => number === 81 || number === 82)).toEqual([81, 82]);
  });

  test('requests that Weir does not know reach the agent whole, as does break', async () => {
    const client = await connect();
    const channel = await openSession(client);
    client.send(channelRequest(channel, 'made-up@example.com', true, Buffer.from('some data')));
    client.send(channelRequest(channel, 'break', true, Buffer.from([0, 0, 1, 244])));
    await client.next(100);
    await client.next(100);
    const requests = world.agent.heard.flatMap(({ message: one }) => (one.type === 'request' ? [one] : []));
    expect(requests).toMatchObject([
      { wantReply: true, request: { name: 'other', type: 'made-up@example.com', data: Buffer.from('some data') } },
      { wantReply: true, request: { name: 'break', lengthMs: 500 } },
    ]);
  });
});

describe('channels', () => {
  test.each(['tun@openssh.com', 'x11', 'forwarded-tcpip', ''])('of the type "%s" are not opened', async (type) => {
    const client = await connect();
    client.send(openChannel(7, type));
    const failure = await client.next(92);
    expect([failure.readUInt32BE(1), failure.readUInt32BE(5)]).toEqual([7, 3]);
    expect(world.agent.opened).toHaveLength(1);
  });

  test('are no more sessions after the client has said so', async () => {
    const client = await connect();
    client.send(globalRequest('no-more-sessions@openssh.com', false));
    client.send(openChannel(1));
    expect((await client.next(92)).readUInt32BE(5)).toBe(1);
  });

  test('are 256 at most, and their numbers come back', async () => {
    const client = await connect();
    const numbers: number[] = [];
    for (let sender = 0; sender < 256; sender++) numbers.push(await openSession(client, sender));
    client.send(openChannel(256));
    expect((await client.next(92)).readUInt32BE(5)).toBe(4);
    client.send(message(97, (fields) => void fields.uint32(numbers[0] as number)));
    await client.next(97);
    await openSession(client, 257);
  });

  test.each([
    ['more data than its window', (channel: number) => Array.from({ length: 70 }, () => data(channel, 32_000))],
    ['a packet of data that is too large', (channel: number) => [data(channel, 32_769)]],
    [
      'data whose length is wrong',
      (channel: number) => [message(94, (fields) => void fields.uint32(channel).uint32(5).raw(Buffer.alloc(4)))],
    ],
    [
      'a window beyond all bounds',
      (channel: number) => [message(93, (fields) => void fields.uint32(channel).uint32(0xffff_ffff))],
    ],
    [
      'requests without end while it is held',
      (channel: number) =>
        Array.from({ length: 40 }, () => channelRequest(channel, 'env', false, Buffer.alloc(30_000))),
    ],
    ['a request without a type', (channel: number) => [message(98, (fields) => void fields.uint32(channel))]],
    [
      'something behind its CLOSE',
      (channel: number) => [message(97, (fields) => void fields.uint32(channel)), data(channel, 1)],
    ],
  ])('end their connection with %s', async (_what, messages) => {
    const client = await connect();
    const channel = await openSession(client);
    world.live.pause('ses_1', 'Paused.');
    for (const one of messages(channel)) client.send(one);
    expect(await client.ended).toContain('weir: a message in a channel is malformed, or comes without room for it');
    await expect.poll(() => world.left).toHaveLength(1);
  });

  test('that do not exist are left alone', async () => {
    const client = await connect();
    client.send(data(99, 10));
    client.send(message(93, (fields) => void fields.uint32(99).uint32(10)));
    client.send(message(192, (fields) => void fields.text('still here')));
    await client.next(193);
  });

  test('whose program is asked for after their agent was lost say so then', async () => {
    const client = await connect();
    const channel = await openSession(client);
    await expect.poll(() => world.agent.lanes.length).toBe(2);
    world.agent.lanes[1]?.reset({ code: 'agent_unavailable', message: 'the agent was lost' });
    await new Promise((resolve) => setTimeout(resolve, 50));
    client.send(channelRequest(channel, 'exec', true, Buffer.concat([Buffer.from([0, 0, 0, 2]), Buffer.from('ls')])));
    await client.next(99);
    expect((await client.next(95)).toString()).toContain('weir: the agent was lost');
    const status = new FieldReader(await client.next(98), 5);
    expect([status.text(), status.boolean(), status.uint32()]).toEqual(['exit-status', false, 255]);
    await client.next(97);
  });
});

test('a client that vanishes leaves nothing behind', async () => {
  const client = await connect();
  await openSession(client);
  await openSession(client, 1);
  client.close();
  await expect.poll(() => world.left, { timeout: 10_000 }).toHaveLength(1);
  expect(world.live.has('ses_1')).toBe(false);
  expect(world.closedChannels).toHaveLength(3);
});

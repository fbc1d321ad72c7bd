import { createHash, randomBytes } from 'node:crypto';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { LaneChannel, LinkState, TunnelClientOptions, TunnelServerOptions } from '../src/index.ts';
import { createAuthority, issueAgent } from './certificates.ts';
import { handlerOf, pump } from './lane-pair.ts';
import {
  createPath,
  createPki,
  eventually,
  type ObservedClient,
  startClient,
  startServer,
  type TestPki,
} from './tunnel-pair.ts';

let pki: TestPki;
const cleanups: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  pki = await createPki();
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function server(options: Partial<TunnelServerOptions> = {}) {
  const started = await startServer(pki, options);
  cleanups.push(() => started.server.close());
  return started;
}
function client(port: number, options: Partial<TunnelClientOptions> = {}): ObservedClient {
  const started = startClient(pki, port, options);
  cleanups.push(() => started.client.close());
  return started;
}
const stateOf = (observed: ObservedClient, name: LinkState['state']) => () =>
  observed.states.find(({ state }) => state === name);

describe('the tunnel', () => {
  it('joins, says who it is, and moves bytes over mutual TLS', async () => {
    const gateway = await server();
    client(gateway.server.address.port, {
      onOpen: (_open, channel) => handlerOf({ onData: (data) => void channel.write(Buffer.from(`echo ${data}`)) }),
    });
    const agent = await eventually(() => gateway.joined[0]);
    expect(agent).toMatchObject({
      agentId: 'agent-1',
      hello: { version: '0.1.0-test', capabilities: ['postgres/1'], instanceId: 'instance-a' },
    });
    expect(gateway.server.agent('agent-1')).toBe(agent);
    const answers: string[] = [];
    const channel = agent.lane.open(
      Buffer.from('{}'),
      handlerOf({ onData: (data) => void answers.push(data.toString()) }),
    );
    channel.write(Buffer.from('hello'));
    await eventually(() => answers.length === 1);
    expect(answers).toEqual(['echo hello']);
  });

  it('moves 100 MB from agent to gateway intact', async () => {
    const gateway = await server();
    const block = randomBytes(1024 * 1024);
    const sent = createHash('sha256');
    let offset = 0;
    client(gateway.server.address.port, {
      onOpen: (_open, channel) => {
        setImmediate(() => {
          void pump(channel, 100 * 1024 * 1024, (size) => {
            const start = offset % (block.length - size + 1);
            offset += 7919;
            const piece = block.subarray(start, start + size);
            sent.update(piece);
            return piece;
          }).then(() => channel.halfClose());
        });
        return handlerOf();
      },
    });
    const agent = await eventually(() => gateway.joined[0]);
    const received = createHash('sha256');
    let bytes = 0;
    await new Promise<void>((resolve) => {
      const channel: LaneChannel = agent.lane.open(
        Buffer.from('{}'),
        handlerOf({
          onData: (data) => {
            received.update(data);
            bytes += data.length;
            channel.consumed(data.length);
          },
          onHalfClose: resolve,
        }),
      );
    });
    expect(bytes).toBe(100 * 1024 * 1024);
    expect(received.digest('hex')).toBe(sent.digest('hex'));
  });

  it('confirms plans and kills, and reports tests', async () => {
    const gateway = await server();
    const seen: string[] = [];
    client(gateway.server.address.port, {
      onPlanUpdate: (session, plan) => void seen.push(`plan ${session} ${plan}`),
      onKill: (session, reason) => {
        seen.push(`kill ${session} ${reason}`);
        if (session === 'stuck') throw new Error('cannot');
      },
      onTest: async (target) => {
        if (target.toString() === 'bad') throw new Error('no such host');
        return { ok: true, steps: [{ name: 'dial', ok: true, detail: '2 ms' }] };
      },
    });
    const agent = await eventually(() => gateway.joined[0]);
    await agent.sendPlanUpdate('s1', Buffer.from('{"v":2}'));
    await agent.kill('s2', 'over');
    expect(seen).toEqual(['plan s1 {"v":2}', 'kill s2 over']);
    await expect(agent.kill('stuck', 'over', 50)).rejects.toMatchObject({ code: 'agent_unavailable' });
    expect(await agent.testConnection(Buffer.from('good'))).toEqual({
      ok: true,
      steps: [{ name: 'dial', ok: true, detail: '2 ms' }],
    });
    expect(await agent.testConnection(Buffer.from('bad'))).toMatchObject({
      ok: false,
      steps: [{ ok: false, detail: 'no such host' }],
    });
  });

  it('resets channels at both ends when the gateway stops, and comes back when it starts on the same port', async () => {
    const first = await startServer(pki);
    const { port } = first.server.address;
    const atAgent: (string | undefined)[] = [];
    const observed = client(port, { onOpen: () => handlerOf({ onReset: (fault) => void atAgent.push(fault?.code) }) });
    const agent = await eventually(() => first.joined[0]);
    const atGateway: (string | undefined)[] = [];
    agent.lane.open(Buffer.from('{}'), handlerOf({ onReset: (fault) => void atGateway.push(fault?.code) }));
    const opened = agent.testConnection(Buffer.from('x'));
    await opened;
    await first.server.close();
    expect(atGateway).toEqual(['gateway_unavailable']);
    await eventually(() => atAgent.length === 1);
    expect(atAgent).toEqual(['gateway_unavailable']);
    await expect(agent.kill('s', 'r')).rejects.toMatchObject({ code: 'agent_unavailable' });
    await eventually(stateOf(observed, 'waiting'));
    const second = await server({ listen: { host: '127.0.0.1', port } });
    await eventually(() => second.joined[0]);
    await eventually(stateOf(observed, 'connected'));
  });

  it('tells the gateway when the agent is lost', async () => {
    const gateway = await server();
    const observed = startClient(pki, gateway.server.address.port);
    const agent = await eventually(() => gateway.joined[0]);
    const faults: unknown[] = [];
    agent.lane.open(Buffer.from('{}'), handlerOf({ onReset: (fault) => void faults.push(fault) }));
    await observed.client.close();
    await eventually(() => gateway.left.length === 1);
    expect(faults).toEqual([
      { code: 'agent_unavailable', message: expect.stringContaining('The agent is not connected') },
    ]);
    expect(gateway.server.agents()).toEqual([]);
    expect(() => agent.lane.open(Buffer.from('{}'), handlerOf())).toThrow(
      expect.objectContaining({ code: 'agent_unavailable' }),
    );
  });

  it('finds a silent peer by its heartbeats, at both ends', async () => {
    const gateway = await server({ heartbeatIntervalMs: 60 });
    const path = await createPath(gateway.server.address.port);
    cleanups.push(async () => path.close());
    const observed = client(path.port);
    await eventually(() => gateway.joined[0]);
    path.silence();
    await eventually(() => gateway.left.length === 1);
    expect(gateway.left[0]).toContain('silent for three heartbeats');
    const waiting = await eventually(stateOf(observed, 'waiting'));
    expect(waiting).toMatchObject({ reason: expect.stringContaining('silent for three heartbeats') });
  });

  it('recovers from connections that break in the middle of bulk data', async () => {
    const gateway = await server();
    const path = await createPath(gateway.server.address.port);
    cleanups.push(async () => path.close());
    const atAgent: (string | undefined)[] = [];
    client(path.port, {
      random: () => 0,
      onOpen: (_open, channel) => {
        setImmediate(() => void pump(channel, 1024 * 1024 * 1024, Buffer.alloc));
        return handlerOf({ onReset: (fault) => void atAgent.push(fault?.code) });
      },
    });
    const atGateway: (string | undefined)[] = [];
    for (let round = 0; round < 4; round++) {
      const agent = await eventually(() => gateway.joined[round]);
      let bytes = 0;
      const channel: LaneChannel = agent.lane.open(
        Buffer.from('{}'),
        handlerOf({
          onData: (data) => {
            bytes += data.length;
            channel.consumed(data.length);
          },
          onReset: (fault) => void atGateway.push(fault?.code),
        }),
      );
      await eventually(() => bytes > 4 * 1024 * 1024);
      path.cut();
      await eventually(() => gateway.left.length === round + 1);
    }
    await eventually(() => atAgent.length === 4);
    expect(atAgent).toEqual(Array.from({ length: 4 }, () => 'gateway_unavailable'));
    expect(atGateway).toEqual(Array.from({ length: 4 }, () => 'agent_unavailable'));
  });

  it('gives way to a newer instance and tells the older one why, which tries again', async () => {
    const gateway = await server();
    const old = client(gateway.server.address.port);
    await eventually(() => gateway.joined[0]);
    client(gateway.server.address.port, { hello: { version: '2', capabilities: [], instanceId: 'instance-b' } });
    await eventually(() => gateway.joined[1]);
    const waiting = await eventually(stateOf(old, 'waiting'));
    expect(waiting).toMatchObject({ reason: expect.stringContaining('Another instance') });
    await eventually(() => gateway.joined.slice(2).some(({ hello }) => hello.instanceId === 'instance-a'));
  });

  it('serves neither of two living processes with one identity', async () => {
    const locked = new Set<string>();
    const twins: string[][] = [];
    const gateway = await server({
      authorise: async ({ agentId }) =>
        locked.has(agentId) ? { accept: false, reason: 'it is locked' } : { accept: true },
      isAlive: async (other) => {
        await other.rotateNonce(Buffer.from('probe'));
        return true;
      },
      onTwins: async (first, second) => {
        locked.add(first.agentId);
        twins.push([first.hello.instanceId, second.hello.instanceId]);
      },
    });
    const storeNonce = async () => undefined;
    const old = client(gateway.server.address.port, { storeNonce });
    await eventually(() => gateway.joined[0]);
    const hello = { version: '2', capabilities: [], instanceId: 'instance-b' };
    const second = client(gateway.server.address.port, { hello, storeNonce });
    for (const one of [old, second]) {
      const waiting = await eventually(() =>
        one.states.find((state) => state.state === 'waiting' && /Two processes|locked/.test(state.reason)),
      );
      expect(waiting).toBeDefined();
    }
    expect(twins).toEqual([['instance-a', 'instance-b']]);
    expect(gateway.joined).toHaveLength(1);
    expect(gateway.server.agents()).toEqual([]);
    // Unlocked, the same processes come back by themselves.
    second.client.close();
    locked.clear();
    await eventually(() => gateway.joined[1]);
  });

  it('lets a new process in when the one before does not answer any more', async () => {
    const asked: string[] = [];
    const gateway = await server({
      isAlive: async (other) => {
        asked.push(other.hello.instanceId);
        return false;
      },
    });
    client(gateway.server.address.port);
    await eventually(() => gateway.joined[0]);
    client(gateway.server.address.port, { hello: { version: '2', capabilities: [], instanceId: 'instance-b' } });
    await eventually(() => gateway.joined[1]?.hello.instanceId === 'instance-b');
    expect(asked).toEqual(['instance-a']);
  });

  it('carries the nonce that was stored last; a new one counts when it is stored', async () => {
    const shown: string[] = [];
    const gateway = await server({
      identify: async (_peer, hello) => {
        shown.push(Buffer.from(hello.nonce ?? []).toString());
        return { accept: true };
      },
    });
    let stored = '';
    let isBroken = false;
    const observed = client(gateway.server.address.port, {
      nonce: () => Buffer.from(stored),
      storeNonce: async (nonce) => {
        if (isBroken) throw new Error('the disk is full');
        stored = Buffer.from(nonce).toString();
      },
    });
    const agent = await eventually(() => gateway.joined[0]);
    await agent.rotateNonce(Buffer.from('one'));
    expect(stored).toBe('one');
    isBroken = true;
    await expect(agent.rotateNonce(Buffer.from('two'), 200)).rejects.toThrow('the new nonce');
    expect(observed.problems.map(({ message }) => message)).toEqual(['the disk is full']);
    gateway.server.disconnect('agent-1', 'for a test');
    await eventually(() => gateway.joined[1]);
    expect(shown).toEqual(['', 'one']);
  });

  it('refuses a process that identify refuses', async () => {
    const gateway = await server({ identify: async () => ({ accept: false, reason: 'an old nonce' }) });
    const observed = client(gateway.server.address.port);
    const waiting = await eventually(stateOf(observed, 'waiting'));
    expect(waiting).toMatchObject({ reason: expect.stringContaining('an old nonce') });
    expect(gateway.joined).toEqual([]);
  });

  it('revokes an agent, which then stays away', async () => {
    const gateway = await server();
    const reasons: string[] = [];
    const observed = client(gateway.server.address.port, { onRevoke: (reason) => void reasons.push(reason) });
    await eventually(() => gateway.joined[0]);
    gateway.server.revoke('agent-1', 'laptop lost');
    await eventually(stateOf(observed, 'stopped'));
    expect(reasons).toEqual(['laptop lost']);
    expect(observed.client.state).toMatchObject({ cause: 'revoked' });
    await eventually(() => gateway.left.length === 1);
  });

  it('renews certificates over the live connection', async () => {
    const gateway = await server({
      renew: async (peer, csr) => ({ certificate: `for ${peer.agentId} ${csr.toString()}` }),
    });
    const observed = client(gateway.server.address.port);
    await eventually(stateOf(observed, 'connected'));
    expect(await observed.client.renew(Buffer.from('csr'))).toEqual({ certificate: 'for agent-1 csr' });
  });
});

describe('new credentials', () => {
  it('are used from the next connection on', async () => {
    const gateway = await server();
    const serials = () => gateway.joined.map(({ peer }) => peer.certificateSerial);
    const observed = client(gateway.server.address.port);
    await eventually(() => gateway.joined[0]);
    observed.client.setCredentials(await issueAgent(pki.authority, 'agent-1'));
    gateway.joined[0]?.lane.close('test');
    await eventually(() => gateway.joined[1]);
    expect(new Set(serials()).size).toBe(2);
  });

  it('that cannot be used are a reason to wait, not a crash', async () => {
    const gateway = await server();
    const observed = client(gateway.server.address.port, { credentials: { certificate: 'x', key: 'y' } });
    expect(observed.client.state).toMatchObject({
      state: 'waiting',
      reason: expect.stringContaining('cannot be used'),
    });
  });
});

describe('who may not connect', () => {
  const refusals: [string, () => Promise<TestPki>, RegExp][] = [
    [
      'a certificate of another CA',
      async () => ({ ...pki, agent: await issueAgent(await createAuthority('other'), 'agent-1') }),
      /cannot be reached/,
    ],
    [
      'an expired certificate',
      async () => ({ ...pki, agent: await issueAgent(pki.authority, 'agent-1', { endsAt: Date.now() - 1000 }) }),
      /cannot be reached/,
    ],
    [
      'a certificate without an agent name',
      async () => ({ ...pki, agent: await issueAgent(pki.authority, 'x', { names: [{ type: 'dns', value: 'a' }] }) }),
      /does not name an agent/,
    ],
    [
      'a certificate that names two agents',
      async () => ({
        ...pki,
        agent: await issueAgent(pki.authority, 'x', {
          names: [
            { type: 'url', value: 'weir://agent/a' },
            { type: 'url', value: 'weir://agent/b' },
          ],
        }),
      }),
      /does not name an agent/,
    ],
    [
      'a gateway of another CA, seen from the agent',
      async () => ({ ...pki, authority: await createAuthority('impostor') }),
      /cannot be reached/,
    ],
  ];
  it.each(refusals)('%s', async (_name, make, reason) => {
    const gateway = await server();
    const observed = startClient(await make(), gateway.server.address.port);
    cleanups.push(() => observed.client.close());
    const waiting = await eventually(stateOf(observed, 'waiting'));
    expect(waiting.state === 'waiting' && waiting.reason).toMatch(reason);
    expect(gateway.joined).toEqual([]);
  });

  it('an agent that the gateway refuses, which learns why', async () => {
    const gateway = await server({ authorise: async () => ({ accept: false, reason: 'It was removed on Monday.' }) });
    const observed = client(gateway.server.address.port);
    const waiting = await eventually(stateOf(observed, 'waiting'));
    expect(waiting).toMatchObject({ reason: expect.stringContaining('removed on Monday') });
    expect(gateway.joined).toEqual([]);
  });
});

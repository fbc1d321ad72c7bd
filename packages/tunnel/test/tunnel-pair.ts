import { connect as connectTcp, createServer, type Socket } from 'node:net';
import {
  type ConnectedAgent,
  createTunnelClient,
  createTunnelServer,
  type LinkState,
  type TunnelClient,
  type TunnelClientOptions,
  type TunnelServer,
  type TunnelServerOptions,
} from '../src/index.ts';
import { createAuthority, issueAgent, issueServer, type TestAuthority, type TestIdentity } from './certificates.ts';
import { handlerOf } from './lane-pair.ts';

/** Resolves when `reached` gives something; checks often, fails after a generous time. */
export async function eventually<T>(reached: () => T | undefined | false): Promise<T> {
  for (let wait = 0; wait < 2000; wait++) {
    const value = reached();
    if (value !== undefined && value !== false) return value;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('The state was not reached within 20 s.');
}

/** One CA with a gateway's and an agent's certificate. */
export interface TestPki {
  readonly authority: TestAuthority;
  readonly server: TestIdentity;
  readonly agent: TestIdentity;
}

export async function createPki(): Promise<TestPki> {
  const authority = await createAuthority('weir test');
  return { authority, server: await issueServer(authority), agent: await issueAgent(authority, 'agent-1') };
}

/** A server with what happened to it. */
export interface ObservedServer {
  readonly server: TunnelServer;
  readonly joined: ConnectedAgent[];
  readonly left: string[];
  readonly problems: Error[];
}

export async function startServer(pki: TestPki, options: Partial<TunnelServerOptions> = {}): Promise<ObservedServer> {
  const joined: ConnectedAgent[] = [];
  const left: string[] = [];
  const problems: Error[] = [];
  const server = await createTunnelServer({
    listen: { host: '127.0.0.1', port: 0 },
    tls: { certificate: pki.server.certificate, key: pki.server.key, ca: pki.authority.pem },
    gatewayVersion: '0.1.0-test',
    authorise: async () => ({ accept: true }),
    onJoined: (agent) => void joined.push(agent),
    onLeft: (agent, reason) => void left.push(`${agent.agentId}: ${reason}`),
    onProblem: (problem) => void problems.push(problem),
    ...options,
  });
  return { server, joined, left, problems };
}

export interface ObservedClient {
  readonly client: TunnelClient;
  readonly states: LinkState[];
  readonly problems: Error[];
}

export function startClient(pki: TestPki, port: number, options: Partial<TunnelClientOptions> = {}): ObservedClient {
  const states: LinkState[] = [];
  const problems: Error[] = [];
  const client = createTunnelClient({
    address: `127.0.0.1:${port}`,
    ca: pki.authority.pem,
    credentials: pki.agent,
    hello: { version: '0.1.0-test', capabilities: ['postgres/1'], instanceId: 'instance-a' },
    onOpen: () => handlerOf(),
    onPlanUpdate: () => undefined,
    onKill: () => undefined,
    onTest: async () => ({ ok: true, steps: [] }),
    onRevoke: () => undefined,
    onState: (state) => void states.push(state),
    onProblem: (problem) => void problems.push(problem),
    ...options,
  });
  return { client, states, problems };
}

/** A TCP path to `port` that can go silent or be cut. */
export interface TestPath {
  readonly port: number;
  /** Bytes are swallowed from now on, connections stay. */
  silence(): void;
  /** Breaks every connection at once. */
  cut(): void;
  close(): void;
}

export async function createPath(port: number): Promise<TestPath> {
  let carrying = true;
  const sockets = new Set<Socket>();
  const join = (from: Socket, to: Socket) => {
    sockets.add(from);
    from.on('data', (data) => {
      if (carrying && !to.write(data)) from.pause();
    });
    to.on('drain', () => from.resume());
    from.on('error', () => to.destroy());
    from.on('close', () => {
      sockets.delete(from);
      to.destroy();
    });
  };
  const server = createServer((near) => {
    const far = connectTcp(port, '127.0.0.1');
    join(near, far);
    join(far, near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    silence: () => {
      carrying = false;
    },
    cut,
    close() {
      cut();
      server.close();
    },
  };
}

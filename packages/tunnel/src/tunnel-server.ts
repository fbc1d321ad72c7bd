import type { TLSSocket } from 'node:tls';
import { create } from '@bufbuild/protobuf';
import { Server, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { isWeirError, WeirError } from '@weir/errors';
import {
  AgentTunnel,
  type ControlRequest,
  type RenewRequest,
  type RenewResponse,
  RenewResponseSchema,
} from '@weir/proto';
import { agentPeerOf, agentPeerOfSocket, refusedPeerOf } from './agent-identity.ts';
import { AgentSession, type ControlCall } from './agent-session.ts';
import { shutDown } from './bind-server.ts';
import { systemClock } from './clock.ts';
import type {
  AgentAuthorisation,
  AgentHello,
  AgentPeer,
  ConnectedAgent,
  TunnelServer,
  TunnelServerOptions,
} from './gateway-end.ts';
import { toServiceError } from './grpc-failure.ts';
import { serverOptions, tunnelWindowBytes } from './grpc-options.ts';
import { grpcServiceOf } from './grpc-service.ts';
import { defaultCreditBytes } from './lane-endpoint.ts';
import { LaneSocket, readLaneHello } from './lane-socket.ts';
import { openTlsPort } from './tls-port.ts';

/** How long a control stream or lane may take to say whose it is. */
const helloTimeoutMs = 10_000;

/** Starts the gateway's end of all tunnels. @throws WeirError conflict when it cannot listen */
export async function createTunnelServer(options: TunnelServerOptions): Promise<TunnelServer> {
  const desk = new TunnelDesk(options);
  const server = new Server(serverOptions);
  // The lane is not among them: it has a connection of its own.
  const { control, renew } = grpcServiceOf(AgentTunnel);
  server.addService(
    { control, renew },
    {
      control: (call: ControlCall) => void desk.control(call),
      renew: (call: ServerUnaryCall<RenewRequest, RenewResponse>, done: sendUnaryData<RenewResponse>) =>
        void desk.renew(call, done),
    },
  );
  const port = await openTlsPort({
    listen: options.listen,
    tls: options.tls,
    windowBytes: options.windowBytes ?? tunnelWindowBytes,
    grpc: server,
    onLane: (socket) => desk.lane(socket),
    onRefused: (socket, why) => options.onRefusedPeer?.(refusedPeerOf(socket, why)),
  });
  return {
    address: port.address,
    agents: () => [...desk.joined.values()],
    agent: (agentId) => desk.joined.get(agentId),
    disconnect: (agentId, reason) => desk.sessions.get(agentId)?.end(refused(reason)),
    revoke: (agentId, reason) => desk.sessions.get(agentId)?.revoke(reason),
    setTls: (tls) => port.setTls(tls),
    async close() {
      desk.close();
      await shutDown(server);
      await port.close();
    },
  };
}

/** Receives the agents' streams and keeps one session for each agent. */
class TunnelDesk {
  readonly sessions = new Map<string, AgentSession>();
  readonly joined = new Map<string, ConnectedAgent>();
  private readonly options: TunnelServerOptions;
  private closed = false;

  constructor(options: TunnelServerOptions) {
    this.options = options;
  }

  async control(call: ControlCall): Promise<void> {
    try {
      const peer = agentPeerOf(call);
      await this.admit(peer);
      const hello = await this.readHello(call);
      if (this.closed) throw closing();
      await this.refuseTwin(peer, hello);
      await this.accept(this.options.identify?.(peer, hello));
      if (this.closed) throw closing();
      this.startSession(call, peer, hello);
    } catch (error) {
      this.fail(call, error);
    }
  }

  lane(socket: TLSSocket): void {
    let ended: (error: Error | undefined) => void = () => undefined;
    const cancelTimer = (this.options.clock ?? systemClock).after(helloTimeoutMs, () => lane.close());
    const lane = new LaneSocket(socket, {
      onFirst: (message) => {
        cancelTimer();
        try {
          ended = this.sessionOf(socket, readLaneHello(message)).attachLane(lane);
        } catch (error) {
          this.report(error);
          lane.refuse(
            isWeirError(error) ? error : new WeirError('internal', 'The gateway failed inside; see its log.'),
          );
        }
      },
      onEnded: (error) => {
        cancelTimer();
        ended(error);
      },
    });
  }

  async renew(call: ServerUnaryCall<RenewRequest, RenewResponse>, done: sendUnaryData<RenewResponse>): Promise<void> {
    try {
      const peer = agentPeerOf(call);
      await this.admit(peer);
      if (this.options.renew === undefined) {
        throw new WeirError('feature_not_supported', 'This gateway renews no certificates.');
      }
      const renewed = await this.options.renew(peer, Buffer.from(call.request.certificateRequest));
      done(null, create(RenewResponseSchema, renewed));
    } catch (error) {
      this.report(error);
      done(toServiceError(error));
    }
  }

  /** The session whose control stream came from the same agent, certificate and process. @throws WeirError not_permitted */
  private sessionOf(socket: TLSSocket, instanceId: string): AgentSession {
    const peer = agentPeerOfSocket(socket);
    const session = this.sessions.get(peer.agentId);
    const matches =
      session !== undefined &&
      session.options.hello.instanceId === instanceId &&
      session.options.peer.certificateSerial === peer.certificateSerial;
    if (!matches) throw new WeirError('not_permitted', 'A lane needs the control stream of the same agent first.');
    return session;
  }

  close(): void {
    this.closed = true;
    for (const session of [...this.sessions.values()]) session.end(closing());
  }

  private startSession(call: ControlCall, peer: AgentPeer, hello: AgentHello): void {
    this.replace(peer, hello);
    const { options } = this;
    const session = new AgentSession({
      peer,
      hello,
      control: call,
      gatewayVersion: options.gatewayVersion,
      heartbeatIntervalMs: options.heartbeatIntervalMs ?? 5_000,
      initialCreditBytes: options.initialCreditBytes ?? defaultCreditBytes,
      clock: options.clock ?? systemClock,
      onJoined: (agent) => {
        this.joined.set(peer.agentId, agent);
        this.guard(() => options.onJoined(agent));
      },
      onEnded: (reason, agent) => {
        if (this.sessions.get(peer.agentId) === session) this.sessions.delete(peer.agentId);
        if (agent === undefined) return;
        if (this.joined.get(peer.agentId) === agent) this.joined.delete(peer.agentId);
        this.guard(() => options.onLeft(agent, reason));
      },
      onProblem: (problem) => this.report(problem),
    });
    this.sessions.set(peer.agentId, session);
  }

  /** Another process with this identity, while the first still answers: a copy. @throws WeirError not_permitted */
  private async refuseTwin(peer: AgentPeer, hello: AgentHello): Promise<void> {
    const other = this.joined.get(peer.agentId);
    const { isAlive, onTwins } = this.options;
    if (other === undefined || isAlive === undefined || other.hello.instanceId === hello.instanceId) return;
    if (!(await isAlive(other))) return;
    await onTwins?.(other, { peer, hello });
    const reason = 'Two processes hold the identity of this agent.';
    this.sessions.get(peer.agentId)?.end(refused(reason));
    throw refused(reason);
  }

  /** The newest connection wins: the same process has lost the old one, another process with this identity takes over and the old one is told. */
  private replace(peer: AgentPeer, hello: AgentHello): void {
    const old = this.sessions.get(peer.agentId);
    if (old === undefined) return;
    const same = old.options.hello.instanceId === hello.instanceId;
    const why = same
      ? 'The agent connected again.'
      : `Another instance of this agent connected from ${peer.remoteAddress}.`;
    old.end(
      same
        ? new WeirError('agent_unavailable', 'The connection was replaced.', { why })
        : new WeirError('conflict', 'The connection was replaced.', {
            why,
            fix: 'Run one process for each enrolled agent; enrol another agent for a second replica.',
          }),
    );
  }

  private async admit(peer: AgentPeer): Promise<void> {
    await this.accept(this.options.authorise(peer));
  }

  private async accept(asked: Promise<AgentAuthorisation> | undefined): Promise<void> {
    const answer = await asked;
    if (answer !== undefined && !answer.accept) throw refused(answer.reason);
  }

  private readHello(call: ControlCall): Promise<AgentHello> {
    return new Promise((resolve, reject) => {
      const cancel = (this.options.clock ?? systemClock).after(helloTimeoutMs, () =>
        reject(new WeirError('protocol_violation', 'The agent did not say hello within 10 s.')),
      );
      call.once('cancelled', () => {
        cancel();
        reject(new WeirError('agent_unavailable', 'The agent went away before its hello.'));
      });
      call.once('data', ({ event }: ControlRequest) => {
        cancel();
        call.pause();
        if (event.case !== 'hello' || event.value.instanceId === '') {
          reject(new WeirError('protocol_violation', 'The first control message is not a hello.'));
          return;
        }
        const { agentVersion, capabilities, instanceId, sealingKey, sshKey, nonce, pool } = event.value;
        resolve({ version: agentVersion, capabilities, instanceId, sealingKey, sshKey, nonce, pool });
      });
    });
  }

  private fail(call: ControlCall, error: unknown): void {
    this.report(error);
    call.emit('error', toServiceError(error));
    call.resume();
  }

  private report(error: unknown): void {
    this.options.onProblem?.(error instanceof Error ? error : new Error('The tunnel failed.', { cause: error }));
  }

  private guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.report(error);
    }
  }
}

function refused(why: string): WeirError {
  return new WeirError('not_permitted', 'The gateway refuses this agent.', {
    why,
    fix: 'Ask an administrator of the gateway, or enrol the agent again: weir agent enrol',
  });
}

function closing(): WeirError {
  return new WeirError('gateway_unavailable', 'The gateway is closing.');
}

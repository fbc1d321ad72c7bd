import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import { WeirError } from '@weir/errors';
import { type ControlRequest, type ControlResponse, ControlResponseSchema } from '@weir/proto';
import type { Clock } from './clock.ts';
import type { AgentHello, AgentPeer, ConnectedAgent, TestOutcome } from './gateway-end.ts';
import { toServiceError } from './grpc-failure.ts';
import { type Heartbeat, startHeartbeat } from './heartbeat.ts';
import { createLaneEndpoint, type LaneEndpoint } from './lane-endpoint.ts';
import type { LaneSocket } from './lane-socket.ts';
import { PendingRequests } from './pending-requests.ts';

/** The gateway's end of the control stream. */
export type ControlCall = ServerDuplexStream<ControlRequest, ControlResponse>;

type ControlInit = MessageInitShape<typeof ControlResponseSchema>;

/** Settings of one agent's session. */
export interface AgentSessionOptions {
  readonly peer: AgentPeer;
  readonly hello: AgentHello;
  readonly control: ControlCall;
  readonly gatewayVersion: string;
  readonly heartbeatIntervalMs: number;
  readonly initialCreditBytes: number;
  readonly clock: Clock;
  onJoined(agent: ConnectedAgent): void;
  /** Called once; `agent` only when it had joined. */
  onEnded(reason: string, agent: ConnectedAgent | undefined): void;
  onProblem(problem: Error): void;
}

/** An agent whose control stream is up: waits for its lane, then is a connected agent, until either stream ends. */
export class AgentSession {
  readonly options: AgentSessionOptions;
  private readonly confirms: PendingRequests<void>;
  private readonly tests: PendingRequests<TestOutcome>;
  private readonly nonces: PendingRequests<void>;
  /** Nonces that the agent was given and has not yet said to be stored, by their request. */
  private readonly given = new Map<string, bigint>();
  private readonly heartbeat: Heartbeat;
  private readonly cancelLaneTimer: () => void;
  private lane:
    | { readonly socket: LaneSocket; readonly endpoint: LaneEndpoint; readonly heartbeat: Heartbeat }
    | undefined;
  private joined: ConnectedAgent | undefined;
  private ended = false;

  constructor(options: AgentSessionOptions) {
    const { clock, control, heartbeatIntervalMs } = options;
    this.options = options;
    this.confirms = new PendingRequests(clock);
    this.tests = new PendingRequests(clock);
    this.nonces = new PendingRequests(clock);
    this.heartbeat = startHeartbeat(
      clock,
      heartbeatIntervalMs,
      () => this.beat(),
      () => this.end(lost('The agent was silent for three heartbeats.')),
    );
    this.cancelLaneTimer = clock.after(10_000, () => this.end(lost('The agent opened no lane.')));
    control.on('data', (message: ControlRequest) => this.receive(message));
    for (const event of ['end', 'cancelled', 'close'] as const) {
      control.on(event, () => this.end(lost('The connection to the agent ended.')));
    }
    // The stream was paused after its hello.
    control.resume();
    const { gatewayVersion, initialCreditBytes } = options;
    this.send({ event: { case: 'welcome', value: { gatewayVersion, heartbeatIntervalMs, initialCreditBytes } } });
  }

  /** The agent's lane has arrived. @returns what the owner of the connection calls when it has ended. @throws WeirError protocol_violation when there is one already */
  attachLane(socket: LaneSocket): (error: Error | undefined) => void {
    if (this.ended || this.lane !== undefined) {
      throw new WeirError('protocol_violation', 'This agent has a lane already.');
    }
    this.cancelLaneTimer();
    const heartbeat = startHeartbeat(
      this.options.clock,
      this.options.heartbeatIntervalMs,
      () => socket.beat(),
      () => this.end(lost('The lane of the agent was silent for three heartbeats.')),
    );
    const endpoint = createLaneEndpoint({
      call: socket,
      initialCreditBytes: this.options.initialCreditBytes,
      onViolation: (problem) => {
        this.options.onProblem(problem);
        this.end(problem);
      },
      onProblem: (problem) => this.options.onProblem(problem),
      onActivity: () => heartbeat.alive(),
    });
    this.lane = { socket, endpoint, heartbeat };
    socket.accept();
    this.joined = this.connectedAgent(endpoint);
    this.options.onJoined(this.joined);
    return (error) => {
      if (error instanceof WeirError) this.options.onProblem(error);
      this.end(error instanceof WeirError ? error : lost('The connection to the agent ended.'));
    };
  }

  /** Tells the agent that it is not accepted any more, and ends. */
  revoke(reason: string): void {
    this.send({ event: { case: 'revoke', value: { reason } } });
    this.end(new WeirError('not_permitted', `The agent was revoked: ${reason}`));
  }

  /** Ends control stream and lane. The agent is told `error`; channels are reset with it when it is an availability error, else with agent_unavailable. */
  end(error: WeirError): void {
    if (this.ended) return;
    this.ended = true;
    this.heartbeat.stop();
    this.cancelLaneTimer();
    const fault = error.code === 'gateway_unavailable' ? error : lost(`${error.message} ${error.why ?? ''}`.trim());
    this.lane?.endpoint.close({ code: fault.code, message: faultText(fault) });
    this.confirms.rejectAll(fault);
    this.tests.rejectAll(fault);
    this.nonces.rejectAll(fault);
    this.options.control.emit('error', toServiceError(error));
    this.lane?.heartbeat.stop();
    this.lane?.socket.close();
    this.options.onEnded(error.why ?? error.message, this.joined);
  }

  private connectedAgent(endpoint: LaneEndpoint): ConnectedAgent {
    const { peer, hello } = this.options;
    return {
      agentId: peer.agentId,
      peer,
      hello,
      connectedAtMs: Date.now(),
      lane: {
        agentId: peer.agentId,
        open: (openJson, handler) => endpoint.open(openJson, handler),
        get channelCount() {
          return endpoint.channelCount;
        },
        close: (reason) => this.end(lost(reason)),
      },
      sendPlanUpdate: (sessionId, plan, timeoutMs = 2_000) =>
        this.ask(this.confirms, timeoutMs, 'the new plan', (requestId) => ({
          event: { case: 'planUpdate', value: { requestId, sessionId, plan: new Uint8Array(plan) } },
        })),
      kill: (sessionId, reason, timeoutMs = 2_000) =>
        this.ask(this.confirms, timeoutMs, 'the end of the session', (requestId) => ({
          event: { case: 'kill', value: { requestId, sessionId, reason } },
        })),
      sendTrust: (ca, renew, timeoutMs = 2_000) =>
        this.ask(this.confirms, timeoutMs, 'the new CAs', (requestId) => ({
          event: { case: 'trustUpdate', value: { requestId, ca, renew } },
        })),
      rotateNonce: (nonce, timeoutMs = 2_000) =>
        this.ask(this.nonces, timeoutMs, 'the new nonce', (requestId) => {
          this.given.set(Buffer.from(nonce).toString('hex'), requestId);
          return { event: { case: 'rotateNonce', value: { nonce: new Uint8Array(nonce) } } };
        }),
      testConnection: (target, timeoutMs = 15_000) =>
        this.ask(this.tests, timeoutMs, 'the connection test', (requestId) => ({
          event: { case: 'testConnection', value: { requestId, target: new Uint8Array(target) } },
        })),
    };
  }

  private ask<T>(
    requests: PendingRequests<T>,
    timeoutMs: number,
    what: string,
    message: (requestId: bigint) => ControlInit,
  ): Promise<T> {
    if (this.ended) return Promise.reject(lost('The connection to the agent ended.'));
    return requests.ask(timeoutMs, what, (id) => this.send(message(id)));
  }

  private receive({ event }: ControlRequest): void {
    this.heartbeat.alive();
    if (event.case === 'confirm') this.confirms.answer(event.value.requestId, undefined);
    else if (event.case === 'testResult') {
      const { requestId, ok, steps } = event.value;
      this.tests.answer(requestId, {
        ok,
        steps: steps.map((step) => ({ name: step.name, ok: step.ok, detail: step.detail })),
      });
    } else if (event.case === 'nonceStored') {
      const key = Buffer.from(event.value.nonce).toString('hex');
      const requestId = this.given.get(key);
      this.given.delete(key);
      if (requestId !== undefined) this.nonces.answer(requestId, undefined);
    } else if (event.case !== 'heartbeat') {
      this.end(new WeirError('protocol_violation', 'The agent sent an unknown control message.'));
    }
  }

  private beat(): void {
    const openChannels = this.lane?.endpoint.channelCount ?? 0;
    this.send({ event: { case: 'heartbeat', value: { sentAtMs: BigInt(Date.now()), openChannels } } });
  }

  private send(message: ControlInit): void {
    if (!this.ended) this.options.control.write(create(ControlResponseSchema, message));
  }
}

function lost(why: string): WeirError {
  return new WeirError('agent_unavailable', 'The agent is not connected.', { why });
}

function faultText(error: WeirError): string {
  return error.why === undefined ? error.message : `${error.message} ${error.why}`;
}

import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { Client, ClientDuplexStream } from '@grpc/grpc-js';
import { WeirError } from '@weir/errors';
import {
  AgentTunnel,
  type ControlRequest,
  ControlRequestSchema,
  type ControlResponse,
  RenewRequestSchema,
  type Welcome,
} from '@weir/proto';
import type { AgentCredentials, TunnelClientOptions } from './agent-end.ts';
import type { Clock } from './clock.ts';
import type { RenewedIdentity } from './gateway-end.ts';
import { fromServiceError } from './grpc-failure.ts';
import { tunnelWindowBytes } from './grpc-options.ts';
import { grpcServiceOf } from './grpc-service.ts';
import { type Heartbeat, startHeartbeat } from './heartbeat.ts';
import { createLaneEndpoint, type LaneEndpoint } from './lane-endpoint.ts';
import { LaneSocket, laneProtocol, readLaneAnswer } from './lane-socket.ts';
import { renewedIdentityOf } from './renewed-identity.ts';
import { createTlsClient, dialTls, type TlsClientSettings } from './tls-client.ts';

type ControlInit = MessageInitShape<typeof ControlRequestSchema>;
const service = grpcServiceOf(AgentTunnel);
/** From the dial to the accepted lane. */
const connectTimeoutMs = 15_000;

/** From the end of the lane to that of the control stream. */
const reasonTimeoutMs = 500;

/** How a link ended. */
export interface LinkEnd {
  readonly error: WeirError;
  /** The gateway's reason when it revoked this agent. */
  readonly revoked?: string;
}

/** What the owner of a link hears. */
export interface LinkEvents {
  onConnected(gatewayVersion: string): void;
  /** Called once; all channels have ended. */
  onEnded(end: LinkEnd): void;
}

/** One connection to the gateway, from the dial to its end. */
export class GatewayLink {
  private readonly options: TunnelClientOptions;
  private readonly events: LinkEvents;
  private readonly clock: Clock;
  private readonly client: Client;
  private readonly control: ClientDuplexStream<ControlRequest, ControlResponse>;
  private cancelTimer: () => void;
  private readonly tls: TlsClientSettings;
  private lane: LaneSocket | undefined;
  private endpoint: LaneEndpoint | undefined;
  private heartbeat: Heartbeat | undefined;
  private laneHeartbeat: Heartbeat | undefined;
  private ended = false;

  /** Dials at once. @throws WeirError invalid_request when the credentials cannot be used */
  constructor(options: TunnelClientOptions, credentials: AgentCredentials, clock: Clock, events: LinkEvents) {
    this.options = options;
    this.events = events;
    this.clock = clock;
    this.tls = {
      address: options.address,
      ca: credentials.ca ?? options.ca,
      identity: credentials,
      ...(options.serverName === undefined ? {} : { serverName: options.serverName }),
    };
    this.client = createTlsClient({ ...this.tls, windowBytes: options.windowBytes ?? tunnelWindowBytes });
    const { path, requestSerialize, responseDeserialize } = service.control;
    this.control = this.client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    this.cancelTimer = clock.after(connectTimeoutMs, () => this.fail(`No answer within ${connectTimeoutMs} ms.`));
    this.control.on('data', (message: ControlResponse) => this.receive(message));
    this.control.on('error', (error) => this.end(fromServiceError(error, options.address)));
    this.control.on('end', () => this.fail('The gateway ended the connection.'));
    const { version, capabilities, instanceId, pool = '' } = options.hello;
    const sealingKey = new Uint8Array(options.hello.sealingKey ?? []);
    const sshKey = new Uint8Array(options.hello.sshKey ?? []);
    const nonce = new Uint8Array(options.nonce?.() ?? []);
    const hello = { agentVersion: version, capabilities: [...capabilities], instanceId, nonce, pool };
    this.send({ event: { case: 'hello', value: { ...hello, sealingKey, sshKey } } });
  }

  /** Asks for a new certificate. */
  renew(certificateRequestDer: Uint8Array): Promise<RenewedIdentity> {
    const { path, requestSerialize, responseDeserialize } = service.renew;
    const request = create(RenewRequestSchema, { certificateRequest: new Uint8Array(certificateRequestDer) });
    return new Promise((resolve, reject) => {
      const deadline = new Date(Date.now() + connectTimeoutMs);
      this.client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        { deadline },
        (error, answer) => {
          if (error === null && answer !== undefined) resolve(renewedIdentityOf(answer));
          else reject(fromServiceError(error, this.options.address));
        },
      );
    });
  }

  /** Ends everything; the owner is told once. */
  end(error: WeirError, revoked?: string): void {
    if (this.ended) return;
    this.ended = true;
    this.cancelTimer();
    this.heartbeat?.stop();
    const message = `The connection to the gateway is lost. ${error.message}`;
    this.endpoint?.close({ code: 'gateway_unavailable', message });
    this.laneHeartbeat?.stop();
    this.lane?.close();
    this.control.cancel();
    this.client.close();
    this.events.onEnded(revoked === undefined ? { error } : { error, revoked });
  }

  private fail(why: string): void {
    this.end(new WeirError('gateway_unavailable', `The gateway at ${this.options.address} is not connected.`, { why }));
  }

  private receive({ event }: ControlResponse): void {
    this.heartbeat?.alive();
    if (this.ended) return;
    if (event.case === 'welcome') this.openLane(event.value);
    else if (event.case === 'heartbeat') return;
    else if (event.case === 'revoke') this.revoked(event.value.reason);
    else if (event.case === 'planUpdate') {
      const { requestId, sessionId, plan } = event.value;
      this.confirm(requestId, () => this.options.onPlanUpdate(sessionId, Buffer.from(plan)));
    } else if (event.case === 'kill') {
      const { requestId, sessionId, reason } = event.value;
      this.confirm(requestId, () => this.options.onKill(sessionId, reason));
    } else if (event.case === 'trustUpdate') {
      const { requestId, ca, renew } = event.value;
      this.confirm(requestId, () => this.options.onTrust?.(ca, renew));
    } else if (event.case === 'rotateNonce') void this.storeNonce(event.value.nonce);
    else if (event.case === 'testConnection') void this.test(event.value.requestId, Buffer.from(event.value.target));
    else this.fail('The gateway sent an unknown control message.');
  }

  private revoked(reason: string): void {
    this.end(new WeirError('not_permitted', `The gateway revoked this agent: ${reason}`), reason);
  }

  private openLane(welcome: Welcome): void {
    const { heartbeatIntervalMs: interval, initialCreditBytes: credit } = welcome;
    if (this.endpoint !== undefined || interval < 10 || credit < 1024 || credit > 64 * 1024 * 1024) {
      this.fail('The welcome of the gateway does not make sense.');
      return;
    }
    const lane = new LaneSocket(dialTls(this.tls, laneProtocol), {
      onFirst: (message) => this.laneAnswered(message, welcome.gatewayVersion),
      onEnded: (error) => this.laneEnded(error),
    });
    lane.sayHello(this.options.hello.instanceId);
    this.lane = lane;
    this.endpoint = createLaneEndpoint({
      call: lane,
      initialCreditBytes: credit,
      onOpen: (openJson, channel) => this.options.onOpen(openJson, channel),
      onViolation: (problem) => this.end(problem),
      onProblem: (problem) => this.report(problem),
      onActivity: () => this.laneHeartbeat?.alive(),
    });
    this.laneHeartbeat = startHeartbeat(
      this.clock,
      interval,
      () => lane.beat(),
      () => this.fail('The lane of the gateway was silent for three heartbeats.'),
    );
    this.heartbeat = startHeartbeat(
      this.clock,
      interval,
      () => this.beat(),
      () => this.fail('The gateway was silent for three heartbeats.'),
    );
  }

  /** The reason of an end comes by the control stream, on the other connection: it gets a moment to arrive. */
  private laneEnded(error: Error | undefined): void {
    if (error instanceof WeirError) {
      this.end(error);
      return;
    }
    const why = error === undefined ? 'The gateway ended the lane.' : `The lane broke: ${error.message}`;
    this.endpoint?.close({ code: 'gateway_unavailable', message: `The connection to the gateway is lost. ${why}` });
    this.cancelTimer();
    this.cancelTimer = this.clock.after(reasonTimeoutMs, () => this.fail(why));
  }

  private laneAnswered(message: Buffer, gatewayVersion: string): void {
    if (this.ended) return;
    const refusal = readLaneAnswer(message);
    if (refusal !== undefined) {
      this.end(refusal);
      return;
    }
    this.cancelTimer();
    this.events.onConnected(gatewayVersion);
  }

  private confirm(requestId: bigint, action: () => Promise<void> | void): void {
    Promise.resolve()
      .then(action)
      .then(
        () => this.send({ event: { case: 'confirm', value: { requestId } } }),
        (error: unknown) => this.report(error),
      );
  }

  /** Said only when it is durable: from then on the gateway accepts no older one. */
  private async storeNonce(nonce: Uint8Array): Promise<void> {
    try {
      await this.options.storeNonce?.(nonce);
      if (this.options.storeNonce !== undefined) this.send({ event: { case: 'nonceStored', value: { nonce } } });
    } catch (error) {
      this.report(error);
    }
  }

  private async test(requestId: bigint, target: Buffer): Promise<void> {
    try {
      const { ok, steps } = await this.options.onTest(target);
      this.send({ event: { case: 'testResult', value: { requestId, ok, steps: [...steps] } } });
    } catch (error) {
      this.report(error);
      const detail = error instanceof Error ? error.message : String(error);
      const steps = [{ name: 'agent', ok: false, detail }];
      this.send({ event: { case: 'testResult', value: { requestId, ok: false, steps } } });
    }
  }

  private beat(): void {
    const openChannels = this.endpoint?.channelCount ?? 0;
    this.send({ event: { case: 'heartbeat', value: { sentAtMs: BigInt(Date.now()), openChannels } } });
  }

  private send(message: ControlInit): void {
    if (!this.ended) this.control.write(create(ControlRequestSchema, message));
  }

  private report(error: unknown): void {
    this.options.onProblem?.(error instanceof Error ? error : new Error('The tunnel failed.', { cause: error }));
  }
}

import type { Clock } from './clock.ts';
import type { AgentHello, RenewedIdentity, TestOutcome } from './gateway-end.ts';
import type { LaneChannel, LaneChannelHandler } from './lane.ts';

/** The agent's key pair, PEM. */
export interface AgentCredentials {
  readonly certificate: string;
  readonly key: string;
  /** CAs of the gateway, PEM; absent = those of the settings. */
  readonly ca?: string;
}

/** Where the link to the gateway stands. `reason` is for people. */
export type LinkState =
  | { readonly state: 'connecting'; readonly attempt: number }
  | { readonly state: 'connected'; readonly gatewayVersion: string }
  | { readonly state: 'waiting'; readonly reason: string; readonly retryInMs: number }
  /** Final: closed here, or revoked by the gateway. */
  | { readonly state: 'stopped'; readonly cause: 'closed' | 'revoked'; readonly reason: string };

/** An agent's answer to an OPEN frame that it does not accept: the channel is reset with this fault. */
export interface OpenRefusal {
  readonly refuse: { readonly code: string; readonly message: string };
}

/** Settings of the agent's end. Callbacks that reject or throw are reported by `onProblem` and, for plan updates and kills, leave the request unconfirmed. */
export interface TunnelClientOptions {
  /** host:port of the gateway's tunnel listener; IP addresses work ([::1]:port for IPv6). */
  readonly address: string;
  /** PEM of the gateway's CA. */
  readonly ca: string;
  readonly credentials: AgentCredentials;
  /** Name that the gateway's certificate must carry; default = the host of `address`. */
  readonly serverName?: string;
  readonly hello: AgentHello;
  /** The nonce that was stored last, read for each connection. Absent = none is kept, and none is accepted. */
  nonce?(): Uint8Array;
  /** Stores a new nonce durably before it resolves. */
  storeNonce?(nonce: Uint8Array): Promise<void>;
  /** Stores the CAs (PEM) that the agent trusts from now on, before it resolves. Absent = the agent says nothing of it, and the gateway does not ask. */
  onTrust?(ca: string, isRenewalDue: boolean): Promise<void>;
  /** A channel opens: `openJson` = ChannelOpen as JSON bytes. Return its handler, or refuse. */
  onOpen(openJson: Buffer, channel: LaneChannel): LaneChannelHandler | OpenRefusal;
  /** Confirmed to the gateway when the promise resolves. */
  onPlanUpdate(sessionId: string, plan: Buffer): Promise<void> | void;
  onKill(sessionId: string, reason: string): Promise<void> | void;
  onTest(target: Buffer): Promise<TestOutcome>;
  /** The gateway does not accept this agent any more; the client has stopped. */
  onRevoke(reason: string): void;
  onState(state: LinkState): void;
  onProblem?(problem: Error): void;
  readonly clock?: Clock;
  /** 0 <= x < 1, for jitter. Default Math.random. */
  readonly random?: () => number;
  readonly windowBytes?: number;
}

/** The agent's end: dials at once, and again until it is closed or revoked. */
export interface TunnelClient {
  readonly state: LinkState;
  /** Used from the next connection on, which is tried at once when none is up; a live connection stays as it is. */
  setCredentials(credentials: AgentCredentials): void;
  /** Asks for a new certificate over the live connection. @throws WeirError gateway_unavailable when there is none. */
  renew(certificateRequestDer: Uint8Array): Promise<RenewedIdentity>;
  /** Ends all channels and the link for good. */
  close(): Promise<void>;
}

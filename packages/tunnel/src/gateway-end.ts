import type { AgentClaims } from './agent-identity.ts';
import type { Clock } from './clock.ts';
import type { GatewayLane } from './lane.ts';

/** Server side TLS material, PEM. `certificate` may hold a chain (leaf first). */
export interface ServerTls {
  readonly certificate: string;
  readonly key: string;
}

/** Who is at the other end of a tunnel connection, as its verified client certificate says. */
export interface AgentPeer extends AgentClaims {
  /** Hexadecimal, upper case, as X.509 tools print it. */
  readonly certificateSerial: string;
  /** The certificate, DER. */
  readonly certificateDer: Buffer;
  /** Address and port that the agent dialled from. */
  readonly remoteAddress: string;
}

/** A client that the TLS handshake of the tunnel port did not let in. What its certificate says is nobody's word but its own. */
export interface RefusedPeer {
  readonly remoteAddress: string;
  /** OpenSSL's word for why, e.g. CERT_HAS_EXPIRED. */
  readonly why: string;
  /** Undefined when there was no certificate that names one. */
  readonly agentId: string | undefined;
  readonly certificateSerial: string | undefined;
}

/** The decision about a connecting agent. A refusal's reason is shown to the agent's operator. */
export type AgentAuthorisation = { readonly accept: true } | { readonly accept: false; readonly reason: string };

/** What an agent says of itself when it connects. */
export interface AgentHello {
  readonly version: string;
  readonly capabilities: readonly string[];
  /** Random per process start. */
  readonly instanceId: string;
  /** Key to which the gateway seals credentials (X25519, SPKI DER), new at each process start; empty or absent = it takes none. */
  readonly sealingKey?: Uint8Array;
  /** For which user certificates of SSH targets are signed (ssh-ed25519, wire form); absent or empty: it signs in to none by certificate. */
  readonly sshKey?: Uint8Array;
  /** The nonce that the agent has stored last; empty before its first. */
  readonly nonce?: Uint8Array;
  /** The pool that it says it serves; empty or absent = it does not say. */
  readonly pool?: string;
}

/** Outcome of a connection test that the agent made against a target. */
export interface TestOutcome {
  readonly ok: boolean;
  readonly steps: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
}

/** One agent with both streams up. All promises reject with a WeirError `agent_unavailable` on timeout or when the agent is lost. */
export interface ConnectedAgent {
  readonly agentId: string;
  readonly peer: AgentPeer;
  readonly hello: AgentHello;
  /** Milliseconds since the epoch. */
  readonly connectedAtMs: number;
  readonly lane: GatewayLane;
  /** Replaces the plan of the session's live channels; resolves when the agent has confirmed. Default timeout 2,000 ms. */
  sendPlanUpdate(sessionId: string, plan: Uint8Array, timeoutMs?: number): Promise<void>;
  /** Ends the session's channels at the agent; resolves when the agent has confirmed. Default timeout 2,000 ms. */
  kill(sessionId: string, reason: string, timeoutMs?: number): Promise<void>;
  /** Tells the agent which CAs (PEM) it trusts from now on; resolves when it has stored them durably. Default timeout 2,000 ms. */
  sendTrust(ca: string, isRenewalDue: boolean, timeoutMs?: number): Promise<void>;
  /** Gives the agent a new nonce; resolves when the agent has stored it durably. Default timeout 2,000 ms. */
  rotateNonce(nonce: Uint8Array, timeoutMs?: number): Promise<void>;
  /** Asks the agent to dial and sign in to a target (JSON of a Target). Default timeout 15,000 ms. */
  testConnection(target: Uint8Array, timeoutMs?: number): Promise<TestOutcome>;
}

/** What an agent gets with a new certificate. */
export interface RenewedIdentity {
  /** PEM. */
  readonly certificate: string;
  /** The CAs that it trusts from now on, PEM; absent = as before. */
  readonly ca?: string;
  /** host:port of the front port, where it can recover; absent = as before. */
  readonly frontAddress?: string;
}

/** Settings of the gateway's end of all tunnels. */
export interface TunnelServerOptions {
  readonly listen: { readonly host: string; readonly port: number };
  /** `ca` = PEM of the CA that signs agents: a client without a valid certificate of it fails in the TLS handshake. */
  readonly tls: ServerTls & { readonly ca: string };
  readonly gatewayVersion: string;
  /** Asked on every control stream and renewal; a lane belongs to the control stream of the same certificate and instance. A rejected promise refuses the stream for now (the agent retries). */
  authorise(peer: AgentPeer): Promise<AgentAuthorisation>;
  /** Asked after the hello of each control stream. Absent = every hello of an authorised agent is accepted. */
  identify?(peer: AgentPeer, hello: AgentHello): Promise<AgentAuthorisation>;
  /**
   * An agent says hello from a new process while another one has its connection. Resolves to true when the other still lives: then both hold one identity, and
   * neither is served. Absent = the newest wins.
   */
  isAlive?(other: ConnectedAgent): Promise<boolean>;
  /** Two living processes hold one identity. What it does must make `authorise` refuse them. */
  onTwins?(first: ConnectedAgent, second: { readonly peer: AgentPeer; readonly hello: AgentHello }): Promise<void>;
  /** Signs a new certificate for an authorised agent. Absent = renewal is refused. */
  renew?(peer: AgentPeer, certificateRequestDer: Buffer): Promise<RenewedIdentity>;
  /** The agent's control stream and lane are up. */
  onJoined(agent: ConnectedAgent): void;
  /** The agent is gone; its channels have been reset with `agent_unavailable`. */
  onLeft(agent: ConnectedAgent, reason: string): void;
  /** A client without a valid certificate was turned away. */
  onRefusedPeer?(peer: RefusedPeer): void;
  /** Problems that end one stream or channel and need a log line. */
  onProblem?(problem: Error): void;
  /** Default 5,000. An agent that is silent for three intervals is lost. */
  readonly heartbeatIntervalMs?: number;
  /** Default 1 MiB. */
  readonly initialCreditBytes?: number;
  /** HTTP/2 receive window of connections and streams, bytes. Default 8 MiB. */
  readonly windowBytes?: number;
  readonly clock?: Clock;
}

/** The gateway's end of all tunnels. */
export interface TunnelServer {
  readonly address: { readonly host: string; readonly port: number };
  agents(): readonly ConnectedAgent[];
  agent(agentId: string): ConnectedAgent | undefined;
  /** Ends the agent's streams with the reason; it tries again, and is accepted if `authorise` accepts it. */
  disconnect(agentId: string, reason: string): void;
  /** Tells the agent that it is not wanted any more, then ends its streams. Its next connection is refused only if `authorise` refuses it. */
  revoke(agentId: string, reason: string): void;
  /** New connections use this certificate, and are let in by these CAs. @throws WeirError invalid_request */
  setTls(tls: ServerTls & { readonly ca: string }): void;
  /** Ends all streams (channels are reset with `gateway_unavailable`) and frees the port. */
  close(): Promise<void>;
}

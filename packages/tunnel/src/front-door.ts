import type { Duplex } from 'node:stream';
import type { RecoveryClaim } from '@weir/proto';
import type { RenewedIdentity, ServerTls } from './gateway-end.ts';

/** What an agent sends to enrol. */
export interface EnrolmentRequest {
  readonly joinToken: string;
  /** PKCS#10, DER. */
  readonly certificateRequest: Buffer;
  readonly agentVersion: string;
  /** The pool that the agent was told to join; absent = whatever the token is for. */
  readonly pool?: string;
  /** Instead of a join token: a token of the platform that the agent runs on. */
  readonly platformToken?: string;
}

/** What an enrolled agent gets. All certificates PEM. */
export interface EnrolmentResult {
  readonly agentId: string;
  readonly agentName: string;
  readonly certificate: string;
  readonly ca: string;
  /** host:port of the tunnel listener. */
  readonly tunnelAddress: string;
  /** The pool whose connections the agent may serve. */
  readonly pool: string;
}

/** What an agent sends when its certificate has ended. */
export interface RecoveryRequest extends RecoveryClaim {
  /** Over recoveryClaim, by the key of the certificate. */
  readonly signature: Uint8Array;
}

/** What a call of the front door brings along to say who makes it (RFC 9449 with an address of its own). */
export interface FrontCredentials {
  readonly authorization: string | undefined;
  readonly proof: string | undefined;
  /** Method and address that the proof must name. */
  readonly method: string;
  readonly url: string;
}

/** One `weir connect` byte stream that arrived at the front door. */
export interface FrontConnection {
  readonly credentials: FrontCredentials;
  readonly sessionId: string;
  /** Bytes both ways; half-close works both ways; destroy(WeirError) shows that error at the other end. */
  readonly stream: Duplex;
  readonly remoteAddress: string;
}

/** Settings of the front port. */
export interface FrontServerOptions {
  readonly listen: { readonly host: string; readonly port: number };
  /** The chain must end in the gateway's CA certificate (leaf, then CA), for the pin of join tokens. */
  readonly tls: ServerTls;
  /** Rejecting with a WeirError shows that error at the agent. */
  enrol(request: EnrolmentRequest, remoteAddress: string): Promise<EnrolmentResult>;
  /** A new certificate for an agent whose last one has ended. Absent = refused. */
  recover?(request: RecoveryRequest, remoteAddress: string): Promise<RenewedIdentity>;
  /** Takes the stream over; throwing or rejecting ends it with that error. */
  connect(connection: FrontConnection): Promise<void> | void;
  onProblem?(problem: Error): void;
  /** HTTP/2 receive window, bytes. Default 4 MiB. */
  readonly windowBytes?: number;
}

/** The running front port. */
export interface FrontServer {
  readonly address: { readonly host: string; readonly port: number };
  /** New connections use this certificate. @throws WeirError invalid_request */
  setTls(tls: ServerTls): void;
  close(): Promise<void>;
}

/** Settings of a byte stream to the front door. Streams to the same address and CA share one connection. */
export interface FrontConnectionOptions {
  /** host:port. */
  readonly address: string;
  /** PEM. */
  readonly ca: string;
  /** Gives the headers `authorization` and `dpop` for a request. A rejection ends the stream with its error. */
  authorize(method: string, url: string): Promise<Readonly<Record<string, string>>>;
  readonly sessionId: string;
  /** Name that the certificate must carry; default = the host of `address`. */
  readonly serverName?: string;
}

/** Settings of an enrolment. */
export interface EnrolAgentOptions {
  /** host:port of the front port. */
  readonly address: string;
  /** SHA-256 of CA certificates' DER, hexadecimal (see certificatePin): the server must be of one of them. */
  readonly caPins: readonly string[];
  readonly joinToken: string;
  readonly platformToken?: string;
  readonly pool?: string;
  /** PKCS#10, DER. */
  readonly csrDer: Uint8Array;
  readonly version: string;
  /** Name that the certificate must carry; default = the host of `address`. */
  readonly serverName?: string;
}

/** Settings of a recovery. */
export interface RecoverAgentOptions {
  /** host:port of the front port. */
  readonly address: string;
  /** The gateway's CAs that the agent trusts, PEM. */
  readonly ca: string;
  readonly request: RecoveryRequest;
  /** Name that the certificate must carry; default = the host of `address`. */
  readonly serverName?: string;
}

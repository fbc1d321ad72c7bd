import { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { ServerDuplexStream, ServerUnaryCall } from '@grpc/grpc-js';
import { WeirError } from '@weir/errors';
import type { AgentPeer, RefusedPeer } from './gateway-end.ts';

const prefix = 'URI:weir://agent/';

/** Agent id in a certificate's subject alternative names (Node's text form). Undefined unless exactly one name is an agent's. */
export function tryAgentId(subjectAltName: string | undefined): string | undefined {
  // Node quotes values that hold separators; a certificate of our CA has none, so a quote means that somebody plays tricks.
  if (subjectAltName === undefined || subjectAltName.includes('"')) return undefined;
  const names = subjectAltName.split(', ').filter((name) => name.startsWith(prefix));
  const id = names.length === 1 ? names[0]?.slice(prefix.length) : undefined;
  return id !== undefined && /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(id) ? id : undefined;
}

/** What an agent's certificate says beside its id; absent in certificates of old versions. */
export interface AgentClaims {
  readonly agentId: string;
  /** The pool whose connections it may serve: URI weir://pool/NAME. */
  readonly pool: string | undefined;
  /** How often it was renewed: URI weir://renewal/N. */
  readonly renewal: number | undefined;
  /** Protocols that it may serve: URIs weir://serves/NAME. */
  readonly serves: readonly string[];
}

/** Reads subject alternative names (Node's text form). Undefined unless they name exactly one agent, and at most one pool and count. */
export function tryAgentClaims(subjectAltName: string | undefined): AgentClaims | undefined {
  const agentId = tryAgentId(subjectAltName);
  if (agentId === undefined) return undefined;
  const names = (kind: string) => {
    const start = `URI:weir://${kind}/`;
    return (subjectAltName ?? '')
      .split(', ')
      .filter((name) => name.startsWith(start))
      .map((name) => name.slice(start.length));
  };
  const [pools, renewals] = [names('pool'), names('renewal')];
  if (pools.length > 1 || renewals.length > 1 || renewals.some((count) => !/^\d{1,9}$/.test(count))) return undefined;
  const renewal = renewals[0] === undefined ? undefined : Number(renewals[0]);
  return { agentId, pool: pools[0], renewal, serves: names('serves') };
}

/** Who calls, by the client certificate that the TLS handshake has verified. @throws WeirError not_permitted when it names no agent */
export function agentPeerOf(
  call: Pick<ServerDuplexStream<unknown, unknown> | ServerUnaryCall<unknown, unknown>, 'getAuthContext' | 'getPeer'>,
): AgentPeer {
  return peerOf(call.getAuthContext()?.sslPeerCertificate?.raw, call.getPeer());
}

/** The same for a connection of its own. @throws WeirError not_permitted */
export function agentPeerOfSocket(socket: TLSSocket): AgentPeer {
  return peerOf(socket.getPeerX509Certificate()?.raw, `${socket.remoteAddress}:${socket.remotePort}`);
}

/** What can be said of a client whose certificate is not good. */
export function refusedPeerOf(socket: TLSSocket, why: string): RefusedPeer {
  const certificate = socket.getPeerX509Certificate();
  return {
    remoteAddress: `${socket.remoteAddress}:${socket.remotePort}`,
    why,
    agentId: tryAgentId(certificate?.subjectAltName),
    certificateSerial: certificate?.serialNumber,
  };
}

function peerOf(raw: Buffer | undefined, remoteAddress: string): AgentPeer {
  if (raw === undefined) throw new WeirError('not_permitted', 'The connection has no verified client certificate.');
  const certificate = new X509Certificate(raw);
  const claims = tryAgentClaims(certificate.subjectAltName);
  if (claims === undefined) {
    throw new WeirError('not_permitted', 'The client certificate does not name an agent.', {
      why: 'Its subject alternative names need exactly one URI weir://agent/<id>.',
      fix: 'Enrol the agent again: weir agent enrol',
    });
  }
  return { ...claims, certificateSerial: certificate.serialNumber, certificateDer: raw, remoteAddress };
}

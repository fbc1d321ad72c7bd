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
  const agentId = tryAgentId(certificate.subjectAltName);
  if (agentId === undefined) {
    throw new WeirError('not_permitted', 'The client certificate does not name an agent.', {
      why: 'Its subject alternative names need exactly one URI weir://agent/<id>.',
      fix: 'Enrol the agent again: weir agent enrol',
    });
  }
  return { agentId, certificateSerial: certificate.serialNumber, certificateDer: raw, remoteAddress };
}

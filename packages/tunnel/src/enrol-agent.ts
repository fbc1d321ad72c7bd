import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { create } from '@bufbuild/protobuf';
import { WeirError } from '@weir/errors';
import { Enrolment, EnrolRequestSchema, type EnrolResponse } from '@weir/proto';
import { certificatePin } from './certificate-pin.ts';
import type { EnrolAgentOptions, EnrolmentResult } from './front-door.ts';
import { fromServiceError } from './grpc-failure.ts';
import { frontWindowBytes } from './grpc-options.ts';
import { grpcServiceOf } from './grpc-service.ts';
import { type NetworkAddress, parseAddress } from './network-address.ts';
import { createTlsClient } from './tls-client.ts';

const timeoutMs = 15_000;
/** A chain of certificates is short; a longer one is somebody's trick. */
const maxChain = 10;

/**
 * Exchanges a join token for a certificate. First the server's certificate chain is fetched, with nothing sent; only when it holds the pinned
 * CA does a second connection, verified against that CA alone, carry the token.
 * @throws WeirError not_permitted when the chain does not hold the pinned CA; gateway_unavailable; or the gateway's own error
 */
export async function enrolAgent(options: EnrolAgentOptions): Promise<EnrolmentResult> {
  const chain = await fetchChain(parseAddress(options.address), options.address);
  const pins = options.caPins.map((pin) => pin.toLowerCase().replaceAll(':', ''));
  const ca = chain.find((certificate) => pins.includes(certificatePin(certificate)));
  if (ca === undefined) {
    throw new WeirError('not_permitted', `The server at ${options.address} is not the gateway of this join token.`, {
      why: `None of its ${chain.length} certificates has the pinned SHA-256 ${pins.join(' or ')}. Nothing was sent to it.`,
      fix: 'Check the address; if it is right, ask for a new join token: the gateway may have changed its CA.',
    });
  }
  const answer = await callEnrol(options, new X509Certificate(ca).toString());
  const { agentId, agentName, certificate, tunnelAddress, pool } = answer;
  return { agentId, agentName, certificate, ca: answer.ca, tunnelAddress, pool };
}

/** The certificates that the server shows, DER, leaf first. */
function fetchChain(address: NetworkAddress, shown: string): Promise<Buffer[]> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown, why: string) =>
      reject(
        new WeirError('gateway_unavailable', `The gateway at ${shown} cannot be reached.`, {
          why,
          fix: 'Check the address and that the gateway runs there.',
          cause,
        }),
      );
    const socket = connect({
      ...address,
      ...(isIP(address.host) === 0 ? { servername: address.host } : {}),
      ALPNProtocols: ['h2'],
      minVersion: 'TLSv1.3',
      // Only the chain is read here; the connection that carries the token verifies everything.
      rejectUnauthorized: false,
    });
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`No answer within ${timeoutMs} ms.`)));
    socket.once('error', (error) => fail(error, error.message));
    socket.once('close', () => fail(undefined, 'The server closed the connection.'));
    socket.once('secureConnect', () => {
      const chain = readChain(socket.getPeerCertificate(true));
      socket.destroy();
      resolve(chain);
    });
  });
}

function readChain(leaf: DetailedPeerCertificate): Buffer[] {
  const chain: Buffer[] = [];
  let next: DetailedPeerCertificate | undefined = leaf;
  while (next?.raw !== undefined && chain.length < maxChain) {
    chain.push(next.raw);
    next = next.issuerCertificate === next ? undefined : next.issuerCertificate;
  }
  return chain;
}

function callEnrol(options: EnrolAgentOptions, ca: string): Promise<EnrolResponse> {
  const client = createTlsClient({
    address: options.address,
    ca,
    windowBytes: frontWindowBytes,
    ...(options.serverName === undefined ? {} : { serverName: options.serverName }),
  });
  const { path, requestSerialize, responseDeserialize } = grpcServiceOf(Enrolment).enrol;
  const request = create(EnrolRequestSchema, {
    joinToken: options.joinToken,
    certificateRequest: new Uint8Array(options.csrDer),
    agentVersion: options.version,
    pool: options.pool ?? '',
    platformToken: options.platformToken ?? '',
  });
  return new Promise((resolve, reject) => {
    const deadline = new Date(Date.now() + timeoutMs);
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, { deadline }, (error, answer) => {
      client.close();
      if (error === null && answer !== undefined) resolve(answer);
      else reject(fromServiceError(error, options.address));
    });
  });
}

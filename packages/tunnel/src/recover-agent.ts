import { create } from '@bufbuild/protobuf';
import { Enrolment, RecoverRequestSchema } from '@weir/proto';
import type { RecoverAgentOptions } from './front-door.ts';
import type { RenewedIdentity } from './gateway-end.ts';
import { fromServiceError } from './grpc-failure.ts';
import { frontWindowBytes } from './grpc-options.ts';
import { grpcServiceOf } from './grpc-service.ts';
import { renewedIdentityOf } from './renewed-identity.ts';
import { createTlsClient } from './tls-client.ts';

const timeoutMs = 15_000;

/**
 * Asks for a new certificate when the last one has ended. The gateway is verified against the CAs that the agent knows; the agent by its signature.
 * @throws WeirError gateway_unavailable, invalid_request (address or CA cannot be used), or the gateway's own error
 */
export function recoverAgent(options: RecoverAgentOptions): Promise<RenewedIdentity> {
  const client = createTlsClient({
    address: options.address,
    ca: options.ca,
    windowBytes: frontWindowBytes,
    ...(options.serverName === undefined ? {} : { serverName: options.serverName }),
  });
  const { path, requestSerialize, responseDeserialize } = grpcServiceOf(Enrolment).recover;
  const { agentId, certificate, certificateRequest, nonce, sentAtMs, instanceId, signature } = options.request;
  const request = create(RecoverRequestSchema, {
    ...{ agentId, sentAtMs: BigInt(sentAtMs), instanceId, certificate: new Uint8Array(certificate) },
    ...{ certificateRequest: new Uint8Array(certificateRequest), nonce: new Uint8Array(nonce) },
    signature: new Uint8Array(signature),
  });
  return new Promise((resolve, reject) => {
    const deadline = new Date(Date.now() + timeoutMs);
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, { deadline }, (error, answer) => {
      client.close();
      if (error === null && answer !== undefined) resolve(renewedIdentityOf(answer));
      else reject(fromServiceError(error, options.address));
    });
  });
}

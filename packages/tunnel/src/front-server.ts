import { create } from '@bufbuild/protobuf';
import { Server, type ServerDuplexStream, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { WeirError } from '@weir/errors';
import {
  Enrolment,
  type EnrolRequest,
  type EnrolResponse,
  EnrolResponseSchema,
  FrontDoor,
  type RecoverRequest,
  type RecoverResponse,
  RecoverResponseSchema,
} from '@weir/proto';
import { shutDown } from './bind-server.ts';
import { ByteStream } from './byte-stream.ts';
import { frontMetadata, frontProofTarget } from './call-metadata.ts';
import type { FrontServer, FrontServerOptions } from './front-door.ts';
import type { ServerTls } from './gateway-end.ts';
import { toServiceError } from './grpc-failure.ts';
import { frontWindowBytes, serverOptions } from './grpc-options.ts';
import { grpcServiceOf, rawMethodOf } from './grpc-service.ts';
import { openTlsPort } from './tls-port.ts';

type ConnectCall = ServerDuplexStream<Buffer, Buffer>;

/** Starts the front port: enrolment and front door. @throws WeirError conflict when it cannot listen */
export async function createFrontServer(options: FrontServerOptions): Promise<FrontServer> {
  const server = new Server(serverOptions);
  server.addService(grpcServiceOf(Enrolment), {
    enrol: (call: ServerUnaryCall<EnrolRequest, EnrolResponse>, done: sendUnaryData<EnrolResponse>) =>
      void enrol(options, call, done),
    recover: (call: ServerUnaryCall<RecoverRequest, RecoverResponse>, done: sendUnaryData<RecoverResponse>) =>
      void recover(options, call, done),
  });
  server.addService(
    { connect: rawMethodOf(FrontDoor.method.connect) },
    { connect: (call: ConnectCall) => void connect(options, call) },
  );
  const { listen, tls, windowBytes = frontWindowBytes } = options;
  const port = await openTlsPort({ listen, tls: serverOnly(tls), windowBytes, grpc: server });
  return {
    address: port.address,
    setTls: (next) => port.setTls(serverOnly(next)),
    async close() {
      await shutDown(server);
      await port.close();
    },
  };
}

/** The front port asks nobody for a certificate, whatever else the settings hold. */
function serverOnly({ certificate, key }: ServerTls): ServerTls {
  return { certificate, key };
}

async function enrol(
  options: FrontServerOptions,
  call: ServerUnaryCall<EnrolRequest, EnrolResponse>,
  done: sendUnaryData<EnrolResponse>,
): Promise<void> {
  try {
    const { joinToken, certificateRequest, agentVersion, pool, platformToken } = call.request;
    const request = {
      ...{ joinToken, certificateRequest: Buffer.from(certificateRequest), agentVersion },
      ...(pool === '' ? {} : { pool }),
      ...(platformToken === '' ? {} : { platformToken }),
    };
    done(null, create(EnrolResponseSchema, await options.enrol(request, call.getPeer())));
  } catch (error) {
    report(options, error);
    done(toServiceError(error));
  }
}

async function recover(
  options: FrontServerOptions,
  call: ServerUnaryCall<RecoverRequest, RecoverResponse>,
  done: sendUnaryData<RecoverResponse>,
): Promise<void> {
  try {
    if (options.recover === undefined) {
      throw new WeirError('feature_not_supported', 'This gateway gives no new certificate for one that has ended.');
    }
    const { agentId, certificate, certificateRequest, nonce, sentAtMs, instanceId, signature } = call.request;
    const claim = { agentId, certificate, certificateRequest, nonce, sentAtMs: Number(sentAtMs), instanceId };
    done(null, create(RecoverResponseSchema, await options.recover({ ...claim, signature }, call.getPeer())));
  } catch (error) {
    report(options, error);
    done(toServiceError(error));
  }
}

async function connect(options: FrontServerOptions, call: ConnectCall): Promise<void> {
  const textOf = (name: string): string | undefined => {
    const [value] = call.metadata.get(name);
    return typeof value === 'string' ? value : undefined;
  };
  const authorization = textOf(frontMetadata.authorization);
  const sessionId = textOf(frontMetadata.session);
  if (authorization === undefined || sessionId === undefined) {
    call.emit('error', toServiceError(new WeirError('sign_in_required', 'The connection names no token or session.')));
    call.resume();
    return;
  }
  const credentials = { authorization, proof: textOf(frontMetadata.proof), ...frontProofTarget };
  const stream = serverByteStream(call);
  stream.on('error', (error) => report(options, error));
  try {
    await options.connect({ credentials, sessionId, stream, remoteAddress: call.getPeer() });
  } catch (error) {
    stream.destroy(error instanceof Error ? error : new Error('The front door failed.', { cause: error }));
  }
}

function serverByteStream(call: ConnectCall): ByteStream {
  let over = false;
  const stream = new ByteStream(call, {
    finished: () => undefined,
    completed() {
      over = true;
      call.end();
    },
    aborted(error) {
      if (over) return;
      over = true;
      const reason = error ?? new WeirError('session_ended', 'The gateway ended the connection.');
      call.emit('error', toServiceError(reason));
    },
  });
  call.on('cancelled', () => {
    if (over) return;
    over = true;
    stream.destroy(new WeirError('session_ended', 'The client went away in the middle of the connection.'));
  });
  return stream;
}

function report(options: FrontServerOptions, error: unknown): void {
  options.onProblem?.(error instanceof Error ? error : new Error('The front port failed.', { cause: error }));
}

import type { Duplex } from 'node:stream';
import { type Client, type ClientDuplexStream, credentials as grpcCredentials, Metadata } from '@grpc/grpc-js';
import { isWeirError } from '@weir/errors';
import { FrontDoor } from '@weir/proto';
import { ByteStream } from './byte-stream.ts';
import { frontMetadata, frontProofTarget } from './call-metadata.ts';
import type { FrontConnectionOptions } from './front-door.ts';
import { fromServiceError } from './grpc-failure.ts';
import { frontWindowBytes } from './grpc-options.ts';
import { rawMethodOf } from './grpc-service.ts';
import { createTlsClient } from './tls-client.ts';

interface SharedClient {
  readonly client: Client;
  users: number;
}
/** One connection for each address and CA, for as long as it has streams. */
const shared = new Map<string, SharedClient>();
const method = rawMethodOf(FrontDoor.method.connect);

/**
 * Opens one byte stream to the front door. Errors (unreachable gateway, refused token, destroyed by the gateway) arrive as the stream's
 * 'error' event and are WeirErrors.
 * @throws WeirError invalid_request when the address or CA cannot be used
 */
export function openFrontConnection(options: FrontConnectionOptions): Duplex {
  const key = JSON.stringify([options.address, options.ca, options.serverName]);
  const entry = shared.get(key) ?? { client: createTlsClient({ ...options, windowBytes: frontWindowBytes }), users: 0 };
  shared.set(key, entry);
  entry.users++;
  const metadata = new Metadata();
  metadata.set(frontMetadata.session, options.sessionId);
  const { path, requestSerialize, responseDeserialize } = method;
  let refusal: unknown;
  // The proof is made when the connection stands: it is good for a minute only.
  const credentials = grpcCredentials.createFromMetadataGenerator((_parameters, done) => {
    const headers = options.authorize(frontProofTarget.method, frontProofTarget.url);
    headers.then(
      (values) => {
        const more = new Metadata();
        for (const [name, value] of Object.entries(values)) more.set(name, value);
        done(null, more);
      },
      (error: unknown) => {
        refusal = error;
        done(error instanceof Error ? error : new Error(String(error)));
      },
    );
  });
  const call = entry.client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata, {
    credentials,
  });
  call.once('status', () => {
    entry.users--;
    if (entry.users > 0) return;
    if (shared.get(key) === entry) shared.delete(key);
    entry.client.close();
  });
  return clientByteStream(call, (error) => (isWeirError(refusal) ? refusal : fromServiceError(error, options.address)));
}

function clientByteStream(call: ClientDuplexStream<Buffer, Buffer>, errorOf: (error: unknown) => Error): Duplex {
  let over = false;
  const stream = new ByteStream(call, {
    finished: () => void call.end(),
    completed() {
      over = true;
    },
    aborted() {
      over = true;
      call.cancel();
    },
  });
  call.on('error', (error) => {
    if (!over) stream.destroy(errorOf(error));
  });
  return stream;
}

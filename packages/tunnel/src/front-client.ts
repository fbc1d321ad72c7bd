import type { Duplex } from 'node:stream';
import { type Client, type ClientDuplexStream, Metadata } from '@grpc/grpc-js';
import { FrontDoor } from '@weir/proto';
import { ByteStream } from './byte-stream.ts';
import { frontMetadata } from './call-metadata.ts';
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
  metadata.set(frontMetadata.authorization, `Bearer ${options.token}`);
  metadata.set(frontMetadata.session, options.sessionId);
  const { path, requestSerialize, responseDeserialize } = method;
  const call = entry.client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
  call.once('status', () => {
    entry.users--;
    if (entry.users > 0) return;
    if (shared.get(key) === entry) shared.delete(key);
    entry.client.close();
  });
  return clientByteStream(call, options.address);
}

function clientByteStream(call: ClientDuplexStream<Buffer, Buffer>, address: string): Duplex {
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
    if (!over) stream.destroy(fromServiceError(error, address));
  });
  return stream;
}

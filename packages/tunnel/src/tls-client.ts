import { isIP } from 'node:net';
import { checkServerIdentity, connect, createSecureContext, type PeerCertificate, type TLSSocket } from 'node:tls';
import { type ChannelOptions, Client, credentials } from '@grpc/grpc-js';
import { WeirError } from '@weir/errors';
import { clientOptions } from './grpc-options.ts';
import { formatAddress, parseAddress } from './network-address.ts';

/** How a client reaches and verifies a Weir server, PEM. */
export interface TlsClientSettings {
  readonly address: string;
  readonly ca: string;
  readonly identity?: { readonly certificate: string; readonly key: string };
  readonly serverName?: string;
}

/** The same for a gRPC client. */
export interface GrpcClientSettings extends TlsClientSettings {
  /** HTTP/2 receive window, bytes. */
  readonly windowBytes: number;
}

/** A grpc-js client over TLS 1.3. @throws WeirError invalid_request when the address or the PEM material does not parse */
export function createTlsClient(settings: GrpcClientSettings): Client {
  const address = parseAddress(settings.address);
  const { expected, servername } = namesOf(settings);
  const verify = (_host: string, certificate: PeerCertificate) => checkServerIdentity(expected, certificate);
  const options: ChannelOptions = {
    ...clientOptions(settings.windowBytes),
    'grpc.ssl_target_name_override': servername,
  };
  const channelCredentials = credentials.createFromSecureContext(secureContext(settings), {
    checkServerIdentity: verify,
  });
  return new Client(formatAddress(address), channelCredentials, options);
}

/** A TLS 1.3 connection that asks for `protocol` by ALPN; not yet connected. @throws WeirError as {@link createTlsClient} */
export function dialTls(settings: TlsClientSettings, protocol: string): TLSSocket {
  const { host, port } = parseAddress(settings.address);
  const { expected, servername } = namesOf(settings);
  return connect({
    ...{ host, port, servername, secureContext: secureContext(settings), ALPNProtocols: [protocol] },
    checkServerIdentity: (_host, certificate) => checkServerIdentity(expected, certificate),
  });
}

/** An IP address cannot be a TLS server name (RFC 6066), so it is verified against the certificate here while the handshake names `localhost`. */
function namesOf({ address, serverName }: TlsClientSettings): {
  readonly expected: string;
  readonly servername: string;
} {
  const expected = serverName ?? parseAddress(address).host;
  return { expected, servername: isIP(expected) === 0 ? expected : 'localhost' };
}

function secureContext({ ca, identity }: TlsClientSettings) {
  try {
    return createSecureContext({
      ca,
      minVersion: 'TLSv1.3',
      ...(identity === undefined ? {} : { cert: identity.certificate, key: identity.key }),
    });
  } catch (cause) {
    throw new WeirError('invalid_request', 'The TLS certificate or key cannot be used.', {
      why: cause instanceof Error ? cause.message : String(cause),
      fix: 'Check that the PEM files are complete and belong together.',
      cause,
    });
  }
}

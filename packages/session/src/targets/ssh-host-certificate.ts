import type { SshPublicKey } from '@weir/ssh-certificate';
import type { Client } from 'ssh2';
import { protocolOf } from './ssh2-internals.ts';

interface KeyExchange {
  negotiated: { serverHostKey: string };
  _hostKey: Buffer;
}

/**
 * Lets a key exchange of ssh2 go on whose host has shown a certificate that was found good: the exchange hash is over the certificate, the signature
 * is that of the plain key (OpenSSH PROTOCOL.certkeys). ssh2 reads the host key for the hash first, then for the signature.
 */
export function continueWithCertificate(client: Client, certificate: Buffer, key: SshPublicKey): void {
  const exchange = protocolOf(client)._kex as unknown as KeyExchange;
  exchange.negotiated = { ...exchange.negotiated, serverHostKey: key.type };
  let isHashed = false;
  Object.defineProperty(exchange, '_hostKey', {
    configurable: true,
    set: () => undefined,
    get() {
      if (isHashed) return key.blob;
      isHashed = true;
      return certificate;
    },
  });
}

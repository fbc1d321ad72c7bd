import { createHash, X509Certificate } from 'node:crypto';

/** The pin of a certificate (PEM or DER): SHA-256 of its DER, hexadecimal, lower case. A join token carries that of the gateway's CA. */
export function certificatePin(certificate: string | Uint8Array): string {
  return createHash('sha256').update(new X509Certificate(certificate).raw).digest('hex');
}

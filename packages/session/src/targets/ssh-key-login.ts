import type { KeyObject } from 'node:crypto';
import { isCertificateType, lengthAnd, publicKeyOf, signWith } from '@weir/ssh-certificate';
import ssh2, { type Client, type ParsedKey } from 'ssh2';
import { protocolOf, sendMessage } from './ssh2-internals.ts';

/** What signs in. */
export interface SshIdentity {
  readonly key: KeyObject;
  /** An OpenSSH user certificate of the key, wire form; undefined = the key alone. */
  readonly certificate?: Buffer;
}

const userauthRequest = 50;
/** ssh2 asks for a key before it lets anybody sign; what it has is not used. */
let placeholder: ParsedKey | undefined;

/**
 * Signs a client in by a key or a certificate of it. ssh2 knows no certificates and reads no PKCS #8, so in place of its request goes our own, signed
 * at once (RFC 4252 section 7; OpenSSH PROTOCOL.certkeys). Call it after connect().
 * @returns what an authHandler of ssh2 gives back
 */
export function keyLogin(client: Client, user: string, { key, certificate }: SshIdentity) {
  const protocol = protocolOf(client);
  const plain = publicKeyOf(key);
  const blob = certificate ?? plain.blob;
  const signature = plain.algorithms[0] ?? plain.type;
  const offered = certificate === undefined ? signature : typeOf(certificate);
  protocol.authPK = () => {
    const request = Buffer.concat([
      Buffer.of(userauthRequest),
      ...[user, 'ssh-connection', 'publickey'].map(lengthAnd),
      Buffer.of(1),
      ...[lengthAnd(offered), lengthAnd(blob)],
    ]);
    // The signature of a certificate is that of its plain key.
    const signed = signWith(key, signature, Buffer.concat([lengthAnd(protocol._kex.sessionID), request]));
    protocol._authsQueue.push('publickey');
    sendMessage(protocol, Buffer.concat([request, lengthAnd(signed)]));
  };
  placeholder ??= madePlaceholder();
  return { type: 'publickey' as const, username: user, key: placeholder };
}

function typeOf(certificate: Buffer): string {
  const type = certificate.subarray(4, 4 + certificate.readUInt32BE(0)).toString('latin1');
  if (!isCertificateType(type)) throw new TypeError('this is no certificate');
  return type;
}

function madePlaceholder(): ParsedKey {
  const parsed = ssh2.utils.parseKey(ssh2.utils.generateKeyPairSync('ed25519').private);
  if (parsed instanceof Error) throw parsed;
  return parsed;
}

import { createRequire } from 'node:module';
import type { Algorithms } from 'ssh2';
import { hostCertificateAlgorithm } from './ssh-host-key.ts';

const require = createRequire(import.meta.url);
const { SUPPORTED_SERVER_HOST_KEY: hostKeysKnown } = require('ssh2/lib/protocol/constants.js') as {
  SUPPORTED_SERVER_HOST_KEY: string[];
};
// ssh2 offers only what it knows; what comes of this one is checked in ssh-host-certificate.ts.
if (!hostKeysKnown.includes(hostCertificateAlgorithm)) hostKeysKnown.push(hostCertificateAlgorithm);

/** What is offered to hosts: nothing with SHA-1, CBC or small groups. AES-GCM goes first, as the fastest by far. */
export function algorithmsFor(hostKeys: readonly string[]): Algorithms {
  return {
    kex: [
      'curve25519-sha256',
      'curve25519-sha256@libssh.org',
      'ecdh-sha2-nistp256',
      'ecdh-sha2-nistp384',
      'ecdh-sha2-nistp521',
      'diffie-hellman-group16-sha512',
      'diffie-hellman-group18-sha512',
      'diffie-hellman-group14-sha256',
    ],
    cipher: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'aes128-ctr', 'aes256-ctr'],
    hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512'],
    serverHostKey: [...hostKeys] as NonNullable<Algorithms['serverHostKey']>,
    compress: ['none'],
  } as Algorithms;
}

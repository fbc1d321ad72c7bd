/** Key exchange methods, best first; the hybrid one is ours (hybrid-key-exchange.ts). The last says that we know strict key exchange (OpenSSH PROTOCOL, section 1.10). */
export const keyExchanges = [
  'mlkem768x25519-sha256',
  'curve25519-sha256',
  'curve25519-sha256@libssh.org',
  'ecdh-sha2-nistp256',
  'ecdh-sha2-nistp384',
  'ecdh-sha2-nistp521',
  'kex-strict-s-v00@openssh.com',
] as const;

/** AES-GCM first: it is what processors are fast at. No CBC, no arcfour, no 3DES. */
export const ciphers = [
  'aes128-gcm@openssh.com',
  'aes256-gcm@openssh.com',
  'chacha20-poly1305@openssh.com',
  'aes128-ctr',
  'aes192-ctr',
  'aes256-ctr',
] as const;

/** For AES-CTR; encrypt-then-MAC only, no SHA-1. */
export const macs = ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com'] as const;

/** Signatures that a host key of each type makes, best first. No `ssh-rsa`, which is SHA-1. */
export const hostKeySignatures: Readonly<Record<string, readonly string[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
};

/** Behind the name of a signature that goes with a host certificate (OpenSSH PROTOCOL.certkeys). */
export const certificateSuffix = '-cert-v01@openssh.com';

/** What clients may sign with (RFC 8308, section 3.1). */
export const clientSignatures = [
  'ssh-ed25519',
  'sk-ssh-ed25519@openssh.com',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'sk-ecdsa-sha2-nistp256@openssh.com',
  'rsa-sha2-512',
  'rsa-sha2-256',
] as const;

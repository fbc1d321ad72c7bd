import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from './commands.ts';

/** A key pair in files as OpenSSH keeps them. */
export interface SshKey {
  /** Path of the private key. */
  readonly path: string;
  /** Path of the public key: `path` with `.pub`. */
  readonly publicPath: string;
  /** One line: algorithm, blob, comment. */
  readonly publicKey: string;
}

/** What a certificate says beside its key; ssh-keygen(1), section CERTIFICATES. */
export interface SshCertificateOptions {
  readonly principals: readonly string[];
  /** Default: `test`. */
  readonly identity?: string;
  /** As ssh-keygen -V takes it: `+5m`, `-2h:-1h`, `20260101:20260102`. Default: from a minute ago for an hour. */
  readonly validity?: string;
  /** Default false: a user certificate. */
  readonly isHost?: boolean;
  /** As ssh-keygen -O takes them: `clear`, `force-command=…`, `source-address=…`. */
  readonly options?: readonly string[];
  readonly serial?: number;
}

/** Makes a key pair without a passphrase by ssh-keygen. `type` as for ssh-keygen -t. */
export async function createSshKey(folder: string, name: string, type = 'ed25519'): Promise<SshKey> {
  const path = join(folder, name);
  await keygen('-q', '-t', type, '-N', '', '-C', name, '-f', path);
  chmodSync(path, 0o600);
  return { path, publicPath: `${path}.pub`, publicKey: readFileSync(`${path}.pub`, 'utf8').trim() };
}

/** Signs `publicKey` (a line) with a CA's key; gives the certificate's line and, beside the CA, the file that holds it. */
export async function signSshKey(
  authority: SshKey,
  publicKey: string,
  { principals, options = [], ...rest }: SshCertificateOptions,
): Promise<{ readonly line: string; readonly path: string }> {
  const { identity = 'test', validity = '-1m:+1h', isHost = false, serial = 0 } = rest;
  const base = `${authority.path}-signed-${crypto.randomUUID()}`;
  writeFileSync(`${base}.pub`, `${publicKey}\n`);
  await keygen(
    ...['-q', '-s', authority.path, '-I', identity, '-n', principals.join(','), '-V', validity, '-z', String(serial)],
    ...(isHost ? ['-h'] : []),
    ...options.flatMap((option) => ['-O', option]),
    `${base}.pub`,
  );
  const path = `${base}-cert.pub`;
  return { path, line: readFileSync(path, 'utf8').trim() };
}

async function keygen(...args: string[]): Promise<void> {
  const { status, stderr } = await runCommand('ssh-keygen', args);
  if (status !== 0) throw new Error(`ssh-keygen ${args.join(' ')}: ${stderr}`);
}

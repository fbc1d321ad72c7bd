import { createHash, generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ApiClient } from '@weir/api';
import { isWeirError } from '@weir/errors';
import { formatKeyLine, formatPrivateKey, parseKeyLine, publicKeyOf, type SshCertificate } from '@weir/ssh-certificate';
import type { Cli } from '../cli.ts';
import { configFolder } from '../profile/config-folder.ts';
import type { Gateway } from '../profile/resolve-gateway.ts';
import { findSshAgent } from '../ssh-agent/ssh-agent.ts';
import { note } from '../terminal/output.ts';

/** Where ssh finds the key and certificate of a sign-in. */
export interface SshIdentity {
  /** For `IdentityFile`: the private key, or, when the ssh-agent holds that, its public half (ssh then asks the agent). */
  readonly identityFile: string;
  /** For `CertificateFile`. */
  readonly certificateFile: string;
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number;
}

/** Longest life that the gateway gives. */
const seconds = 28_800;
/** A certificate that ends so soon is replaced. */
const spareMs = 60_000;

/**
 * Gets a certificate for a new key and hands both to the ssh-agent, for as long as the certificate lives. Without an agent they go into files of mode 0600
 * in the CLI's own folder, which is said the first time. What was there for this gateway before is removed.
 * @throws WeirError when the gateway gives none
 */
export async function makeSshIdentity(cli: Cli, gateway: Gateway, api: ApiClient): Promise<SshIdentity> {
  const { privateKey } = generateKeyPairSync('ed25519');
  const { type, blob } = publicKeyOf(privateKey);
  const issued = await api.issueSshCertificate({ publicKey: formatKeyLine(type, blob), seconds });
  const { certificate } = parseKeyLine(issued.certificate);
  if (certificate === undefined) throw new Error('the gateway answered with a key that has no certificate');
  const files = filesOf(cli, gateway);
  const isFirst = readCertificate(files.certificate) === undefined;
  await removeSshIdentity(cli, gateway);
  mkdirSync(files.folder, { recursive: true, mode: 0o700 });
  const comment = `weir ${issued.principals.join()} ${gateway.api}`;
  const left = Math.max(1, Math.floor((Date.parse(issued.expiresAt) - cli.now()) / 1000));
  write(files.public, `${formatKeyLine(type, blob, comment)}\n`);
  write(files.certificate, `${issued.certificate}\n`);
  const problem = await tryAgent(cli, (agent) => agent.add(privateKey, certificate, left, comment));
  if (problem !== undefined) {
    write(files.private, formatPrivateKey(privateKey, comment));
    if (isFirst) note(cli, `${problem} The key for SSH is in ${files.private}; weir ssh config refers to it.`);
  }
  return identityOf(files, certificate, problem !== undefined);
}

/** The key and certificate of the last sign-in while they are good; undefined = there are none any more. */
export async function findSshIdentity(cli: Cli, gateway: Gateway): Promise<SshIdentity | undefined> {
  const files = filesOf(cli, gateway);
  const certificate = readCertificate(files.certificate);
  if (certificate === undefined || Number(certificate.validBefore) * 1000 < cli.now() + spareMs) return undefined;
  if (tryRead(files.private) !== undefined) return identityOf(files, certificate, true);
  const problem = await tryAgent(cli, (agent) => agent.has(certificate.blob));
  return problem === undefined ? identityOf(files, certificate, false) : undefined;
}

/** Takes them out of the ssh-agent and off the disk. */
export async function removeSshIdentity(cli: Cli, gateway: Gateway): Promise<void> {
  const files = filesOf(cli, gateway);
  const certificate = readCertificate(files.certificate);
  // What the agent has lost already is what is wanted.
  if (certificate !== undefined) await tryAgent(cli, (agent) => agent.remove(certificate.blob));
  rmSync(files.folder, { recursive: true, force: true });
}

/** @returns a sentence that says why the agent has not done it */
async function tryAgent(
  cli: Cli,
  act: (agent: NonNullable<ReturnType<typeof findSshAgent>>) => Promise<boolean>,
): Promise<string | undefined> {
  const agent = findSshAgent(cli);
  if (agent === undefined) return 'No ssh-agent runs (SSH_AUTH_SOCK is not set).';
  try {
    return (await act(agent)) ? undefined : 'The ssh-agent does not take certificates.';
  } catch (error) {
    if (!isWeirError(error)) throw error;
    return `${error.message} ${error.why ?? ''}`.trim();
  }
}

interface IdentityFiles {
  readonly folder: string;
  readonly private: string;
  readonly public: string;
  readonly certificate: string;
}

/** One folder for each gateway. */
function filesOf(cli: Cli, gateway: Gateway): IdentityFiles {
  const name = createHash('sha256').update(gateway.key).digest('hex').slice(0, 16);
  const folder = join(configFolder(cli.env), 'ssh', name);
  const file = join(folder, 'id');
  return { folder, private: file, public: `${file}.pub`, certificate: `${file}-cert.pub` };
}

function identityOf(files: IdentityFiles, { validBefore }: SshCertificate, isInFile: boolean): SshIdentity {
  return {
    identityFile: isInFile ? files.private : files.public,
    certificateFile: files.certificate,
    expiresAtMs: Number(validBefore) * 1000,
  };
}

function readCertificate(path: string): SshCertificate | undefined {
  const text = tryRead(path);
  if (text === undefined) return undefined;
  try {
    return parseKeyLine(text).certificate;
  } catch (error) {
    // Somebody else's file, or half of one: a new certificate replaces it.
    if (isWeirError(error)) return undefined;
    throw error;
  }
}

function tryRead(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

function write(path: string, text: string): void {
  writeFileSync(path, text, { mode: 0o600 });
  chmodSync(path, 0o600);
}

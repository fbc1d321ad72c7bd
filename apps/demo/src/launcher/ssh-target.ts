import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { settlesWithin, superviseChild } from '@weir/embedded-postgres';
import { generateCustomers } from '../data/customers.ts';
import { becomesTrue } from './gateway-api.ts';
import type { StartContext } from './start-gateway.ts';
import { writeStateFile } from './state-file.ts';

/** The demo's SSH host: the machine's own sshd on a port of loopback, for the account that started the demo. */
export interface SshTarget {
  readonly port: number;
  readonly user: string;
  /** `SHA256:…` of its host key. */
  readonly hostKey: string;
  /** A file to look at: rows with personal data. */
  readonly sample: string;
}

const programs = ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/opt/homebrew/sbin/sshd'];
const run = promisify(execFile);

/** The machine's sshd, which runs under its absolute path only. Undefined = there is none, or no ssh-keygen beside it. */
export function findSshd(isThere: (path: string) => boolean = isProgram): string | undefined {
  return ['/usr/bin', '/usr/local/bin', '/opt/homebrew/bin'].some((folder) => isThere(join(folder, 'ssh-keygen')))
    ? programs.find(isThere)
    : undefined;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch (error) {
    if (['ENOENT', 'EACCES', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

/**
 * Starts it as one of the children. It lets in nobody but those who show a certificate of `authorities`, and knows no password. Gives the reason when
 * it does not start: the demo goes on without.
 */
export async function startSshTarget(
  sshd: string,
  { layout, settings: { ports }, children }: Pick<StartContext, 'layout' | 'settings' | 'children'>,
  authorities: readonly string[],
): Promise<SshTarget | string> {
  const { sshHost } = layout;
  const port = ports.sshHost;
  mkdirSync(sshHost, { recursive: true, mode: 0o700 });
  const hostKey = join(sshHost, 'host_ed25519');
  if (!existsSync(hostKey)) await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'demo-ssh', '-f', hostKey]);
  const [, blob = ''] = readFileSync(`${hostKey}.pub`, 'utf8').split(' ');
  const trusted = join(sshHost, 'trusted_user_cas');
  writeStateFile(trusted, `${authorities.join('\n')}\n`);
  const config = join(sshHost, 'sshd_config');
  writeStateFile(config, settings(port, hostKey, trusted));
  const sample = join(sshHost, 'customers.csv');
  if (!existsSync(sample)) writeStateFile(sample, sampleRows());
  // The folder of its unprivileged half, which root's sshd does not start without.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const logFile = join(layout.logs, 'sshd.log');
  const child = await superviseChild({
    name: 'The demo host',
    command: sshd,
    args: ['-D', '-e', '-f', config],
    logFile,
  });
  const isUp = await becomesTrue(async () => (await settlesWithin(child.exited, 0)) || (await answers(port)), 10_000);
  if (!isUp || (await settlesWithin(child.exited, 0))) {
    const { logTail } = await child.stop();
    return `${sshd} does not start: ${logTail.trim().split('\n').at(-1) ?? ''}`;
  }
  children.add(child, logFile);
  const fingerprint = createHash('sha256').update(Buffer.from(blob, 'base64')).digest('base64').replace(/=+$/, '');
  return { port, user: userInfo().username, hostKey: `SHA256:${fingerprint}`, sample };
}

/** Is there somebody on a port of loopback? */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

function settings(port: number, hostKey: string, trusted: string): string {
  // Quotes: the path of a checkout may have blanks.
  return [
    ...['ListenAddress 127.0.0.1', `Port ${port}`, `HostKey "${hostKey}"`, 'PidFile none', 'UsePAM no', 'UseDNS no'],
    // The folder may lie below one that others can write to; it is closed itself.
    ...['StrictModes no', `TrustedUserCAKeys "${trusted}"`, 'AuthorizedKeysFile none', 'PermitRootLogin yes'],
    ...['PasswordAuthentication no', 'KbdInteractiveAuthentication no', 'Subsystem sftp internal-sftp'],
    ...['MaxSessions 200', 'MaxStartups 200', 'AcceptEnv LANG LC_*', 'PrintMotd no', 'PrintLastLog no', ''],
  ].join('\n');
}

/** Twenty of the shop's customers. */
function sampleRows(): string {
  const rows = ['name,email,card,ssn'];
  for (const { name, email, card, ssn } of generateCustomers(20)) rows.push([name, email, card, ssn].join(','));
  return `${rows.join('\n')}\n`;
}

/** The connection as the gateway's API takes it: signed in by Weir's certificates, with the host's key pinned. */
export function sshConnection({ port, user, hostKey }: SshTarget) {
  return {
    name: 'demo-ssh',
    agent: 'demo',
    labels: { env: 'demo' },
    target: { protocol: 'ssh', host: '127.0.0.1', port, user, auth: 'certificate', hostKeys: [hostKey] },
  } as const;
}

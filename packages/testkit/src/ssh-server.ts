import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { findFreePort } from '@weir/embedded-postgres';
import { isExecutable } from './commands.ts';
import { createSshKey, type SshKey, signSshKey } from './ssh-keys.ts';
import { createTemporaryFolder } from './temporary-folder.ts';

/** What a test may want of its SSH server. */
export interface SshServerOptions {
  /** Default: a free one. */
  readonly port?: number;
  /** Public keys (lines) that may sign in; more by `authorize`. */
  readonly authorizedKeys?: readonly string[];
  /** Public keys (lines) of the CAs whose user certificates sign in. */
  readonly trustedUserCAs?: readonly string[];
  /** Gives the host a certificate of this CA for `127.0.0.1` and `localhost`. */
  readonly hostAuthority?: SshKey;
  /** Default internal: sftp within sshd; external: the program sftp-server. */
  readonly sftp?: 'internal' | 'external';
  /** More lines of sshd_config(5); they win over ours. */
  readonly settings?: readonly string[];
}

/** The machine's real sshd, as the current user, on a port of 127.0.0.1. */
export interface SshServer {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** The one user who can sign in: the current one. */
  readonly user: string;
  /** Public host key (line without comment). */
  readonly hostKey: string;
  /** A known_hosts file with the host's key and, where there is one, its CA. */
  readonly knownHosts: string;
  /** Holds keys and settings; goes with `stop`. */
  readonly folder: string;
  /** Lets a public key (a line, options in front as in authorized_keys) sign in. */
  authorize(line: string): void;
  /** Takes these CAs (lines) for user certificates from now on, instead of those before. */
  trust(authorities: readonly string[]): void;
  /** What sshd has logged so far, level VERBOSE. */
  log(): string;
  /** Kills the processes of all connections at once, as a crash would; the listener goes on. */
  dropConnections(): void;
  /** Kills everything and keeps the folder: `start` brings it back on the same port with the same keys. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Kills everything and removes the folder; safe to call again. */
  stop(): Promise<void>;
}

const programs = ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/opt/homebrew/sbin/sshd'];
const sftpServers = ['/usr/lib/openssh/sftp-server', '/usr/libexec/openssh/sftp-server', '/usr/libexec/sftp-server'];

/** The machine's sshd (lane `openssh`); undefined = none. It runs under its absolute path only. */
export function findSshd(): string | undefined {
  return programs.find(isExecutable);
}

/** Starts sshd with keys of its own. Every kind of forwarding is on; sign-in is by key or certificate only. */
export async function startSshServer(options: SshServerOptions = {}): Promise<SshServer> {
  const sshd = findSshd();
  if (sshd === undefined) throw new Error(`no sshd at ${programs.join(', ')}`);
  const folder = createTemporaryFolder('weir-sshd', 0o755);
  const port = options.port ?? (await findFreePort());
  const hostKey = await createSshKey(folder.path, 'host_ed25519');
  const [algorithm = '', blob = ''] = hostKey.publicKey.split(' ');
  const authorized = join(folder.path, 'authorized_keys');
  const logFile = join(folder.path, 'log');
  const knownHosts = join(folder.path, 'known_hosts');
  writeFileSync(authorized, (options.authorizedKeys ?? []).map((line) => `${line}\n`).join(''));
  writeFileSync(logFile, '');
  const names = `[127.0.0.1]:${port},[localhost]:${port}`;
  const { hostAuthority } = options;
  const authority = hostAuthority === undefined ? '' : `@cert-authority ${names} ${hostAuthority.publicKey}\n`;
  writeFileSync(knownHosts, `${names} ${algorithm} ${blob}\n${authority}`);
  const config = join(folder.path, 'sshd_config');
  writeFileSync(config, `${(await settingsOf(options, folder.path, port, hostKey)).join('\n')}\n`);
  // sshd refuses to start as root without the folder of its unprivileged half.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });

  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    const started = spawn(sshd, ['-D', '-e', '-f', config], { stdio: ['ignore', 'ignore', 'pipe'] });
    child = started;
    started.stderr?.on('data', (bytes: Buffer) => appendFileSync(logFile, bytes));
    await listening(started, port, () => readFileSync(logFile, 'utf8'));
  };
  const kill = async (): Promise<void> => {
    const running = child;
    child = undefined;
    if (running?.pid === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => {
      running.once('exit', () => resolve());
    });
    killDescendants(running.pid);
    running.kill('SIGKILL');
    await ended;
  };
  try {
    await start();
  } catch (error) {
    await kill();
    folder.remove();
    throw error;
  }
  return {
    host: '127.0.0.1',
    ...{ port, knownHosts, start, kill },
    user: userInfo().username,
    hostKey: `${algorithm} ${blob}`,
    folder: folder.path,
    authorize: (line) => appendFileSync(authorized, `${line}\n`),
    trust: (authorities) => writeFileSync(join(folder.path, 'user_ca.pub'), `${authorities.join('\n')}\n`),
    log: () => readFileSync(logFile, 'utf8'),
    dropConnections: () => {
      if (child?.pid !== undefined) killDescendants(child.pid);
    },
    stop: async () => {
      await kill();
      folder.remove();
    },
  };
}

async function settingsOf(options: SshServerOptions, folder: string, port: number, hostKey: SshKey): Promise<string[]> {
  const { hostAuthority, trustedUserCAs = [], sftp = 'internal', settings = [] } = options;
  const lines = [
    // The first value of a setting is the one that counts.
    ...settings,
    ...['ListenAddress 127.0.0.1', `Port ${port}`, `HostKey ${hostKey.path}`, 'PidFile none', 'LogLevel VERBOSE'],
    ...['UsePAM no', 'StrictModes no', 'UseDNS no', 'PrintMotd no', 'PrintLastLog no', 'PermitRootLogin yes'],
    ...['PasswordAuthentication no', 'KbdInteractiveAuthentication no', `AuthorizedKeysFile ${folder}/authorized_keys`],
    ...['MaxSessions 1000', 'MaxStartups 1000', 'LoginGraceTime 30', 'AcceptEnv *'],
    ...['AllowTcpForwarding yes', 'AllowStreamLocalForwarding yes', 'AllowAgentForwarding yes', 'X11Forwarding yes'],
    ...['GatewayPorts clientspecified', 'StreamLocalBindUnlink yes'],
    // Whoever runs the tests has start-up files of his own, which may take seconds.
    `SetEnv HOME=${join(folder, 'home')}`,
  ];
  mkdirSync(join(folder, 'home'), { recursive: true });
  const external = sftpServers.find(isExecutable) ?? 'internal-sftp';
  lines.push(`Subsystem sftp ${sftp === 'internal' ? 'internal-sftp' : external}`);
  // It is read at each sign-in.
  writeFileSync(join(folder, 'user_ca.pub'), `${trustedUserCAs.join('\n')}\n`);
  lines.push(`TrustedUserCAKeys ${folder}/user_ca.pub`);
  if (hostAuthority !== undefined) {
    const principals = ['127.0.0.1', 'localhost'];
    const { line } = await signSshKey(hostAuthority, hostKey.publicKey, { principals, isHost: true });
    writeFileSync(join(folder, 'host_ed25519-cert.pub'), `${line}\n`);
    lines.push(`HostCertificate ${folder}/host_ed25519-cert.pub`);
  }
  return lines;
}

/** Resolves when the port answers; rejects with the log when sshd ends before, or after five seconds. */
async function listening(child: ChildProcess, port: number, log: () => string): Promise<void> {
  const deadline = Date.now() + 5000;
  while (Date.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null) break;
    if (await answers(port)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`sshd does not listen on port ${port}: ${log()}`);
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** Each connection is a session of its own to the system, so it is found by who started it (Linux: /proc). */
function killDescendants(root: number): void {
  const children = new Map<number, number[]>();
  for (const [pid, parent] of processes()) children.set(parent, [...(children.get(parent) ?? []), pid]);
  const found = [root];
  for (const pid of found) found.push(...(children.get(pid) ?? []));
  for (const pid of found.slice(1)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/** Number and parent's number of each process; proc(5), stat, fields 1 and 4. */
function processes(): [number, number][] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name): [number, number][] => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
        return [[Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])]];
      } catch (error) {
        if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
        throw error;
      }
    });
}

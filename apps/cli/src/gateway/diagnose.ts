import { execFile } from 'node:child_process';
import { isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { isWeirError } from '@weir/errors';
import type { Cli } from '../cli.ts';
import { configFolder } from '../profile/config-folder.ts';
import { permissionWarning } from '../profile/profile-store.ts';
import { type Gateway, resolveGateway } from '../profile/resolve-gateway.ts';
import { authorizerOf } from '../profile/stored-sign-in.ts';
import { installSsh } from '../ssh/require-ssh.ts';
import { failureOf } from '../terminal/failure.ts';
import { findProgram } from '../terminal/find-program.ts';
import { apiOf } from './api.ts';

/** One step of the diagnosis. `warning` is worth knowing and stops nothing. */
export interface DoctorStep {
  readonly name: string;
  readonly result: 'ok' | 'warning' | 'FAILED';
  readonly detail: string;
  readonly fix?: string;
  /** Exit status when it failed. */
  readonly status?: number;
}

/** More than this is worth a word: tokens and approvals have times. */
const maxSkewMs = 60_000;
const timeoutMs = 5_000;

/** Checks the way from the configuration to the agents; later steps that depend on a failed one are left out. */
export async function* diagnose(cli: Cli): AsyncGenerator<DoctorStep> {
  const warning = permissionWarning(configFolder(cli.env));
  if (warning !== undefined) yield { name: 'token file', result: 'warning', detail: warning };
  yield psqlStep(cli);
  yield await sshStep(cli);
  let gateway: Gateway;
  try {
    gateway = resolveGateway(cli);
  } catch (error) {
    return yield failed('configuration', error);
  }
  yield { name: 'configuration', result: 'ok', detail: `${gateway.api}, from ${gateway.source}` };
  try {
    yield* reach(cli, gateway);
  } catch (error) {
    return yield failed('gateway', error);
  }
  yield await frontStep(gateway);
  yield* signIn(cli, gateway);
}

async function* reach(cli: Cli, gateway: Gateway): AsyncGenerator<DoctorStep> {
  await apiOf(gateway).healthz();
  yield { name: 'gateway', result: 'ok', detail: `${gateway.api} answers and is healthy` };
  const response = await fetch(`${gateway.api}/healthz`, { signal: AbortSignal.timeout(timeoutMs) });
  await response.arrayBuffer();
  const theirs = Date.parse(response.headers.get('date') ?? '');
  if (Number.isNaN(theirs)) return;
  const skew = theirs - cli.now();
  const detail = `${(Math.abs(skew) / 1000).toFixed(0)} s ${skew < 0 ? 'behind' : 'ahead of'} yours`;
  if (Math.abs(skew) <= maxSkewMs)
    yield { name: 'clock', result: 'ok', detail: `the gateway's clock is at most 60 s off yours` };
  else
    yield {
      name: 'clock',
      result: 'warning',
      detail: `the gateway's clock is ${detail}`,
      fix: 'Synchronise both clocks (NTP).',
    };
}

async function frontStep({ front, ca }: Gateway): Promise<DoctorStep> {
  const name = 'front door';
  if (front === null || ca === null) {
    return { name, result: 'ok', detail: 'the gateway says where it is when a session opens' };
  }
  try {
    const detail = await handshake(front, ca);
    return { name, result: 'ok', detail };
  } catch (error) {
    const detail = `${front}: ${error instanceof Error ? error.message : String(error)}`;
    const fix = 'Check that the port is open for you, and that the CA is that of this gateway (weir login --ca FILE).';
    return { name, result: 'FAILED', detail, fix, status: 7 };
  }
}

function handshake(front: string, ca: string): Promise<string> {
  const { hostname, port } = new URL(`tls://${front}`);
  const host = hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      host,
      port: Number(port),
      ca,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ALPNProtocols: ['h2'],
      minVersion: 'TLSv1.3',
    });
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error('no answer in time')));
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      const until = socket.getPeerCertificate().valid_to;
      resolve(`${front}: ${socket.getProtocol() ?? 'TLS'}, certificate is the gateway's, valid until ${until}`);
      socket.end();
    });
  });
}

async function* signIn(cli: Cli, gateway: Gateway): AsyncGenerator<DoctorStep> {
  const authorizer = authorizerOf(cli, gateway);
  if (authorizer === undefined) {
    yield {
      name: 'sign-in',
      result: 'FAILED',
      detail: 'you are not signed in',
      fix: 'weir login',
      status: 4,
    };
    return;
  }
  const api = apiOf(gateway, authorizer);
  try {
    const { user, expiresAt } = await api.whoami();
    yield { name: 'sign-in', result: 'ok', detail: `${user}, until ${expiresAt}` };
  } catch (error) {
    return yield failed('sign-in', error);
  }
  try {
    const { agents, journal } = await api.status();
    for (const { name, online, version, lastSeenAt } of agents) {
      if (online) yield { name: `agent ${name}`, result: 'ok', detail: `online, version ${version ?? 'unknown'}` };
      else
        yield {
          name: `agent ${name}`,
          result: 'FAILED',
          detail: `offline, last seen ${lastSeenAt ?? 'never'}`,
          fix: 'Start it in its network: weir agent run --state FOLDER',
          status: 7,
        };
    }
    if (agents.length === 0)
      yield { name: 'agents', result: 'warning', detail: 'none has enrolled', fix: 'weir agent token NAME' };
    if (!journal.healthy)
      yield {
        name: 'evidence',
        result: 'FAILED',
        detail: 'the gateway cannot store evidence',
        fix: 'Free disk space at the gateway.',
        status: 7,
      };
  } catch (error) {
    yield failed('agents', error);
  }
}

function psqlStep(cli: Cli): DoctorStep {
  const found = findProgram(cli, 'psql');
  if (found !== undefined) return { name: 'psql', result: 'ok', detail: found };
  return {
    name: 'psql',
    result: 'warning',
    detail: 'not on PATH',
    fix: 'weir exec needs no client; for psql install the PostgreSQL client of your system.',
  };
}

async function sshStep(cli: Cli): Promise<DoctorStep> {
  const found = findProgram(cli, 'ssh');
  if (found === undefined) return { name: 'ssh', result: 'warning', detail: 'not on PATH', fix: installSsh };
  return { name: 'ssh', result: 'ok', detail: `${found}, ${await sshVersion(found)}` };
}

/** `ssh -V` writes `OpenSSH_9.2p1 …, OpenSSL …` to standard error. */
function sshVersion(program: string): Promise<string> {
  return new Promise((resolve) => {
    execFile(program, ['-V'], { timeout: timeoutMs }, (error, _stdout, stderr) => {
      resolve(error === null ? (stderr.split(/[\s,]/)[0] ?? '') : 'which does not say its version');
    });
  });
}

function failed(name: string, error: unknown): DoctorStep {
  if (!isWeirError(error)) {
    const { what, status } = failureOf(error);
    return { name, result: 'FAILED', detail: what, status };
  }
  const { what, why, fix, status } = failureOf(error);
  return { name, result: 'FAILED', detail: why ? `${what} ${why}` : what, ...(fix ? { fix } : {}), status };
}

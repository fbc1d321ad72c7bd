import type { KeyObject } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { isWeirError, WeirError } from '@weir/errors';
import type { SshHop, SshTarget } from '@weir/proto';
import ssh2, { type AnyAuthMethod, type Client, type ConnectConfig } from 'ssh2';
import { algorithmsFor } from './ssh-algorithms.ts';
import { continueWithCertificate } from './ssh-host-certificate.ts';
import { type HostKeyVerdict, hostKeyAlgorithms, judgeHostKey } from './ssh-host-key.ts';
import { keyLogin } from './ssh-key-login.ts';
import { readPrivateKey } from './ssh-private-key.ts';
import { prepareKeys } from './ssh2-internals.ts';

/** A signed-in connection to an SSH host. */
export interface DialledSsh {
  readonly client: Client;
  /** Fingerprint of the target's host key. */
  readonly hostKey: string;
  /** Identification of the target's software, without `SSH-2.0-`. */
  readonly serverVersion: string;
  /** Closes it and its jump hosts. */
  close(): void;
}

/** What a dial needs beside the target. */
export interface SshDialOptions {
  /** The password or private key; asked for when the host key is known to be right. @throws WeirError */
  readonly secret: () => Promise<string | null>;
  /** The key that user certificates are for. */
  readonly sshKey: KeyObject;
  /** ms for each host. */
  readonly timeoutMs: number;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Told after each step: tcp, host key, sign-in. */
  readonly onStep?: (step: { name: string; ok: boolean; detail: string }) => void;
}

/** Dials a host through its jump hosts, each one pinned and signed in at. @throws WeirError target_unavailable */
export async function dialSsh(target: SshTarget, options: SshDialOptions): Promise<DialledSsh> {
  const passed: Client[] = [];
  const close = () => {
    for (const client of [...passed].reverse()) client.end();
  };
  try {
    for (const hop of [...target.jumps, target].slice(0, -1))
      passed.push((await reach(hop, passed.at(-1), target, options)).client);
    const last = await reach(target, passed.at(-1), target, options);
    passed.push(last.client);
    return { ...last, close };
  } catch (error) {
    close();
    throw error;
  }
}

type Reached = Omit<DialledSsh, 'close'>;

/** A key that is not among the pins may have a brother of another kind that is: each kind is asked for before the host counts as another one. */
async function reach(
  hop: SshHop,
  through: Client | undefined,
  target: SshTarget,
  options: SshDialOptions,
): Promise<Reached> {
  let asked = hostKeyAlgorithms(hop);
  let first: WeirError | undefined;
  for (;;) {
    const attempt: Attempt = {
      hop,
      target,
      options,
      asked,
      verdict: undefined,
      isConnected: false,
      isFirst: first === undefined,
    };
    try {
      return await connect(attempt, await streamTo(hop, through, options));
    } catch (error) {
      const { verdict } = attempt;
      const kind = verdict?.isTrusted === false && hop.hostKeys.length > 0 ? verdict.type : undefined;
      first ??= isWeirError(error) ? error : undefined;
      asked = kind === undefined ? [] : asked.filter((name) => familyOf(name) !== familyOf(kind));
      if (asked.length > 0) continue;
      tell(attempt, first ?? error);
      throw first ?? error;
    }
  }
}

const familyOf = (algorithm: string) => /ed25519|ecdsa|rsa/.exec(algorithm)?.[0] ?? algorithm;

interface Attempt {
  readonly hop: SshHop;
  readonly target: SshTarget;
  readonly options: SshDialOptions;
  readonly asked: readonly string[];
  verdict: HostKeyVerdict | undefined;
  isConnected: boolean;
  /** Steps that went well are told once. */
  readonly isFirst: boolean;
}

/** The failed step. */
function tell({ hop, verdict, isConnected, options }: Attempt, error: unknown): void {
  const detail =
    isWeirError(error) && error.why !== undefined ? `${error.message}; ${error.why}` : String((error as Error).message);
  const name = verdict?.isTrusted ? `sign-in as ${hop.user}` : isConnected ? 'host key' : 'tcp';
  options.onStep?.({ name, ok: false, detail });
}

/** The way to a host behind a jump host. */
function streamTo(
  hop: SshHop,
  through: Client | undefined,
  { timeoutMs }: SshDialOptions,
): Promise<Duplex | undefined> {
  if (through === undefined) return Promise.resolve(undefined);
  return new Promise((resolve, reject) => {
    const late = setTimeout(
      () => reject(unreachable(hop, `the jump host did not reach it within ${timeoutMs} ms`)),
      timeoutMs,
    );
    through.forwardOut('127.0.0.1', 0, hop.host, hop.port, (error, stream) => {
      clearTimeout(late);
      if (error) reject(unreachable(hop, `the jump host does not reach it: ${error.message}`, error));
      else resolve(stream);
    });
  });
}

function connect(attempt: Attempt, sock: Duplex | undefined): Promise<Reached> {
  const { hop, target, options } = attempt;
  const client = new ssh2.Client();
  return new Promise<Reached>((resolve, reject) => {
    const state: { failure: Error | undefined } = { failure: undefined };
    const fail = (error: Error) => {
      state.failure ??= error;
      client.destroy();
      reject(state.failure);
    };
    const connected = () => {
      if (attempt.isConnected) return;
      attempt.isConnected = true;
      if (attempt.isFirst) options.onStep?.({ name: 'tcp', ok: true, detail: `${hop.host}:${hop.port}` });
    };
    const judge = (blob: Buffer): boolean => {
      connected();
      try {
        const verdict = judgeHostKey(hop, blob, options.now());
        const isFirst = attempt.verdict === undefined;
        attempt.verdict = verdict;
        if (!verdict.isTrusted) {
          state.failure = verdict.error;
          return false;
        }
        if (!blob.equals(verdict.key.blob)) continueWithCertificate(client, blob, verdict.key);
        if (isFirst) options.onStep?.({ name: 'host key', ok: true, detail: `${verdict.type} ${verdict.fingerprint}` });
        return true;
      } catch (cause) {
        state.failure = unreachable(hop, `its host key is not one that is taken: ${(cause as Error).message}`, cause);
        return false;
      }
    };
    const config: ConnectConfig = {
      ...(sock === undefined
        ? { host: hop.host, port: hop.port }
        : { sock: sock as NonNullable<ConnectConfig['sock']> }),
      username: hop.user,
      ident: 'Weir',
      readyTimeout: options.timeoutMs,
      keepaliveInterval: target.keepaliveSeconds * 1000,
      keepaliveCountMax: 3,
      algorithms: algorithmsFor(attempt.asked),
      hostVerifier: judge,
      authHandler: signInHandler(attempt, client, fail) as NonNullable<ConnectConfig['authHandler']>,
    };
    // Stays for the client's life: what happens later must not end the process.
    client.on('error', (error: Error & { level?: string }) => fail(state.failure ?? failureOf(hop, error)));
    client.on('close', () => fail(unreachable(hop, 'it closed the connection')));
    client.on('ready', () => {
      const { verdict } = attempt;
      if (!verdict?.isTrusted) return fail(unreachable(hop, 'its host key was not checked'));
      options.onStep?.({ name: `sign-in as ${hop.user}`, ok: true, detail: target.auth });
      client.setNoDelay(true);
      resolve({ client, hostKey: verdict.fingerprint, serverVersion: versionOf(client) });
    });
    prepareKeys(client);
    client.on('connect', connected);
    client.connect(config);
  });
}

const versionOf = (client: Client) => String((client as unknown as { _remoteVer?: string })._remoteVer ?? '');

/** Gives ssh2 the one way to sign in; what the host says to it is final. */
function signInHandler({ hop, target, options }: Attempt, client: Client, fail: (error: Error) => void) {
  let tries = 0;
  return (
    left: readonly string[] | null,
    _isPartial: boolean | null,
    next: (method: AnyAuthMethod | false) => void,
  ) => {
    tries += 1;
    const isQuestioned = target.auth === 'password' && tries === 2 && left?.includes('keyboard-interactive') === true;
    if (tries > 1 && !isQuestioned) return next(false);
    methodOf(hop, target, options, client, isQuestioned).then(next, fail);
    return undefined;
  };
}

async function methodOf(
  hop: SshHop,
  target: SshTarget,
  options: SshDialOptions,
  client: Client,
  isQuestioned: boolean,
): Promise<AnyAuthMethod> {
  const username = hop.user;
  if (target.auth === 'certificate') {
    const certificate = target.certificates?.[username];
    if (certificate === undefined)
      throw new WeirError('target_unavailable', `the gateway signed no certificate for the user ${username}`);
    return keyLogin(client, username, { key: options.sshKey, certificate: Buffer.from(certificate, 'base64') });
  }
  const secret = await options.secret();
  if (secret === null) throw new WeirError('target_unavailable', 'the connection has no secret to sign in with');
  if (target.auth === 'private-key') return keyLogin(client, username, { key: readPrivateKey(secret) });
  if (!isQuestioned) return { type: 'password', username, password: secret };
  return {
    type: 'keyboard-interactive',
    username,
    prompt: (_name, _instructions, _language, prompts, finish) =>
      finish(prompts.map(({ echo }) => (echo ? '' : secret))),
  };
}

function failureOf(hop: SshHop, error: Error & { level?: string }): WeirError {
  if (isWeirError(error)) return error;
  if (error.level === 'client-authentication') {
    return new WeirError('target_unavailable', `the host ${hop.host}:${hop.port} refused the sign-in of ${hop.user}`, {
      why: error.message,
      fix: 'An administrator checks the connection: weir connections test NAME',
      cause: error,
    });
  }
  if (error.level === 'client-timeout') return unreachable(hop, 'it did not answer in time', error);
  return unreachable(hop, error.message, error);
}

function unreachable({ host, port }: SshHop, why: string, cause?: unknown): WeirError {
  return new WeirError('target_unavailable', `the host ${host}:${port} cannot be reached: ${why}`, { why, cause });
}

import { createHash, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { WeirError } from '@weir/errors';
import type { PostgresTarget } from '@weir/proto';
import {
  createUpstreamLogin,
  type ErrorFields,
  encodeSslRequest,
  newestMinor,
  type UpstreamReady,
} from '@weir/wire-postgres';
import { connectTransient } from './transient-reads.ts';

/** A signed-in connection to a PostgreSQL target. */
export interface DialledPostgres {
  readonly socket: Socket;
  readonly ready: UpstreamReady;
  readonly isEncrypted: boolean;
}

/** What a dial needs beside the target. */
export interface DialOptions {
  readonly password: string | null;
  readonly parameters: Readonly<Record<string, string>>;
  /** ms for the whole dial. */
  readonly timeoutMs: number;
  /** Told after each step: connect, tls, sign-in. */
  readonly onStep?: (step: { name: string; ok: boolean; detail: string }) => void;
}

/** The target's own refusal at sign-in, with the fields that it sent. */
export class TargetRefusal extends Error {
  override readonly name = 'TargetRefusal';
  readonly fields: ErrorFields;
  /** The target does not take the protocol version; a lower one may do. */
  readonly isVersionRefused: boolean;
  constructor(fields: ErrorFields, isVersionRefused = false) {
    super(fields['M'] ?? 'the target refused the connection');
    this.fields = fields;
    this.isVersionRefused = isVersionRefused;
  }
}

/** Opens a connection, encrypted as the target's tls mode says, on which nothing has been said yet. @throws WeirError target_unavailable. */
export async function connectTarget(target: PostgresTarget, timeoutMs: number): Promise<Socket> {
  const tcp = await openTcp(target, timeoutMs, false);
  const timer = setTimeout(
    () => tcp.destroy(unavailable(target, `no answer to the TLS request within ${timeoutMs} ms`)),
    timeoutMs,
  );
  try {
    return await encrypt(tcp, target);
  } catch (error) {
    tcp.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Dials, encrypts as the target's tls mode says, and signs in: by the newest protocol version, or by 3.0 where the target takes no newer one at all.
 * @throws WeirError target_unavailable, TargetRefusal.
 */
export async function dialPostgres(target: PostgresTarget, options: DialOptions): Promise<DialledPostgres> {
  const where = `${target.host}:${target.port}`;
  let socket: Socket = await step(options, 'connect', where, () => openTcp(target, options.timeoutMs, true));
  const timer = setTimeout(
    () => socket.destroy(new WeirError('target_unavailable', `${where} did not answer within ${options.timeoutMs} ms`)),
    options.timeoutMs,
  );
  try {
    const tcp = socket;
    socket = await step(options, 'tls', target.tls.mode, () => encrypt(tcp, target));
    const detail = `user ${target.user}, database ${target.database}`;
    const ready = await step(options, 'sign-in', detail, async () => {
      try {
        return await signIn(socket, target, options);
      } catch (error) {
        if (!(error instanceof TargetRefusal && error.isVersionRefused)) throw error;
        socket = await connectTarget(target, options.timeoutMs);
        return await signIn(socket, target, options, 0);
      }
    });
    return { socket, ready, isEncrypted: 'encrypted' in socket };
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function step<T>(options: DialOptions, name: string, detail: string, run: () => Promise<T>): Promise<T> {
  try {
    const result = await run();
    options.onStep?.({ name, ok: true, detail });
    return result;
  } catch (error) {
    options.onStep?.({ name, ok: false, detail: error instanceof Error ? error.message : String(error) });
    throw error;
  }
}

const unavailable = (target: PostgresTarget, why: string, cause?: unknown) =>
  new WeirError('target_unavailable', `the target ${target.host}:${target.port} cannot be reached: ${why}`, {
    why,
    cause,
  });

/** `isRead`: somebody listens from the first byte on, which a socket that keeps nothing needs. */
function openTcp(target: PostgresTarget, timeoutMs: number, isRead: boolean): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const address = { host: target.host, port: target.port, noDelay: true };
    // Node's TLS reads from the socket below it in a way of its own.
    const socket = target.host.startsWith('/')
      ? connectTcp({ path: `${target.host}/.s.PGSQL.${target.port}` })
      : isRead && target.tls.mode === 'disable'
        ? connectTransient(address)
        : connectTcp(address);
    const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    socket.once('connect', () => {
      clearTimeout(timer);
      resolve(socket);
    });
    // Stays for the socket's life: each step tells its own failures, and a late one must not end the process.
    socket.on('error', (error) => {
      clearTimeout(timer);
      reject(unavailable(target, error.message, error));
    });
  });
}

async function encrypt(tcp: Socket, target: PostgresTarget): Promise<Socket> {
  const { mode, caFile } = target.tls;
  if (mode === 'disable' || target.host.startsWith('/')) return tcp;
  // Read first: between the target's answer and the handshake nothing may wait, or a failure would find nobody listening.
  const ca = caFile === undefined ? undefined : await readCaFile(caFile, target);
  const answer = await askForTls(tcp, target);
  if (answer === 'N') {
    if (mode === 'prefer') return tcp;
    throw unavailable(target, `it does not offer TLS, and the connection's tls mode is ${mode}`);
  }
  const options: ConnectionOptions = {
    socket: tcp,
    ALPNProtocols: ['postgresql'],
    rejectUnauthorized: mode === 'verify-ca' || mode === 'verify-full',
    ...(isIP(target.host) === 0 ? { servername: target.host } : {}),
    ...(ca === undefined ? {} : { ca }),
    ...(mode === 'verify-full' ? { host: target.host } : { checkServerIdentity: () => undefined }),
  };
  return new Promise((resolve, reject) => {
    const tls = connectTls(options, () => resolve(tls));
    tls.on('error', (error) => reject(unavailable(target, `TLS failed: ${error.message}`, error)));
    tls.once('close', () => reject(unavailable(target, 'TLS failed: it closed the connection')));
  });
}

function readCaFile(path: string, target: PostgresTarget): Promise<Buffer> {
  return readFile(path).catch((cause: Error) => {
    throw unavailable(target, `the CA file of the connection cannot be read: ${cause.message}`, cause);
  });
}

function askForTls(tcp: Socket, target: PostgresTarget): Promise<'S' | 'N'> {
  return new Promise((resolve, reject) => {
    const fail = (why: string, cause?: unknown) => {
      cleanUp();
      reject(unavailable(target, why, cause));
    };
    const onData = (chunk: Buffer) => {
      const answer = chunk.toString('latin1');
      if (answer !== 'S' && answer !== 'N') return fail('it answered the TLS request with something else');
      cleanUp();
      resolve(answer);
    };
    const onError = (error: Error) => fail(error.message, error);
    const onClose = () => fail('it closed the connection at the TLS request');
    const cleanUp = () => {
      tcp.off('data', onData).off('error', onError).off('close', onClose);
      tcp.pause();
    };
    if (tcp.destroyed) return fail('it closed the connection');
    tcp.on('data', onData).on('error', onError).on('close', onClose);
    tcp.write(encodeSslRequest());
  });
}

function signIn(
  socket: Socket,
  target: PostgresTarget,
  options: DialOptions,
  minor = newestMinor,
): Promise<UpstreamReady> {
  const endPointHash = 'encrypted' in socket ? tlsServerEndPointHash(socket as TLSSocket) : null;
  const login = createUpstreamLogin({
    user: target.user,
    database: target.database,
    password: options.password,
    parameters: options.parameters,
    minor,
    ...(endPointHash === null ? {} : { tlsServerEndPointHash: endPointHash }),
  });
  return new Promise((resolve, reject) => {
    const cleanUp = () => {
      socket.off('data', onData).off('error', onError).off('close', onClose);
      socket.pause();
    };
    const fail = (error: Error) => {
      cleanUp();
      socket.destroy();
      reject(error);
    };
    const onData = (chunk: Buffer) => {
      const step = login.receive(chunk);
      if (step.kind === 'failed') return fail(new TargetRefusal(step.error, step.isVersionRefused));
      if (step.send !== null) socket.write(step.send);
      if (step.kind === 'need-more') return;
      cleanUp();
      resolve(step);
    };
    const onError = (error: Error) => fail(unavailable(target, error.message, error));
    const onClose = () => fail(unavailable(target, 'it closed the connection during sign-in'));
    if (socket.destroyed) return onClose();
    socket.on('data', onData).on('error', onError).on('close', onClose);
    socket.resume();
    socket.write(login.start());
  });
}

/** Channel binding data tls-server-end-point (RFC 5929, section 4.1): the certificate's hash by its own signature algorithm, SHA-256 at least. */
function tlsServerEndPointHash(socket: TLSSocket): Buffer | null {
  const { raw } = socket.getPeerCertificate();
  if (!raw) return null;
  const algorithm = /sha(384|512)/i.exec(signatureAlgorithm(raw))?.[0]?.toLowerCase() ?? 'sha256';
  return createHash(algorithm).update(raw).digest();
}

function signatureAlgorithm(raw: Buffer): string {
  const { signatureAlgorithm: name } = new X509Certificate(raw) as X509Certificate & { signatureAlgorithm?: string };
  return name ?? '';
}

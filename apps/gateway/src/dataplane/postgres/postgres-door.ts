import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type SecureContext, TLSSocket } from 'node:tls';
import { isWeirError, WeirError } from '@weir/errors';
import {
  admitStartupParameters,
  encodeErrorResponse,
  encodeNegotiateProtocolVersion,
  fieldsOfWeirError,
  makeMockScramVerifier,
  parseFirstMessage,
  type StartupRequest,
} from '@weir/wire-postgres';
import type { ControlPlane, LiveSession } from '../ports.ts';
import type { CancelKeys } from './cancel-keys.ts';
import { authenticate } from './client-authentication.ts';
import { createStreamReader, type StreamReader } from './stream-reader.ts';

/** A client that has signed in and waits for its channel. */
export interface AdmittedClient {
  readonly session: LiveSession;
  readonly stream: Duplex;
  readonly clientAddress: string;
  /** Start-up parameters that passed the allow-list. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Minor version of protocol 3 that the client speaks. */
  readonly minor: number;
  /** Bytes that came behind the sign-in. */
  readonly early: Buffer;
}

/** What the door needs. */
export interface PostgresDoorOptions {
  readonly controlPlane: ControlPlane;
  readonly cancelKeys: CancelKeys;
  /** The certificate for SSLRequest; renewed certificates come with the next connection. */
  secureContext(): SecureContext;
  admit(client: AdmittedClient): void;
  /** Native TCP clients elsewhere than on loopback must use TLS. */
  readonly requireTls: boolean;
}

/** The front door for PostgreSQL clients: native TCP connections and byte streams of `weir connect` alike (D11). */
export interface PostgresDoor {
  native(socket: Socket): void;
  /** A stream whose token has been checked: the session is fixed, the password is asked all the same. */
  connected(session: LiveSession, stream: Duplex, clientAddress: string): void;
}

const maxStartupBytes = 20_000;
const signInTimeoutMs = 30_000;
/** How long a client may take to read why it was refused. */
const lingerMs = 5_000;

/** Creates the door. Every refusal reaches the client as a FATAL ErrorResponse and the audit log. */
export function createPostgresDoor(options: PostgresDoorOptions): PostgresDoor {
  const { controlPlane, cancelKeys } = options;
  const mockSecret = randomBytes(32);
  const mockVerifier = (user: string) => makeMockScramVerifier(user, mockSecret, 4096);

  const greet = async (visit: Visit): Promise<void> => {
    for (;;) {
      const first = await visit.reader.next(firstMessageOf);
      requireAlpn(visit);
      if (first.kind === 'cancel-request') {
        cancelKeys.request(first.processId, first.secretKey);
        visit.reader.release();
        hangUp(visit.stream);
        return;
      }
      if (first.kind === 'gssenc-request') declineGss(visit);
      else if (first.kind === 'ssl-request') encryptOnRequest(visit, options);
      else if (first.kind === 'direct-tls') encryptDirectly(visit, options);
      else return await admit(visit, first);
    }
  };

  const admit = async (visit: Visit, startup: StartupRequest): Promise<void> => {
    const user = startup.parameters['user'] ?? '';
    visit.user = user;
    if (startup.needsNegotiation)
      visit.stream.write(encodeNegotiateProtocolVersion(startup.spokenMinor, startup.protocolOptions));
    if (options.requireTls && visit.session === null && !visit.isEncrypted && !isLoopback(visit.clientAddress)) {
      throw new WeirError('sign_in_required', 'this port takes encrypted connections only', {
        fix: 'Connect with sslmode=require or stronger.',
      });
    }
    const session = visit.session ?? controlPlane.findByLogin(user);
    visit.sessionId = session?.id ?? null;
    await authenticate(
      visit.reader,
      visit.stream,
      session === null ? mockVerifier(user) : { ...session.verifier, isMock: false },
    );
    if (session === null) throw new WeirError('wrong_password', 'password authentication failed');
    const { admitted, refused } = admitStartupParameters(startup.parameters);
    const problem = refused[0];
    if (problem !== undefined)
      throw new WeirError('invalid_request', `start-up parameter "${problem.name}" is not allowed: ${problem.why}`, {
        fix: 'Remove it from the connection settings.',
      });
    checkDatabase(startup.parameters['database'] ?? user, session);
    // A client takes its time to sign in: the session may have ended since, or have other rules.
    const current = controlPlane.current(session.id);
    if (current === null) throw new WeirError('session_ended', `the session ${session.id} has ended`);
    const early = visit.reader.release();
    const { user: _user, database: _database, ...parameters } = admitted;
    const { stream, clientAddress } = visit;
    options.admit({ session: current, stream, clientAddress, parameters, minor: startup.spokenMinor, early });
  };

  const refuse = (visit: Visit, error: unknown) => {
    const weirError = isWeirError(error)
      ? error
      : new WeirError('internal', 'the connection could not be opened', { cause: error });
    visit.reader.release();
    const { user, clientAddress, sessionId } = visit;
    const what = weirError.code === 'wrong_password' ? 'sign-in' : 'startup';
    controlPlane.refused({ what, user, clientAddress, code: weirError.code, message: weirError.message, sessionId });
    hangUp(visit.stream, encodeErrorResponse(fieldsOfWeirError(weirError, 'FATAL')));
  };

  const begin = (stream: Duplex, clientAddress: string, session: LiveSession | null) => {
    const visit: Visit = {
      stream,
      reader: readerOf(stream),
      clientAddress,
      session,
      user: null,
      sessionId: session?.id ?? null,
      isEncrypted: false,
      directTls: null,
      asked: new Set(),
    };
    greet(visit).catch((error: unknown) => refuse(visit, error));
  };

  return {
    native(socket) {
      socket.setNoDelay(true);
      begin(socket, socket.remoteAddress ?? '', null);
    },
    connected: (session, stream, clientAddress) => begin(stream, clientAddress, session),
  };
}

/** One client on its way in. */
interface Visit {
  stream: Duplex;
  reader: StreamReader;
  readonly clientAddress: string;
  readonly session: LiveSession | null;
  user: string | null;
  sessionId: string | null;
  isEncrypted: boolean;
  /** TLS that began without a request. */
  directTls: TLSSocket | null;
  /** Requests for encryption that came; each may come once, in either order. */
  readonly asked: Set<'ssl' | 'gss'>;
}

/** Ends a connection that nobody listens to any more, also when its client does not close it. */
function hangUp(stream: Duplex, lastWords?: Buffer): void {
  stream.on('error', () => stream.destroy());
  // What still comes is thrown away: unread, it would hide the client's own end.
  stream.resume();
  if (lastWords === undefined) stream.end();
  else stream.end(lastWords);
  setTimeout(() => stream.destroy(), lingerMs).unref();
}

const readerOf = (stream: Duplex) =>
  createStreamReader(stream, { maxBytes: maxStartupBytes, timeoutMs: signInTimeoutMs });

/** Name of the protocol in a TLS hello (PostgreSQL 17, "SSL Session Encryption"). */
const alpn = 'postgresql';

/** A request for encryption may come once and before any other. Bytes behind it would be plaintext injected before the handshake: refused (CVE-2021-23214). */
function noteRequest(visit: Visit, kind: 'ssl' | 'gss'): void {
  if (visit.isEncrypted) throw new WeirError('protocol_violation', 'the connection is encrypted already');
  if (visit.asked.has(kind))
    throw new WeirError('protocol_violation', 'the client asked twice for the same encryption');
  visit.asked.add(kind);
  if (visit.reader.unread > 0)
    throw new WeirError('protocol_violation', 'unencrypted data came behind the request for encryption');
}

function declineGss(visit: Visit): void {
  noteRequest(visit, 'gss');
  visit.stream.write('N');
}

/** Answers an SSLRequest and goes on inside TLS. A stream of weir connect is encrypted on its way and declines. */
function encryptOnRequest(visit: Visit, options: PostgresDoorOptions): void {
  noteRequest(visit, 'ssl');
  if (visit.session !== null) {
    visit.stream.write('N');
    return;
  }
  visit.reader.release();
  visit.stream.write('S');
  beginTls(visit, options);
}

/** A TLS hello without SSLRequest (sslnegotiation=direct). */
function encryptDirectly(visit: Visit, options: PostgresDoorOptions): void {
  if (visit.session !== null || visit.isEncrypted || visit.asked.size > 0)
    throw new WeirError('protocol_violation', 'a TLS hello came where a start-up message had to come', {
      fix: 'On a port of weir connect use sslmode=disable: the way to the gateway is encrypted already.',
    });
  // The hello was read here, and is given back for the handshake.
  visit.stream.unshift(visit.reader.release());
  visit.directTls = beginTls(visit, options);
}

/** Without SSLRequest the client must name the protocol by ALPN: bytes that were meant for another protocol must not be read as this one. */
function requireAlpn({ directTls }: Visit): void {
  if (directTls !== null && directTls.alpnProtocol !== alpn)
    throw new WeirError('protocol_violation', `direct TLS needs the protocol "${alpn}" by ALPN`, {
      fix: 'Use a client that names it (libpq 17 or newer), or sslnegotiation=postgres.',
    });
}

function beginTls(visit: Visit, options: PostgresDoorOptions): TLSSocket {
  const secureContext = options.secureContext();
  const tls = new TLSSocket(visit.stream as Socket, { isServer: true, secureContext, ALPNProtocols: [alpn] });
  visit.stream = tls;
  visit.reader = readerOf(tls);
  visit.isEncrypted = true;
  return tls;
}

/** The connection fixes the database: its own name and the connection's are both welcome, any other is an error. */
function checkDatabase(database: string, session: LiveSession): void {
  if (session.target.protocol !== 'postgres') {
    throw new WeirError('not_found', `the connection ${session.connection.name} does not lead to PostgreSQL`, {
      fix: 'Use a client of its protocol.',
    });
  }
  if (database === session.target.database || database === session.connection.name) return;
  throw new WeirError(
    'not_found',
    `database "${database}" is not what the connection ${session.connection.name} leads to`,
    {
      fix: `Connect to database "${session.target.database}".`,
    },
  );
}

const isLoopback = (address: string) => address === '::1' || /^(::ffff:)?127\./.test(address);

type KnownFirstMessage = Exclude<ReturnType<typeof parseFirstMessage>, { kind: 'need-more' } | { kind: 'error' }>;

function firstMessageOf(bytes: Buffer): { value: KnownFirstMessage; used: number } | undefined {
  const first = parseFirstMessage(bytes);
  if (first.kind === 'need-more') return undefined;
  if (first.kind === 'error') throw first.error;
  return { value: first, used: first.kind === 'direct-tls' ? 0 : bytes.length - first.rest.length };
}

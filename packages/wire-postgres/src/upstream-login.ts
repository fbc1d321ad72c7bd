import { createHash, randomBytes } from 'node:crypto';
import { WeirError } from '@weir/errors';
import {
  encodePasswordMessage,
  encodeSaslInitialResponse,
  encodeSaslResponse,
  encodeStartupMessage,
} from './encode-frontend.ts';
import type { ErrorFields, TransactionStatus } from './engine-host.ts';
import { asFatal, fieldsOfThrown, parseParameterStatus, tryErrorFields, unreadableError } from './error-fields.ts';
import { newestMinor } from './first-message.ts';
import { readInt32 } from './integers.ts';
import { MessageReader } from './message-reader.ts';
import { createScramClient, type ScramClient } from './scram-client.ts';

/** Options of one sign-in at a target. */
export interface UpstreamLoginOptions {
  readonly user: string;
  readonly database: string;
  /** null = none is known: only `trust` and certificates work. */
  readonly password: string | null;
  /** Further start-up parameters; client_encoding is always UTF8. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Hash of the target's certificate (tls-server-end-point); its presence says that the connection is under TLS. */
  readonly tlsServerEndPointHash?: Buffer;
  /** May the password be sent in clear text when the target asks so? Default: under TLS only. */
  readonly allowCleartextPassword?: boolean;
  /** Minor version of protocol 3 to ask for; default the newest. A server that knows less says so by NegotiateProtocolVersion. */
  readonly minor?: number;
  /** SCRAM nonce; random by default. */
  readonly nonce?: string;
}

/** Where the sign-in stands after some bytes of the target. */
export type LoginStep =
  | { readonly kind: 'need-more'; readonly send: Buffer | null }
  | UpstreamReady
  /** `isVersionRefused`: the server takes no start-up of this version at all; another connection may ask for 3.0. */
  | { readonly kind: 'failed'; readonly error: ErrorFields; readonly isVersionRefused?: boolean };

/** The target is ready. */
export interface UpstreamReady {
  readonly kind: 'ready';
  /** Answers that the target did not wait for: it gets them before anything else, or it would take the first statement for one. */
  readonly send: Buffer | null;
  readonly parameterStatus: ReadonlyMap<string, string>;
  readonly processId: number;
  /** Opaque, 4..256 bytes; null when the target gave none (it cannot be cancelled then). */
  readonly secretKey: Buffer | null;
  readonly status: TransactionStatus;
  /** Minor version of protocol 3 that is spoken. */
  readonly minor: number;
  /** Bytes behind ReadyForQuery: feed them to the engine first. */
  readonly leftover: Buffer;
}

/** The client's side of a start-up, from StartupMessage to the first ReadyForQuery. */
export interface UpstreamLogin {
  /** StartupMessage. */
  start(): Buffer;
  receive(chunk: Buffer): LoginStep;
}

const maxMessageBytes = 1024 * 1024;
/** An empty slice would keep the whole chunk that it was cut from. */
const nothing: Buffer = Buffer.alloc(0);

type Failed = Extract<LoginStep, { kind: 'failed' }>;
type Ready = Omit<UpstreamReady, 'send'>;

const together = (sends: readonly Buffer[]): Buffer | null => (sends.length === 0 ? null : Buffer.concat(sends));

function refuse(message: string, why?: string): WeirError {
  return new WeirError('target_unavailable', message, why === undefined ? {} : { why });
}

/** Makes the sign-in at one target: trust, cleartext, md5, SCRAM-SHA-256 and SCRAM-SHA-256-PLUS. */
export function createUpstreamLogin(options: UpstreamLoginOptions): UpstreamLogin {
  const login = new Login(options);
  return {
    start: () =>
      encodeStartupMessage(
        { ...options.parameters, user: options.user, database: options.database, client_encoding: 'UTF8' },
        options.minor ?? newestMinor,
      ),
    receive(chunk) {
      try {
        return login.receive(chunk);
      } catch (error) {
        const fields = fieldsOfThrown(error, 'the sign-in at the target failed inside the gate');
        return { kind: 'failed', error: asFatal(fields) };
      }
    },
  };
}

class Login {
  readonly #options: UpstreamLoginOptions;
  readonly #parameterStatus = new Map<string, string>();
  #buffer: Buffer = nothing;
  #scram: ScramClient | null = null;
  #isSignatureChecked = false;
  #isAuthenticated = false;
  #processId = 0;
  #secretKey: Buffer | null = null;

  #minor: number;
  /** Nothing has come from the server yet: a negotiation may. */
  #isFirst = true;

  constructor(options: UpstreamLoginOptions) {
    this.#options = options;
    this.#minor = options.minor ?? newestMinor;
  }

  receive(chunk: Buffer): LoginStep {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    const sends: Buffer[] = [];
    for (;;) {
      const buffer = this.#buffer;
      if (buffer.length < 5) break;
      const length = readInt32(buffer, 1);
      if (length < 4 || length > maxMessageBytes)
        throw refuse('the target does not speak the PostgreSQL protocol', `a message length of ${length}`);
      if (buffer.length < 1 + length) break;
      this.#buffer = buffer.subarray(1 + length);
      const result = this.#message(String.fromCharCode(buffer[0]!), buffer.subarray(5, 1 + length));
      if (Buffer.isBuffer(result)) sends.push(result);
      else if (result?.kind === 'ready') return { ...result, send: together(sends) };
      else if (result !== null) return result;
    }
    return { kind: 'need-more', send: together(sends) };
  }

  #message(type: string, body: Buffer): Buffer | Failed | Ready | null {
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    switch (type) {
      case 'v':
        this.#negotiated(new MessageReader(body, 0, body.length), isFirst);
        return null;
      case 'R':
        return this.#authentication(new MessageReader(body, 0, body.length));
      case 'S': {
        const { name, value } = parseParameterStatus(body, 0, body.length);
        this.#parameterStatus.set(name, value);
        return null;
      }
      case 'K':
        this.#keyData(body);
        return null;
      case 'E': {
        const error = tryErrorFields(body, 0, body.length) ?? unreadableError;
        return { kind: 'failed', error, isVersionRefused: isFirst && this.#minor > 0 && refusesVersion(error) };
      }
      case 'N':
        return null;
      case 'Z':
        return this.#ready(body);
      default:
        throw refuse(
          'the target does not speak the PostgreSQL protocol',
          `message ${JSON.stringify(type)} during sign-in`,
        );
    }
  }

  /** The server speaks less than was asked for. We send no `_pq_.` options, so it can have nothing against one. */
  #negotiated(reader: MessageReader, isFirst: boolean): void {
    const version = reader.int32();
    const options = reader.int32();
    const minor = version & 0xffff;
    if (!isFirst || version >>> 16 !== 3 || minor >= this.#minor || options !== 0)
      throw refuse(
        'the target negotiates a protocol version that nobody asked for',
        `version ${version >>> 16}.${minor}`,
      );
    reader.finish();
    this.#minor = minor;
  }

  #keyData(body: Buffer): void {
    // Protocol 3.0 has keys of four bytes; since 3.2 a server chooses ("BackendKeyData").
    if (body.length < 8 || body.length > (this.#minor < 2 ? 8 : 260))
      throw refuse('the target sent a malformed cancel key');
    this.#processId = readInt32(body, 0);
    this.#secretKey = Buffer.from(body.subarray(4));
  }

  #ready(body: Buffer): Ready {
    const status = body.toString('latin1');
    if (!this.#isAuthenticated || (status !== 'I' && status !== 'T' && status !== 'E'))
      throw refuse('the target sent ReadyForQuery too early');
    const encoding = this.#parameterStatus.get('client_encoding');
    if (encoding !== undefined && encoding !== 'UTF8')
      throw refuse(`the target insists on client_encoding ${encoding}`, 'only UTF8 is supported');
    if (this.#parameterStatus.get('standard_conforming_strings') === 'off') {
      throw refuse('standard_conforming_strings is off for this role', 'statements are judged with standard strings');
    }
    return {
      ...{ kind: 'ready', status, minor: this.#minor, leftover: this.#buffer.length === 0 ? nothing : this.#buffer },
      ...{ parameterStatus: this.#parameterStatus, processId: this.#processId, secretKey: this.#secretKey },
    };
  }

  #password(): string {
    const { password } = this.#options;
    if (password === null) throw refuse('the target asks for a password and none is configured for this connection');
    return password;
  }

  #authentication(reader: MessageReader): Buffer | null {
    const code = reader.int32();
    switch (code) {
      case 0:
        reader.finish();
        if (this.#scram !== null && !this.#isSignatureChecked)
          throw refuse('the target ended SCRAM without proving that it knows the password');
        this.#isAuthenticated = true;
        return null;
      case 3: {
        const { allowCleartextPassword, tlsServerEndPointHash } = this.#options;
        if (!(allowCleartextPassword ?? tlsServerEndPointHash !== undefined)) {
          throw refuse('the target asks for the password in clear text on a connection without TLS');
        }
        return encodePasswordMessage(this.#password());
      }
      case 5:
        return encodePasswordMessage(md5Password(this.#options.user, this.#password(), reader.slice(4)));
      case 10:
        return this.#saslStart(reader);
      case 11:
      case 12:
        return this.#saslGoOn(code, reader.slice(reader.remaining));
      default:
        throw refuse('the target asks for a way to sign in that is not supported', `authentication request ${code}`);
    }
  }

  #saslStart(reader: MessageReader): Buffer {
    const mechanisms: string[] = [];
    for (let name = reader.cstring('latin1'); name !== ''; name = reader.cstring('latin1')) mechanisms.push(name);
    const { tlsServerEndPointHash, nonce = randomBytes(18).toString('base64') } = this.#options;
    const binding = tlsServerEndPointHash === undefined ? {} : { tlsServerEndPointHash };
    this.#scram = createScramClient({ password: this.#password(), nonce, mechanisms, ...binding });
    return encodeSaslInitialResponse(this.#scram.mechanism, this.#scram.first);
  }

  #saslGoOn(code: number, data: Buffer): Buffer | null {
    if (this.#scram === null) throw refuse('the target goes on with SASL that it did not begin');
    if (code === 11) return encodeSaslResponse(this.#scram.onServerFirst(data));
    this.#scram.onServerFinal(data);
    this.#isSignatureChecked = true;
    return null;
  }
}

/** Does a server (or a pooler before one) refuse the version itself? PostgreSQL before 9.3 and some poolers know no negotiation. */
function refusesVersion(error: ErrorFields): boolean {
  return /unsupported.*protocol|protocol.*(not supported|version)/i.test(error['M'] ?? '');
}

/** AuthenticationMD5Password: 'md5' + md5(md5(password + user) + salt). */
function md5Password(user: string, password: string, salt: Buffer): string {
  const inner = createHash('md5')
    .update(password + user)
    .digest('hex');
  return `md5${createHash('md5').update(inner).update(salt).digest('hex')}`;
}

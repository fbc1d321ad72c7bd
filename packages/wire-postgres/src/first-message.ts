import { WeirError } from '@weir/errors';
import { readInt32 } from './integers.ts';
import { MessageReader } from './message-reader.ts';

/** What a client's first bytes are. `rest` = bytes behind the message: after ssl-request and gssenc-request there must be none (they came in clear). */
export type FirstMessage =
  | { readonly kind: 'need-more' }
  | { readonly kind: 'ssl-request'; readonly rest: Buffer }
  | { readonly kind: 'gssenc-request'; readonly rest: Buffer }
  | { readonly kind: 'cancel-request'; readonly processId: number; readonly secretKey: Buffer; readonly rest: Buffer }
  | StartupRequest
  /** A TLS ClientHello without SSLRequest (PostgreSQL 17, ALPN "postgresql"). */
  | { readonly kind: 'direct-tls' }
  | { readonly kind: 'error'; readonly error: WeirError };

/** A StartupMessage. `needsNegotiation`: answer NegotiateProtocolVersion (`spokenMinor`, `protocolOptions`) before authentication. */
export interface StartupRequest {
  readonly kind: 'startup';
  readonly major: number;
  readonly minor: number;
  /** The minor version that both sides speak from now on: that of the client, at most our newest. */
  readonly spokenMinor: number;
  /** Without the `_pq_.` options. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Names of `_pq_.` options. */
  readonly protocolOptions: readonly string[];
  readonly needsNegotiation: boolean;
  readonly rest: Buffer;
}

/** The newest minor version of protocol 3 that is spoken here: PostgreSQL 18's, which knows longer cancel keys ("Protocol Versions"). */
export const newestMinor = 2;

/** The server's own bound (MAX_STARTUP_PACKET_LENGTH). */
const maxStartupBytes = 10_000;
const sslRequest = 80_877_103;
const gssencRequest = 80_877_104;
const cancelRequest = 80_877_102;
const needMore = { kind: 'need-more' } as const;

function broken(message: string, why?: string): FirstMessage {
  return { kind: 'error', error: new WeirError('protocol_violation', message, why === undefined ? {} : { why }) };
}

/** Looks at everything that a client has sent so far. Call it again with more bytes after need-more; it never needs more than 10,000. */
export function parseFirstMessage(buffer: Buffer): FirstMessage {
  if (buffer.length === 0) return needMore;
  if (buffer[0] === 0x16) return { kind: 'direct-tls' };
  // A length of at most 10,000 begins with two zero bytes: HTTP and other strangers are seen at their first byte.
  if (buffer[0] !== 0 || (buffer.length > 1 && buffer[1] !== 0)) {
    return broken('the first bytes are not a PostgreSQL start-up message', strangerHint(buffer));
  }
  if (buffer.length < 4) return needMore;
  const length = readInt32(buffer, 0);
  if (length < 8 || length > maxStartupBytes)
    return broken(`a start-up message of ${length} bytes; 8 to ${maxStartupBytes} are possible`);
  if (buffer.length < 8) return needMore;
  const code = readInt32(buffer, 4);
  const fixed = fixedLength(code, length);
  if (fixed !== null) return fixed;
  if (buffer.length < length) return needMore;
  const rest = buffer.subarray(length);
  if (code === sslRequest) return { kind: 'ssl-request', rest };
  if (code === gssencRequest) return { kind: 'gssenc-request', rest };
  if (code === cancelRequest) {
    return {
      kind: 'cancel-request',
      processId: readInt32(buffer, 8),
      secretKey: Buffer.from(buffer.subarray(12, length)),
      rest,
    };
  }
  return startup(buffer, code, length, rest);
}

function strangerHint(buffer: Buffer): string {
  return /^[A-Z]/.test(buffer.toString('latin1', 0, 1))
    ? 'it looks like HTTP or another text protocol'
    : 'the first byte is not that of a length';
}

/** Errors that the header alone shows. */
function fixedLength(code: number, length: number): FirstMessage | null {
  if ((code === sslRequest || code === gssencRequest) && length !== 8)
    return broken('an encryption request of wrong length');
  if (code === cancelRequest && (length < 16 || length > 12 + 256)) return broken('a cancel request of wrong length');
  if (code === sslRequest || code === gssencRequest || code === cancelRequest) return null;
  const major = code >>> 16;
  if (major !== 3)
    return broken(
      `protocol version ${major}.${code & 0xffff} is not supported`,
      `this port speaks protocol 3.0 to 3.${newestMinor}`,
    );
  return length < 9 ? broken('a start-up message without parameters') : null;
}

function startup(buffer: Buffer, code: number, length: number, rest: Buffer): FirstMessage {
  const parameters = new Map<string, string>();
  const protocolOptions: string[] = [];
  try {
    const reader = new MessageReader(buffer, 8, length);
    for (;;) {
      const name = reader.cstring('utf8');
      if (name === '') break;
      const value = reader.cstring('utf8');
      if (parameters.has(name)) return broken(`start-up parameter "${name}" is given twice`);
      if (name.startsWith('_pq_.')) protocolOptions.push(name);
      else parameters.set(name, value);
    }
    reader.finish();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return {
      kind: 'error',
      error: new WeirError('protocol_violation', 'a malformed start-up message', { why, cause: error }),
    };
  }
  const minor = code & 0xffff;
  const needsNegotiation = minor > newestMinor || protocolOptions.length > 0;
  return {
    kind: 'startup',
    major: 3,
    minor,
    spokenMinor: Math.min(minor, newestMinor),
    parameters: Object.fromEntries(parameters),
    protocolOptions,
    needsNegotiation,
    rest,
  };
}

/** One PasswordMessage / SASL response of a client that signs in (at most 10,000 bytes). */
export type PasswordFrame =
  | { readonly kind: 'need-more' }
  | { readonly kind: 'password'; readonly body: Buffer; readonly rest: Buffer }
  | { readonly kind: 'error'; readonly error: WeirError };

/** Cuts one 'p' message from the bytes of a client that signs in. */
export function parsePasswordFrame(buffer: Buffer): PasswordFrame {
  if (buffer.length === 0) return needMore;
  const stranger = (message: string): PasswordFrame => ({
    kind: 'error',
    error: new WeirError('protocol_violation', message),
  });
  if (buffer[0] !== 0x70) return stranger('the client sent another message than its password');
  if (buffer.length < 5) return needMore;
  const length = readInt32(buffer, 1);
  if (length < 4 || length > maxStartupBytes) return stranger(`a password message of ${length} bytes`);
  if (buffer.length < 1 + length) return needMore;
  return { kind: 'password', body: buffer.subarray(5, 1 + length), rest: buffer.subarray(1 + length) };
}

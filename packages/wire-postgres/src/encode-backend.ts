import type { ErrorFields, TransactionStatus } from './engine-host.ts';
import { MessageWriter } from './message-writer.ts';

function encodeFields(type: 'E' | 'N', fields: ErrorFields): Buffer {
  const writer = new MessageWriter(512).begin(type);
  // The server's own order; a client that stops at the first unknown code still has what it needs.
  for (const code of ['S', 'V', 'C', 'M']) {
    const value = fields[code];
    if (value !== undefined) writer.byte(code.charCodeAt(0)).cstring(value);
  }
  for (const [code, value] of Object.entries(fields)) {
    if (code.length === 1 && !'SVCM'.includes(code)) writer.byte(code.charCodeAt(0)).cstring(value);
  }
  return writer.byte(0).end().take();
}

/** ErrorResponse ('E'). */
export function encodeErrorResponse(fields: ErrorFields): Buffer {
  return encodeFields('E', fields);
}

/** NoticeResponse ('N'). */
export function encodeNoticeResponse(fields: ErrorFields): Buffer {
  return encodeFields('N', fields);
}

/** ParameterStatus ('S'). */
export function encodeParameterStatus(name: string, value: string): Buffer {
  return new MessageWriter().begin('S').cstring(name).cstring(value).end().take();
}

/** BackendKeyData ('K'). `secretKey` is 4 bytes in protocol 3.0, 4..256 since 3.2. */
export function encodeBackendKeyData(processId: number, secretKey: Uint8Array): Buffer {
  return new MessageWriter().begin('K').int32(processId).bytes(secretKey).end().take();
}

/** ReadyForQuery ('Z'). */
export function encodeReadyForQuery(status: TransactionStatus): Buffer {
  return new MessageWriter(8).begin('Z').byte(status.charCodeAt(0)).end().take();
}

function authentication(code: number, body: Uint8Array = Buffer.alloc(0)): Buffer {
  return new MessageWriter().begin('R').int32(code).bytes(body).end().take();
}

/** AuthenticationOk. */
export function encodeAuthenticationOk(): Buffer {
  return authentication(0);
}

/** AuthenticationCleartextPassword. */
export function encodeAuthenticationCleartextPassword(): Buffer {
  return authentication(3);
}

/** AuthenticationSASL with the mechanisms in order of preference. */
export function encodeAuthenticationSasl(mechanisms: readonly string[]): Buffer {
  return authentication(10, Buffer.from(`${mechanisms.map((name) => `${name}\0`).join('')}\0`, 'latin1'));
}

/** AuthenticationSASLContinue. */
export function encodeAuthenticationSaslContinue(data: Uint8Array): Buffer {
  return authentication(11, data);
}

/** AuthenticationSASLFinal. */
export function encodeAuthenticationSaslFinal(data: Uint8Array): Buffer {
  return authentication(12, data);
}

/**
 * NegotiateProtocolVersion ('v'): the version 3.`minor` that is spoken from now on, and the `_pq_.` options that we do not know. The number on the
 * wire is that of the whole version (3 << 16 | minor), as servers write and libpq reads it; the documentation says "minor".
 */
export function encodeNegotiateProtocolVersion(minor: number, unknownOptions: readonly string[]): Buffer {
  const writer = new MessageWriter()
    .begin('v')
    .int32((3 << 16) | minor)
    .int32(unknownOptions.length);
  for (const option of unknownOptions) writer.cstring(option);
  return writer.end().take();
}

/** CommandComplete ('C'). */
export function encodeCommandComplete(tag: string): Buffer {
  return new MessageWriter().begin('C').cstring(tag).end().take();
}

/** NotificationResponse ('A'). */
export function encodeNotificationResponse(processId: number, channel: string, payload: string): Buffer {
  return new MessageWriter().begin('A').int32(processId).cstring(channel).cstring(payload).end().take();
}

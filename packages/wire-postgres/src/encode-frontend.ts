import { MessageWriter } from './message-writer.ts';

/** StartupMessage of protocol 3.`minor` with its parameters (user first, as servers log it). */
export function encodeStartupMessage(parameters: Readonly<Record<string, string>>, minor = 0): Buffer {
  const writer = new MessageWriter().begin(null).int32((3 << 16) | minor);
  for (const [name, value] of Object.entries(parameters)) writer.cstring(name).cstring(value);
  return writer.byte(0).end().take();
}

/** SSLRequest; the server answers with one bare byte, S or N. */
export function encodeSslRequest(): Buffer {
  return new MessageWriter(8).begin(null).int32(80_877_103).end().take();
}

/** CancelRequest, on a connection of its own. `secretKey` as BackendKeyData gave it. */
export function encodeCancelRequest(processId: number, secretKey: Uint8Array): Buffer {
  return new MessageWriter().begin(null).int32(80_877_102).int32(processId).bytes(secretKey).end().take();
}

/** PasswordMessage ('p'), cleartext or md5 hash. */
export function encodePasswordMessage(password: string): Buffer {
  return new MessageWriter().begin('p').cstring(password).end().take();
}

/** SASLInitialResponse ('p'). */
export function encodeSaslInitialResponse(mechanism: string, data: Uint8Array): Buffer {
  return new MessageWriter().begin('p').cstring(mechanism).int32(data.length).bytes(data).end().take();
}

/** SASLResponse ('p'). */
export function encodeSaslResponse(data: Uint8Array): Buffer {
  return new MessageWriter().begin('p').bytes(data).end().take();
}

/** Query ('Q'). */
export function encodeQuery(text: string): Buffer {
  return new MessageWriter(text.length + 16).begin('Q').cstring(text).end().take();
}

/** Parse ('P'). */
export function encodeParse(name: string, text: string, parameterTypes: readonly number[] = []): Buffer {
  const writer = new MessageWriter(text.length + 64)
    .begin('P')
    .cstring(name)
    .cstring(text)
    .int16(parameterTypes.length);
  for (const oid of parameterTypes) writer.int32(oid);
  return writer.end().take();
}

/** What Bind carries beside the two names. */
export interface BindOptions {
  readonly parameters?: readonly (Uint8Array | null)[];
  readonly parameterFormats?: readonly number[];
  readonly resultFormats?: readonly number[];
}

/** Bind ('B'). */
export function encodeBind(portal: string, statement: string, options: BindOptions = {}): Buffer {
  const { parameters = [], parameterFormats = [], resultFormats = [] } = options;
  const writer = new MessageWriter().begin('B').cstring(portal).cstring(statement).int16(parameterFormats.length);
  for (const format of parameterFormats) writer.int16(format);
  writer.int16(parameters.length);
  for (const value of parameters) {
    if (value === null) writer.int32(-1);
    else writer.int32(value.length).bytes(value);
  }
  writer.int16(resultFormats.length);
  for (const format of resultFormats) writer.int16(format);
  return writer.end().take();
}

/** Describe ('D') of a statement ('S') or portal ('P'). */
export function encodeDescribe(target: 'S' | 'P', name: string): Buffer {
  return new MessageWriter().begin('D').byte(target.charCodeAt(0)).cstring(name).end().take();
}

/** Describe with a name given as its bytes. */
export function encodeDescribeBytes(target: 'S' | 'P', name: Uint8Array): Buffer {
  return new MessageWriter(name.length + 8).begin('D').byte(target.charCodeAt(0)).bytes(name).byte(0).end().take();
}

/** Execute ('E'); `maxRows` 0 = all. */
export function encodeExecute(portal: string, maxRows = 0): Buffer {
  return new MessageWriter().begin('E').cstring(portal).int32(maxRows).end().take();
}

/** Close ('C') of a statement or portal. */
export function encodeClose(target: 'S' | 'P', name: string): Buffer {
  return new MessageWriter().begin('C').byte(target.charCodeAt(0)).cstring(name).end().take();
}

/** Sync ('S'). */
export function encodeSync(): Buffer {
  return new MessageWriter(8).begin('S').end().take();
}

/** Flush ('H'). */
export function encodeFlush(): Buffer {
  return new MessageWriter(8).begin('H').end().take();
}

/** Terminate ('X'). */
export function encodeTerminate(): Buffer {
  return new MessageWriter(8).begin('X').end().take();
}

/** CopyData ('d'). */
export function encodeCopyData(data: Uint8Array): Buffer {
  return new MessageWriter(data.length + 8).begin('d').bytes(data).end().take();
}

/** CopyDone ('c'). */
export function encodeCopyDone(): Buffer {
  return new MessageWriter(8).begin('c').end().take();
}

/** CopyFail ('f'). */
export function encodeCopyFail(reason: string): Buffer {
  return new MessageWriter().begin('f').cstring(reason).end().take();
}

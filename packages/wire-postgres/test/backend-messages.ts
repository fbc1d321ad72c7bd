/** Server messages for scripted conversations. */
function message(type: string, body: Buffer): Buffer {
  const header = Buffer.alloc(5);
  header.write(type, 0, 'latin1');
  header.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([header, body]);
}
const int16 = (value: number) => Buffer.from([(value >> 8) & 0xff, value & 0xff]);
function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
export const parseComplete = message('1', Buffer.alloc(0));
export const bindComplete = message('2', Buffer.alloc(0));
export const closeComplete = message('3', Buffer.alloc(0));
export const noData = message('n', Buffer.alloc(0));
export const portalSuspended = message('s', Buffer.alloc(0));
export const emptyQuery = message('I', Buffer.alloc(0));
export const copyDone = message('c', Buffer.alloc(0));
export const rawMessage = message;

/** RowDescription of text columns. */
export function rowDescription(...names: string[]): Buffer {
  const fields = names.map((name) =>
    Buffer.concat([Buffer.from(`${name}\0`), int32(0), int16(0), int32(25), int16(-1), int32(-1), int16(0)]),
  );
  return message('T', Buffer.concat([int16(names.length), ...fields]));
}
/** ParameterDescription. */
export function parameterDescription(...types: number[]): Buffer {
  return message('t', Buffer.concat([int16(types.length), ...types.map(int32)]));
}
/** DataRow. */
export function dataRow(...values: (string | null)[]): Buffer {
  const cells = values.map((value) =>
    value === null ? int32(-1) : Buffer.concat([int32(Buffer.byteLength(value)), Buffer.from(value)]),
  );
  return message('D', Buffer.concat([int16(values.length), ...cells]));
}
/** CopyOutResponse ('H') or CopyInResponse ('G'). */
export function copyResponse(type: 'G' | 'H', format: number, columns: number): Buffer {
  return message(
    type,
    Buffer.concat([Buffer.from([format]), int16(columns), ...Array.from({ length: columns }, () => int16(format))]),
  );
}

import { FieldWriter, messageNumber } from '@weir/wire-ssh';

/** Numbers of messages that only the SSH connection itself has: lanes have credits instead of windows (RFC 4254, section 9; OpenSSH PROTOCOL, section 1.8). */
export const connectionNumber = { unimplemented: 3, windowAdjust: 93, ping: 192, pong: 193 } as const;

const taken = (fields: FieldWriter) => fields.take().subarray(4);

/** A message that says nothing but the channel, or the channel and one number. */
export function channelHead(number: number, channel: number, value?: number): Buffer {
  const bytes = Buffer.allocUnsafe(value === undefined ? 5 : 9);
  bytes[0] = number;
  bytes.writeUInt32BE(channel, 1);
  if (value !== undefined) bytes.writeUInt32BE(value, 5);
  return bytes;
}

/** Head of CHANNEL_DATA. */
export const dataHead = (channel: number, length: number): Buffer =>
  channelHead(messageNumber.channelData, channel, length);

/** Head of CHANNEL_EXTENDED_DATA. */
export function extendedDataHead(channel: number, code: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(13);
  bytes[0] = messageNumber.channelExtendedData;
  bytes.writeUInt32BE(channel, 1);
  bytes.writeUInt32BE(code, 5);
  bytes.writeUInt32BE(length, 9);
  return bytes;
}

/** CHANNEL_OPEN_CONFIRMATION. */
export const openConfirmation = (to: number, own: number, windowBytes: number, maxPacketBytes: number): Buffer =>
  taken(
    new FieldWriter(32)
      .byte(messageNumber.channelOpenConfirmation)
      .uint32(to)
      .uint32(own)
      .uint32(windowBytes)
      .uint32(maxPacketBytes),
  );

/** CHANNEL_OPEN_FAILURE. */
export const openFailureMessage = (to: number, reason: number, text: string): Buffer =>
  taken(
    new FieldWriter(64 + text.length)
      .byte(messageNumber.channelOpenFailure)
      .uint32(to)
      .uint32(reason)
      .text(text)
      .text(''),
  );

/** PONG with the data of a PING. */
export function pong(ping: Buffer): Buffer {
  const answer = Buffer.from(ping);
  answer[0] = connectionNumber.pong;
  return answer;
}

import { writeChannelRequest } from './channel-request.ts';
import { FieldWriter } from './field-writer.ts';
import { writeGlobalRequest, writeIncomingChannel } from './global-request.ts';
import { messageNumber } from './message-number.ts';
import type { ChannelRequest, GlobalRequest, SshMessage } from './messages.ts';

/** Head of a CHANNEL_DATA whose payload of `length` bytes follows as it is. */
export function encodeDataHead(length: number): Buffer {
  const head = Buffer.allocUnsafe(9);
  head.writeUInt32BE(5 + length, 0);
  head[4] = messageNumber.channelData;
  head.writeUInt32BE(length, 5);
  return head;
}

/** Likewise of a CHANNEL_EXTENDED_DATA; code 1 is stderr. */
export function encodeExtendedDataHead(code: number, length: number): Buffer {
  const head = Buffer.allocUnsafe(13);
  head.writeUInt32BE(9 + length, 0);
  head[4] = messageNumber.channelExtendedData;
  head.writeUInt32BE(code, 5);
  head.writeUInt32BE(length, 9);
  return head;
}

/** A whole message. Of data and extended-data that copies the payload: for bulk, send a head and the payload behind it. */
export function encodeMessage(message: SshMessage): Buffer {
  switch (message.type) {
    case 'data':
      return Buffer.concat([encodeDataHead(message.bytes.length), message.bytes]);
    case 'extended-data':
      return Buffer.concat([encodeExtendedDataHead(message.code, message.bytes.length), message.bytes]);
    case 'eof':
      return bare(messageNumber.channelEof);
    case 'close':
      return bare(messageNumber.channelClose);
    case 'success':
      return bare(messageNumber.channelSuccess);
    case 'failure':
      return bare(messageNumber.channelFailure);
    case 'request':
      return encodeRequest(message.request, message.wantReply);
    case 'global-request':
      return encodeGlobalRequest(message.request, message.wantReply);
    case 'request-success': {
      const fields = new FieldWriter(16).byte(messageNumber.requestSuccess);
      return (message.port === null ? fields : fields.uint32(message.port)).take();
    }
    case 'request-failure':
      return bare(messageNumber.requestFailure);
    case 'open': {
      const fields = new FieldWriter().byte(messageNumber.channelOpen).text(message.channel.type);
      writeIncomingChannel(fields.uint32(message.number), message.channel);
      return fields.take();
    }
    case 'open-confirmation':
      return bare(messageNumber.channelOpenConfirmation);
    case 'open-failure':
      return reasoned(messageNumber.channelOpenFailure, message.reason, message.text);
    case 'disconnect':
      return reasoned(messageNumber.disconnect, message.reason, message.text);
  }
}

/** CHANNEL_REQUEST (RFC 4254, section 5.4). */
export function encodeRequest(request: ChannelRequest, wantReply = false): Buffer {
  const type = request.name === 'other' ? request.type : request.name;
  const fields = new FieldWriter().byte(messageNumber.channelRequest).text(type).boolean(wantReply);
  writeChannelRequest(fields, request);
  return fields.take();
}

/** GLOBAL_REQUEST (RFC 4254, section 4). */
export function encodeGlobalRequest(request: GlobalRequest, wantReply: boolean): Buffer {
  const type = request.name === 'other' ? request.type : request.name;
  const fields = new FieldWriter().byte(messageNumber.globalRequest).text(type).boolean(wantReply);
  writeGlobalRequest(fields, request);
  return fields.take();
}

const bare = (number: number) => new FieldWriter(5).byte(number).take();

/** Reason, description and an empty language tag. */
const reasoned = (number: number, reason: number, text: string) =>
  new FieldWriter(32 + text.length).byte(number).uint32(reason).text(text).text('').take();

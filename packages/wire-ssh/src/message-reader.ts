import { WeirError } from '@weir/errors';
import { readChannelRequest } from './channel-request.ts';
import { FieldReader, NotUtf8, violation } from './field-reader.ts';
import { readGlobalRequest, readIncomingChannel } from './global-request.ts';
import { KeptBytes } from './kept-bytes.ts';
import { messageNumber } from './message-number.ts';
import type { SshMessage } from './messages.ts';

/** Largest message that is not data, bytes: a command of 256 KiB and its head. */
export const maxMessageBytes = 257 * 1024;

/** Cuts the bytes of a lane channel into messages. */
export interface MessageReader {
  /** Gives the next chunk; `next` must have returned null before. Slices of it are handed out. */
  push(chunk: Buffer): void;
  /**
   * @returns the next message or piece of data; null = the chunk is used up
   * @throws WeirError protocol_violation or message_too_large: the stream cannot be read any further
   */
  next(): SshMessage | null;
  /** Bytes of the current chunk that were not looked at. */
  readonly unread: number;
  /** The bytes so far end between two messages. */
  readonly isBetweenMessages: boolean;
}

/** Reads any split of the bytes; data is handed on as it comes, everything else when it is whole. */
export function createMessageReader(): MessageReader {
  return new Reader();
}

const none = Buffer.alloc(0);
/** Length, number, and what stands before the payload of data. */
const dataHeadBytes = 9;
const extendedHeadBytes = 13;

class Reader implements MessageReader {
  #chunk: Buffer = none;
  #at = 0;
  /** Head, or the whole message when it is not data, that is put together from several chunks. */
  readonly #kept = new KeptBytes();
  /** Payload that is outstanding. */
  #left = 0;
  /** Of its extended data; -1 = ordinary data. */
  #code = -1;

  push(chunk: Buffer): void {
    this.#chunk = chunk;
    this.#at = 0;
  }

  get unread(): number {
    return this.#chunk.length - this.#at;
  }

  get isBetweenMessages(): boolean {
    return this.#left === 0 && this.#kept.length === 0 && this.unread === 0;
  }

  next(): SshMessage | null {
    for (;;) {
      const available = this.#chunk.length - this.#at;
      if (available === 0) return null;
      if (this.#left > 0) return this.#piece(Math.min(this.#left, available));
      if (this.#kept.length > 0) {
        const wanted = this.#wanted();
        this.#at += this.#kept.take(this.#chunk, this.#at, wanted);
        if (this.#kept.length < wanted) return null;
        const whole = this.#kept.buffer.subarray(0, this.#kept.length);
        const used = this.#open(whole, 0, whole.length);
        if (used === null) continue;
        this.#kept.clear();
        if (used !== undefined) return used;
        continue;
      }
      const chunk = this.#chunk;
      const from = this.#at;
      const message = this.#open(chunk, from, chunk.length);
      if (message === null) {
        this.#kept.begin(chunk.subarray(from));
        this.#at = chunk.length;
      } else if (message !== undefined) return message;
    }
  }

  #piece(take: number): SshMessage {
    const bytes = this.#chunk.subarray(this.#at, this.#at + take);
    this.#at += take;
    this.#left -= take;
    return this.#code < 0 ? { type: 'data', bytes } : { type: 'extended-data', code: this.#code, bytes };
  }

  /** A message begins at `bytes[at]`. @returns it; undefined = the head of data; null = more of it is needed */
  #open(bytes: Buffer, at: number, end: number): SshMessage | undefined | null {
    if (end - at < 5) return null;
    const length = bytes.readUInt32BE(at);
    const number = bytes[at + 4] as number;
    if (length === 0) throw violation('an empty message');
    if (number === messageNumber.channelData || number === messageNumber.channelExtendedData) {
      const head = number === messageNumber.channelData ? dataHeadBytes : extendedHeadBytes;
      if (length < head - 4) throw violation('a message ends in the middle of a field');
      if (end - at < head) return null;
      const payload = bytes.readUInt32BE(at + head - 4);
      if (payload !== length - head + 4) throw violation('a message is longer or shorter than its fields');
      this.#left = payload;
      this.#code = head === dataHeadBytes ? -1 : bytes.readUInt32BE(at + 5);
      if (bytes === this.#chunk) this.#at = at + head;
      return undefined;
    }
    if (length > maxMessageBytes)
      throw new WeirError('message_too_large', `A message of ${length} bytes exceeds ${maxMessageBytes}.`);
    if (end - at < 4 + length) return null;
    if (bytes === this.#chunk) this.#at = at + 4 + length;
    return readMessage(number, new FieldReader(bytes, at + 5, at + 4 + length));
  }

  #wanted(): number {
    const { buffer: kept, length } = this.#kept;
    if (length < 5) return 5;
    const number = kept[4];
    if (number === messageNumber.channelData) return dataHeadBytes;
    if (number === messageNumber.channelExtendedData) return extendedHeadBytes;
    // `open` has checked the length.
    return 4 + kept.readUInt32BE(0);
  }
}

/** Reads a message that is not data. @throws WeirError protocol_violation */
function readMessage(number: number, fields: FieldReader): SshMessage {
  const message = readFields(number, fields);
  fields.finish();
  return message;
}

function readFields(number: number, fields: FieldReader): SshMessage {
  switch (number) {
    case messageNumber.channelEof:
      return { type: 'eof' };
    case messageNumber.channelClose:
      return { type: 'close' };
    case messageNumber.channelSuccess:
      return { type: 'success' };
    case messageNumber.channelFailure:
      return { type: 'failure' };
    case messageNumber.channelRequest: {
      const type = fields.text();
      const wantReply = fields.boolean();
      return { type: 'request', wantReply, request: orOther(type, fields, readChannelRequest) };
    }
    case messageNumber.globalRequest: {
      const type = fields.text();
      const wantReply = fields.boolean();
      return { type: 'global-request', wantReply, request: orOther(type, fields, readGlobalRequest) };
    }
    case messageNumber.requestSuccess:
      return { type: 'request-success', port: fields.left === 0 ? null : fields.uint32() };
    case messageNumber.requestFailure:
      return { type: 'request-failure' };
    case messageNumber.channelOpen: {
      const type = fields.text();
      const number = fields.uint32();
      return { type: 'open', number, channel: readIncomingChannel(type, fields) };
    }
    case messageNumber.channelOpenConfirmation:
      return { type: 'open-confirmation' };
    case messageNumber.channelOpenFailure:
      return { type: 'open-failure', ...readReason(fields) };
    case messageNumber.disconnect:
      return { type: 'disconnect', ...readReason(fields) };
    default:
      throw violation(`a message of the unknown number ${number}`);
  }
}

/** A request with a text that is not UTF-8 is known by its type only: nothing could judge it. */
function orOther<Request>(
  type: string,
  fields: FieldReader,
  read: (type: string, fields: FieldReader) => Request,
): Request | { name: 'other'; type: string; data: Buffer } {
  const data = fields.peekRest();
  try {
    return read(type, fields);
  } catch (error) {
    if (!(error instanceof NotUtf8)) throw error;
    fields.rest();
    return { name: 'other', type, data };
  }
}

function readReason(fields: FieldReader): { reason: number; text: string } {
  const reason = fields.uint32();
  const text = fields.text();
  fields.bytes(); // language
  return { reason, text };
}

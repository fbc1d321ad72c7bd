import { WeirError } from '@weir/errors';

/** Wire types of protobuf (encoding specification, "Message structure"). Groups (3, 4) are refused. */
export const wireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** Bytes that `value` (0 … 2^53 - 1) takes as a varint. */
export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++;
  return size;
}

/** Writes a varint (0 … 2^53 - 1) at `offset`. @returns the offset behind it. */
export function writeVarint(target: Buffer, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  while (rest >= 128) {
    target[at++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  target[at++] = rest;
  return at;
}

/** A message that does not decode: the stream that carried it cannot be trusted any more. */
export function malformed(why: string): WeirError {
  return new WeirError('protocol_violation', 'A tunnel message is malformed.', {
    why,
    fix: 'Check that gateway and agent run versions that belong together.',
  });
}

/** Reads the fields of one message in place. Every bound is checked before use. @throws WeirError protocol_violation */
export class WireReader {
  position: number;
  readonly end: number;
  readonly bytes: Buffer;

  constructor(bytes: Buffer, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.position = start;
    this.end = end;
  }

  /** An unsigned varint up to 2^53 - 1. */
  varint(): number {
    let value = 0;
    let factor = 1;
    for (let count = 0; count < 10; count++) {
      if (this.position >= this.end) throw malformed('A number is cut off.');
      const byte = this.bytes[this.position++] as number;
      value += (byte & 127) * factor;
      if (value > Number.MAX_SAFE_INTEGER) throw malformed('A number is larger than 2^53 - 1.');
      if (byte < 128) return value;
      factor *= 128;
    }
    throw malformed('A number is longer than 10 bytes.');
  }

  /** A length prefix. @returns where the content ends; the position is at its start. */
  contentEnd(): number {
    const length = this.varint();
    if (length > this.end - this.position) throw malformed('A length points behind the end of the message.');
    return this.position + length;
  }

  /** A bytes field as a slice of the message (no copy). */
  slice(): Buffer {
    const end = this.contentEnd();
    const content = this.bytes.subarray(this.position, end);
    this.position = end;
    return content;
  }

  /** Skips the content of an unknown field. */
  skip(type: number): void {
    if (type === wireType.varint) {
      this.skipVarint();
      return;
    }
    const end = type === wireType.bytes ? this.contentEnd() : this.position + this.fixedSize(type);
    if (end > this.end) throw malformed('A field is cut off.');
    this.position = end;
  }

  /** An unknown field may hold any 64-bit number. */
  private skipVarint(): void {
    for (let count = 0; count < 10; count++) {
      if (this.position >= this.end) throw malformed('A number is cut off.');
      if ((this.bytes[this.position++] as number) < 128) return;
    }
    throw malformed('A number is longer than 10 bytes.');
  }

  private fixedSize(type: number): number {
    if (type === wireType.fixed64) return 8;
    if (type === wireType.fixed32) return 4;
    throw malformed(`Wire type ${type} is not used by this contract.`);
  }
}

import { unreadable } from './refusal.ts';

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads the fields of a blob (RFC 4251, section 5). Lengths are checked before anything is taken; slices are not copied. */
export class BlobReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes that are read. */
  get position(): number {
    return this.#at;
  }

  get isDone(): boolean {
    return this.#at === this.#bytes.length;
  }

  byte(): number {
    return this.take(1)[0] as number;
  }

  uint32(): number {
    return this.take(4).readUInt32BE();
  }

  uint64(): bigint {
    return this.take(8).readBigUInt64BE();
  }

  bytes(): Buffer {
    return this.take(this.uint32());
  }

  /** @throws WeirError invalid_request unless it is UTF-8 without control characters */
  text(): string {
    return textOf(this.bytes());
  }

  /** A number that is not negative, without leading zeros. */
  positive(): Buffer {
    const bytes = this.bytes();
    const [first = 0, second = 0] = bytes;
    if (bytes.length === 0 || first >= 0x80) throw unreadable('a number is zero or negative');
    if (first !== 0) return bytes;
    if (bytes.length === 1 || second < 0x80) throw unreadable('a number is not written in its shortest form');
    return bytes.subarray(1);
  }

  take(length: number): Buffer {
    if (length > this.#bytes.length - this.#at) throw unreadable('it ends in the middle of a field');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** @throws WeirError invalid_request when something is left */
  finish(): void {
    if (!this.isDone) throw unreadable('it is longer than its fields');
  }
}

/** @throws WeirError invalid_request unless it is UTF-8 without control characters */
export function textOf(bytes: Uint8Array): string {
  let text: string;
  try {
    text = strict.decode(bytes);
  } catch (cause) {
    throw unreadable('a text is not UTF-8', cause);
  }
  if (/\p{Cc}/u.test(text)) throw unreadable('a text has control characters');
  return text;
}

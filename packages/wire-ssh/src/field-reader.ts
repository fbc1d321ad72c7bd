import { WeirError } from '@weir/errors';

/** What a peer sent breaks the protocol: its stream cannot be trusted any more. */
export function violation(why: string): WeirError {
  return new WeirError('protocol_violation', why, { fix: 'Check that both ends speak SSH.' });
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @returns the text; undefined when the bytes are not UTF-8 */
export function tryUtf8(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** A text of a message is not UTF-8. The message's borders are known all the same. */
export class NotUtf8 extends WeirError {
  constructor() {
    super('protocol_violation', 'a text is not UTF-8');
  }
}

/** Reads the fields of one message (RFC 4251, section 5). Lengths are checked before anything is taken. */
export class FieldReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;

  constructor(bytes: Buffer, start = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get position(): number {
    return this.#at;
  }

  get left(): number {
    return this.#end - this.#at;
  }

  byte(): number {
    return this.#bytes[this.#take(1)] as number;
  }

  boolean(): boolean {
    return this.byte() !== 0;
  }

  uint32(): number {
    return this.#bytes.readUInt32BE(this.#take(4));
  }

  /** A number beyond 2^53 becomes inexact, which no bound that is checked lets pass. */
  uint64(): number {
    const high = this.uint32();
    return high * 0x1_0000_0000 + this.uint32();
  }

  /** A slice, not a copy. */
  bytes(): Buffer {
    const length = this.uint32();
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** @throws NotUtf8 */
  text(): string {
    const text = tryUtf8(this.bytes());
    if (text === undefined) throw new NotUtf8();
    return text;
  }

  /** Everything that is left, which stays. */
  peekRest(): Buffer {
    return this.#bytes.subarray(this.#at, this.#end);
  }

  /** Everything that is left. */
  rest(): Buffer {
    const at = this.#take(this.left);
    return this.#bytes.subarray(at, this.#end);
  }

  /** @throws WeirError protocol_violation when the message is longer than its fields */
  finish(): void {
    if (this.#at !== this.#end) throw violation('a message is longer than its fields');
  }

  #take(length: number): number {
    const at = this.#at;
    if (length > this.#end - at) throw violation('a message ends in the middle of a field');
    this.#at = at + length;
    return at;
  }
}

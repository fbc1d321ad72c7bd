import { KeptBytes } from '../kept-bytes.ts';
import { packetType } from './packet.ts';

/** Largest packet that is put together, or passes, bytes (OpenSSH's own bound is 256 KiB). */
const maxPacketBytes = 1024 * 1024;
/** Longest handle (draft-ietf-secsh-filexfer-02, section 6.2). */
export const maxHandleBytes = 256;

/**
 * What the cutter found: nothing yet; a whole packet; the head of a bulk packet (WRITE or DATA), up to its payload; a piece of that payload; a
 * stream that is no sftp.
 */
export type CutEvent = 'need' | 'packet' | 'head' | 'piece' | 'broken';

const none = Buffer.alloc(0);

/**
 * Cuts a stream into packets, whatever its split. After an event, its bytes are `buffer[start, end)` until the next call of `next`. The payload of
 * bulk packets comes in the pieces in which it arrives.
 */
export class PacketCutter {
  type = 0;
  buffer: Buffer = none;
  start = 0;
  end = 0;
  /** head: bytes of payload that follow; piece: those still outstanding. */
  payload = 0;
  /** broken: why. */
  reason = '';
  readonly #bulk: number;
  #chunk: Buffer = none;
  #at = 0;
  readonly #kept = new KeptBytes();
  /** The head that was just found: its packet is to be put together. */
  #wantsWhole = false;

  /** @param bulk the type whose payload comes in pieces */
  constructor(bulk: typeof packetType.write | typeof packetType.data) {
    this.#bulk = bulk;
  }

  /** Gives the next chunk; the one before must be used up. */
  push(chunk: Buffer): void {
    this.#chunk = chunk;
    this.#at = 0;
  }

  /** After `head`: gives the whole packet instead of pieces. */
  collect(): void {
    const { buffer, start, end } = this;
    this.payload = 0;
    this.#wantsWhole = true;
    if (buffer === this.#chunk) {
      // The head lies in the chunk: the packet is opened again, as a whole.
      this.#at = start;
      return;
    }
    this.#kept.begin(buffer.subarray(start, end));
  }

  next(): CutEvent {
    for (;;) {
      const available = this.#chunk.length - this.#at;
      if (this.payload > 0 && available > 0) return this.#piece(Math.min(this.payload, available));
      if (this.#kept.length > 0) {
        const wanted = this.#wanted();
        this.#at += this.#kept.take(this.#chunk, this.#at, wanted);
        if (this.#kept.length < wanted) return 'need';
        const event = this.#open(this.#kept.buffer, 0, this.#kept.length);
        if (event === 'need') continue;
        this.#kept.clear();
        return event;
      }
      if (available === 0) return 'need';
      const event = this.#open(this.#chunk, this.#at, this.#chunk.length);
      if (event !== 'need') return event;
      this.#kept.begin(this.#chunk.subarray(this.#at));
      this.#at = this.#chunk.length;
    }
  }

  #piece(take: number): 'piece' {
    this.buffer = this.#chunk;
    this.start = this.#at;
    this.end = this.#at + take;
    this.#at += take;
    this.payload -= take;
    return 'piece';
  }

  /** A packet begins at `buffer[at]`. @returns need when more of it has to be there */
  #open(buffer: Buffer, at: number, end: number): CutEvent {
    if (end - at < 5) return 'need';
    const length = buffer.readUInt32BE(at);
    const type = buffer[at + 4] as number;
    if (length < 1 || length > maxPacketBytes) {
      this.reason = `a packet of ${length} bytes`;
      return 'broken';
    }
    this.type = type;
    const whole = 4 + length;
    if (type === this.#bulk && !this.#wantsWhole) return this.#openBulk(buffer, at, end, length);
    if (end - at < whole) return 'need';
    this.#wantsWhole = false;
    return this.#found('packet', buffer, at, at + whole);
  }

  #openBulk(buffer: Buffer, at: number, end: number, length: number): CutEvent {
    const head = length < 9 ? -1 : this.#headLength(buffer, at, end);
    if (head > 4 + length || head < 0) {
      this.reason = 'a packet that ends in the middle of a field';
      return 'broken';
    }
    if (end - at < head || head === 0) return 'need';
    const payload = buffer.readUInt32BE(at + head - 4);
    if (head + payload !== 4 + length) {
      this.reason = 'a packet that is longer or shorter than its fields';
      return 'broken';
    }
    this.payload = payload;
    return this.#found('head', buffer, at, at + head);
  }

  #found<Event extends CutEvent>(event: Event, buffer: Buffer, start: number, end: number): Event {
    this.buffer = buffer;
    this.start = start;
    this.end = end;
    if (buffer === this.#chunk) this.#at = end;
    return event;
  }

  /** Bytes from a bulk packet's length up to its payload; 0 = not known yet, -1 = it cannot be one. */
  #headLength(buffer: Buffer, at: number, end: number): number {
    if (this.#bulk === packetType.data) return 13;
    if (end - at < 13) return 0;
    const handle = buffer.readUInt32BE(at + 9);
    return handle > maxHandleBytes ? -1 : 13 + handle + 12;
  }

  #wanted(): number {
    const { buffer: kept, length } = this.#kept;
    if (length < 5) return 5;
    // `open` has checked the length.
    const whole = 4 + kept.readUInt32BE(0);
    if (kept[4] !== this.#bulk || this.#wantsWhole) return whole;
    const head = this.#headLength(kept, 0, length);
    return Math.min(whole, head === 0 ? 13 : head);
  }
}

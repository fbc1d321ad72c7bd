import { Collector } from './collector.ts';
import { readInt32 } from './integers.ts';

/** Bounds on client messages, in bytes. */
export interface FrameLimits {
  /** Largest Bind that is put together; a larger one comes in parts. */
  readonly wholeBindBytes: number;
  /** Query and Parse. */
  readonly maxTextBytes: number;
}

/**
 * What the framer found: nothing yet; a whole message; a part of a CopyData message or of a large Bind; a message too big for its kind (skipped); a
 * broken stream.
 */
export type FrameEvent = 'need' | 'message' | 'copy' | 'bind' | 'oversize' | 'broken';

/** Names in Describe, Execute, Close; the reason in CopyFail. */
const maxNameBytes = 65_536;
/** The server's own bound (PQ_LARGE_MESSAGE_LIMIT). */
const maxMessageBytes = 0x3fff_ffff;
const copyData = 0x64;
const bind = 0x42;

/** Cuts the client's bytes into messages. After an event its fields describe the message; they stay until the next call of `next`. */
export class ClientFramer {
  type = 0;
  /** The message (or part) is `buffer[frameStart, end)`; its body begins at `start`. */
  buffer: Buffer = Buffer.alloc(0);
  frameStart = 0;
  start = 0;
  end = 0;
  /** copy, bind: this part begins a message. */
  isFirst = false;
  /** copy, bind: this part ends a message. */
  get isLast(): boolean {
    return this.#left === 0;
  }
  /** broken: why. */
  reason = '';
  readonly #limits: FrameLimits;
  readonly #collector = new Collector();
  readonly #header = Buffer.alloc(5);
  #headerHave = 0;
  #chunk: Buffer = Buffer.alloc(0);
  #at = 0;
  #left = 0;
  /** What happens to the bytes that are left. */
  #mode: 'copy' | 'bind' | 'skip' = 'skip';

  constructor(limits: FrameLimits) {
    this.#limits = limits;
  }

  /** Gives the next chunk; the one before must be used up. */
  push(chunk: Buffer): void {
    this.#chunk = chunk;
    this.#at = 0;
  }

  /** Bytes of the current chunk that were not looked at. */
  get unread(): number {
    return this.#chunk.length - this.#at;
  }

  next(): FrameEvent {
    for (;;) {
      if (this.#at >= this.#chunk.length) return 'need';
      if (this.#collector.isOpen) {
        this.#at += this.#collector.add(this.#chunk, this.#at);
        const whole = this.#collector.takeComplete();
        if (whole === null) return 'need';
        return this.#found(whole, 0, whole.length);
      }
      if (this.#left > 0) {
        const part = this.#part();
        if (part !== null) return part;
        continue;
      }
      const event = this.#open();
      if (event !== null) return event;
    }
  }

  /** Goes on in a message that is passed or skipped. */
  #part(): 'copy' | 'bind' | null {
    const from = this.#at;
    const take = Math.min(this.#left, this.#chunk.length - from);
    this.#left -= take;
    this.#at += take;
    if (this.#mode === 'skip') return null;
    this.isFirst = false;
    this.buffer = this.#chunk;
    this.frameStart = from;
    this.start = from;
    this.end = from + take;
    return this.#mode;
  }

  #open(): FrameEvent | null {
    const chunk = this.#chunk;
    const at = this.#at;
    if (this.#headerHave === 0 && chunk.length - at >= 5) return this.#classify(chunk, at, chunk.length);
    const take = Math.min(5 - this.#headerHave, chunk.length - at);
    chunk.copy(this.#header, this.#headerHave, at, at + take);
    this.#headerHave += take;
    this.#at += take;
    if (this.#headerHave < 5) return 'need';
    this.#headerHave = 0;
    return this.#classify(Buffer.from(this.#header), 0, 5);
  }

  /** A header is at `buffer[at]`; bytes up to `available` are there. The chunk's position moves only when the header lies in the chunk. */
  #classify(buffer: Buffer, at: number, available: number): FrameEvent | null {
    const type = buffer[at]!;
    const length = readInt32(buffer, at + 1);
    const limit = this.#limitOf(type);
    this.type = type;
    if (limit < 0) return this.#broken(`unknown message type 0x${type.toString(16).padStart(2, '0')}`);
    if (length < 4) return this.#broken(`message length ${length}`);
    const frameEnd = at + 1 + length;
    const inChunk = buffer === this.#chunk;
    if (length > maxMessageBytes)
      return this.#broken(`a message of ${length} bytes; at most ${maxMessageBytes} are possible`);
    if (type === copyData) return this.#openParts('copy', buffer, at, Math.min(frameEnd, available), frameEnd);
    if (type === bind && length - 4 > limit)
      return this.#openParts('bind', buffer, at, Math.min(frameEnd, available), frameEnd);
    if (limit === 0 && length !== 4) return this.#broken(`message length ${length}`);
    if (length - 4 > limit) return this.#oversize(inChunk ? at + 5 : this.#at, length - 4);
    if (frameEnd <= available) {
      if (inChunk) this.#at = frameEnd;
      return this.#found(buffer, at, frameEnd);
    }
    this.#collector.begin(1 + length, buffer, at, available);
    if (inChunk) this.#at = available;
    return null;
  }

  #openParts<Mode extends 'copy' | 'bind'>(
    mode: Mode,
    buffer: Buffer,
    at: number,
    end: number,
    frameEnd: number,
  ): Mode {
    if (buffer === this.#chunk) this.#at = end;
    this.#left = frameEnd - end;
    this.#mode = mode;
    this.isFirst = true;
    this.buffer = buffer;
    this.frameStart = at;
    this.start = at + 5;
    this.end = end;
    return mode;
  }

  #oversize(at: number, left: number): FrameEvent {
    this.#at = at;
    this.#left = left;
    this.#mode = 'skip';
    return 'oversize';
  }

  #found(buffer: Buffer, frameStart: number, end: number): 'message' {
    this.buffer = buffer;
    this.frameStart = frameStart;
    this.start = frameStart + 5;
    this.end = end;
    return 'message';
  }

  #broken(reason: string): 'broken' {
    this.reason = reason;
    return 'broken';
  }

  /** Largest body by type; -1 = a type that no client may send here. */
  #limitOf(type: number): number {
    switch (String.fromCharCode(type)) {
      case 'Q':
      case 'P':
        return this.#limits.maxTextBytes;
      case 'B':
        return this.#limits.wholeBindBytes;
      case 'F':
      case 'D':
      case 'E':
      case 'C':
      case 'f':
        return maxNameBytes;
      case 'S':
      case 'H':
      case 'c':
      case 'X':
      case 'd':
        return 0;
      default:
        return -1;
    }
  }
}

import { WeirError } from '@weir/errors';
import { Collector } from './collector.ts';
import type { EngineState } from './engine-state.ts';
import { fieldsOfThrown } from './error-fields.ts';
import { readInt32 } from './integers.ts';
import { Result, type RowMode } from './result.ts';
import { ServerDispatch } from './server-dispatch.ts';
import type { WideRow } from './wide-row.ts';

const dataRow = 0x44;
const copyData = 0x64;
/** Everything but rows and COPY data: descriptions, errors, notices. */
const maxControlBytes = 16 * 1024 * 1024;
/** A row that is only looked at for the record is not put together beyond this; it is relayed unseen. */
const maxSampledBytes = 65_536;

/** Bounds of what is held of a row with masked cells, in bytes; see EngineOptions. */
export interface RowLimits {
  readonly wholeRowBytes: number;
  readonly maxHeldBytes: number;
}

/** The server's half of an engine: cuts its bytes into messages; rows that need no change are relayed as they come, whatever their size. */
export class ServerSide {
  readonly #state: EngineState;
  readonly #limits: RowLimits;
  readonly #result: Result;
  readonly #dispatch: ServerDispatch;
  readonly #collector = new Collector();
  readonly #header = Buffer.alloc(5);
  #headerHave = 0;
  /** Bytes of a streamed message that have not come yet, and what happens to them. */
  #left = 0;
  #leftMode: RowMode = 'closed';
  #wide: WideRow | null = null;

  constructor(state: EngineState, limits: RowLimits) {
    this.#state = state;
    this.#limits = limits;
    this.#result = new Result(state);
    this.#dispatch = new ServerDispatch(state, this.#result, limits.maxHeldBytes);
  }

  feed(chunk: Buffer): void {
    try {
      this.#feed(chunk);
    } catch (error) {
      this.#state.fail(fieldsOfThrown(error, 'the gate failed on an answer of the target'));
    }
  }

  #feed(chunk: Buffer): void {
    const state = this.#state;
    const end = chunk.length;
    let at = 0;
    while (at < end && !state.hasEnded) {
      if (this.#left > 0) at = this.#goOn(chunk, at, end);
      else if (this.#collector.isOpen) at = this.#collect(chunk, at);
      else if (this.#headerHave > 0 || end - at < 5) at = this.#splitHeader(chunk, at, end);
      else if (chunk[at] === dataRow && this.#result.mode === 'relay' && !this.#dispatch.isCopying)
        at = this.#relayRows(chunk, at, end);
      else at = this.#open(chunk, at, end);
    }
  }

  /** The inner loop: whole rows that need no change. */
  #relayRows(chunk: Buffer, start: number, end: number): number {
    let at = start;
    let rows = 0;
    let bytes = 0;
    const { rowsLeft: limit, meter } = this.#result;
    const rowsLeft = meter === null ? limit : Math.min(limit, meter.rowsLeft);
    const bytesLeft = meter === null ? Number.POSITIVE_INFINITY : meter.bytesLeft;
    while (at + 5 <= end && chunk[at] === dataRow && rows < rowsLeft) {
      const length = readInt32(chunk, at + 1);
      const next = at + 1 + length;
      if (length < 4 || next > end || bytes + length - 4 > bytesLeft) break;
      bytes += length - 4;
      rows++;
      at = next;
    }
    if (rows === 0) return this.#open(chunk, at, end);
    const entry = this.#state.queue.head()!;
    entry.rows += rows;
    entry.bytes += bytes;
    this.#result.rowsLeft -= rows;
    meter?.took(rows, bytes);
    this.#state.toClient.relay(chunk, start, at);
    return at;
  }

  #splitHeader(chunk: Buffer, at: number, end: number): number {
    const take = Math.min(5 - this.#headerHave, end - at);
    chunk.copy(this.#header, this.#headerHave, at, at + take);
    this.#headerHave += take;
    if (this.#headerHave === 5) {
      this.#headerHave = 0;
      this.#open(Buffer.from(this.#header), 0, 5);
    }
    return at + take;
  }

  /** A header is at `buffer[at]`; the message is handled if it ends before `available`. @returns the position behind what was taken */
  #open(buffer: Buffer, at: number, available: number): number {
    const type = buffer[at]!;
    const length = readInt32(buffer, at + 1);
    if (length < 4) throw new WeirError('protocol_violation', `the target sent a message of length ${length}`);
    if (type === dataRow || type === copyData) {
      this.#dispatch.beforeData(type === dataRow, length);
      const mode = streamModeOf(this.#result.mode, length, this.#limits.wholeRowBytes);
      if (mode !== null) return this.#openStream(buffer, at, available, length, mode);
    }
    const frameEnd = at + 1 + length;
    if (frameEnd <= available) {
      this.#dispatch.message(type, buffer, at, frameEnd);
      return frameEnd;
    }
    if (length > maxControlBytes)
      throw new WeirError(
        'message_too_large',
        `the target sent a message of ${length} bytes that has to be read as a whole`,
      );
    this.#collector.begin(1 + length, buffer, at, available);
    return available;
  }

  #openStream(buffer: Buffer, at: number, available: number, length: number, mode: RowMode): number {
    const entry = this.#state.queue.head()!;
    if (mode === 'relay') {
      if (buffer[at] === dataRow) entry.rows++;
      entry.bytes += length - 4;
      this.#state.toClient.relay(buffer, at, at + 5);
    }
    if (mode === 'wide') this.#wide = this.#result.beginWide(entry, length - 4, this.#limits.maxHeldBytes);
    this.#left = length - 4;
    this.#leftMode = mode;
    return this.#left === 0 ? at + 5 : this.#goOn(buffer, at + 5, available);
  }

  #goOn(chunk: Buffer, at: number, end: number): number {
    const state = this.#state;
    const take = Math.min(this.#left, end - at);
    this.#left -= take;
    if (this.#wide !== null) {
      state.isMidMessage = this.#wide.push(chunk, at, at + take) && this.#left > 0;
      if (this.#left > 0) return at + take;
      this.#wide.finish();
      this.#wide = null;
      this.#sendWaiting();
      return at + take;
    }
    const isRelayed = this.#leftMode === 'relay';
    if (isRelayed) state.toClient.relay(chunk, at, at + take);
    else if (this.#leftMode === 'codec' && take > 0) this.#dispatch.copyBytes(chunk, at, at + take);
    state.isMidMessage = isRelayed && this.#left > 0;
    if (isRelayed && this.#left === 0) this.#sendWaiting();
    return at + take;
  }

  /** Notices of our own that waited for the end of the message. */
  #sendWaiting(): void {
    for (const notice of this.#state.waitingNotices.splice(0)) this.#state.sendToClient(notice);
  }

  #collect(chunk: Buffer, at: number): number {
    const taken = this.#collector.add(chunk, at);
    const whole = this.#collector.takeComplete();
    if (whole !== null) this.#dispatch.message(whole[0]!, whole, 0, whole.length);
    return at + taken;
  }
}

/** How a row or COPY data of that length is handled in pieces; null = it is put together. */
function streamModeOf(mode: RowMode, length: number, wholeRowBytes: number): RowMode | null {
  switch (mode) {
    case 'relay':
    case 'swallow':
    case 'codec':
      return mode;
    case 'sample':
      return length > maxSampledBytes ? 'relay' : null;
    case 'mask':
      return length > wholeRowBytes ? 'wide' : null;
    default:
      return null;
  }
}

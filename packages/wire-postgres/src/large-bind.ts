import { createHash, type Hash } from 'node:crypto';
import { type BindHead, readBindHead, readFormats, violation } from './client-messages.ts';
import type { Parameter } from './engine-host.ts';
import { readInt32 } from './integers.ts';
import { MessageReader } from './message-reader.ts';

/** Names and formats in front of the values, and formats behind them. */
const maxEdgeBytes = 256 * 1024;
/** What is kept of one value, and of all values of one message. */
const maxKeptBytes = 65_536;
const maxKeptInAll = 1024 * 1024;

/**
 * Reads a Bind that is too large to be held, part by part, while it goes to the server: what the host has to know of the values is kept, the first
 * 64 KiB and a hash of each large one. It reads the same fields in the same order as the server does, so both see the same message.
 */
export class LargeBind {
  head: BindHead | null = null;
  readonly parameters: Parameter[] = [];
  /** Of a message whose end has come. */
  resultFormats: readonly number[] = [];
  #edge: Buffer = Buffer.alloc(0);
  #budget = maxKeptInAll;
  #left = -1;
  #kept: Buffer = Buffer.alloc(0);
  #keptLength = 0;
  #length = 0;
  #hash: Hash | null = null;

  /** Takes `buffer[start, end)` of the body. @throws WeirError protocol_violation */
  push(buffer: Buffer, start: number, end: number): void {
    let at = start;
    if (this.head === null) {
      this.#addToEdge(buffer, at, end);
      const used = this.#tryHead();
      if (used === null) return;
      const rest = this.#edge.subarray(used);
      this.#edge = Buffer.alloc(0);
      this.#values(rest, 0, rest.length);
      return;
    }
    if (at < end) at = this.#values(buffer, at, end);
  }

  /** The whole message has come. @throws WeirError protocol_violation when it is longer or shorter than its fields */
  finish(): void {
    if (this.head === null || this.parameters.length < this.head.parameterCount)
      throw violation('a message ends in the middle of a field');
    const reader = new MessageReader(this.#edge, 0, this.#edge.length);
    this.resultFormats = readFormats(reader);
    reader.finish();
    this.#edge = Buffer.alloc(0);
  }

  #addToEdge(buffer: Buffer, start: number, end: number): void {
    if (this.head !== null && this.#edge.length + end - start > maxEdgeBytes)
      throw violation('a message is longer than its fields');
    this.#edge = Buffer.concat([this.#edge, buffer.subarray(start, end)]);
  }

  /** @returns bytes of the head; null when it has not come yet */
  #tryHead(): number | null {
    const edge = this.#edge;
    const portalEnd = edge.indexOf(0);
    const statementEnd = portalEnd < 0 ? -1 : edge.indexOf(0, portalEnd + 1);
    const formatsAt = statementEnd + 1;
    const formats = formatsAt > 0 && formatsAt + 2 <= edge.length ? edge.readUInt16BE(formatsAt) : null;
    const end = formats === null ? Number.POSITIVE_INFINITY : formatsAt + 2 + 2 * formats + 2;
    if (end <= edge.length) {
      this.head = readBindHead(new MessageReader(edge, 0, end));
      return end;
    }
    if (edge.length > maxEdgeBytes) throw violation('the names in a Bind message are too long');
    return null;
  }

  /** Values up to the last one; what follows is the edge again. */
  #values(buffer: Buffer, start: number, end: number): number {
    let at = start;
    const count = this.head?.parameterCount ?? 0;
    while (at < end && this.parameters.length < count) {
      if (this.#left < 0) at = this.#beginValue(buffer, at, end);
      else at = this.#goOn(buffer, at, end);
    }
    if (at < end) this.#addToEdge(buffer, at, end);
    return end;
  }

  /** The four bytes of a length, which may come in pieces. */
  #beginValue(buffer: Buffer, at: number, end: number): number {
    const take = Math.min(4 - this.#edge.length, end - at);
    this.#edge = Buffer.concat([this.#edge, buffer.subarray(at, at + take)]);
    if (this.#edge.length < 4) return at + take;
    const length = readInt32(this.#edge, 0);
    this.#edge = Buffer.alloc(0);
    if (length < -1) throw violation('a Bind message has a parameter of negative length');
    if (length === -1) {
      this.parameters.push(null);
      return at + take;
    }
    const kept = Math.min(length, maxKeptBytes, this.#budget);
    this.#budget -= kept;
    this.#left = length;
    this.#length = length;
    this.#kept = Buffer.allocUnsafe(kept);
    this.#keptLength = 0;
    this.#hash = kept < length ? createHash('sha256') : null;
    if (length === 0) this.#endValue();
    return at + take;
  }

  #goOn(buffer: Buffer, at: number, end: number): number {
    const take = Math.min(this.#left, end - at);
    const kept = Math.min(take, this.#kept.length - this.#keptLength);
    if (kept > 0) buffer.copy(this.#kept, this.#keptLength, at, at + kept);
    this.#keptLength += kept;
    this.#hash?.update(buffer.subarray(at, at + take));
    this.#left -= take;
    if (this.#left === 0) this.#endValue();
    return at + take;
  }

  #endValue(): void {
    const sha256 = this.#hash?.digest('hex');
    this.parameters.push(sha256 === undefined ? this.#kept : { length: this.#length, head: this.#kept, sha256 });
    this.#hash = null;
    this.#left = -1;
  }
}

/** Memory that a large Bind keeps, at most. */
export function keptBytes(head: BindHead): number {
  return maxKeptInAll + head.parameterCount * 256;
}

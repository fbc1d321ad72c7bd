import { fdatasync, writeSync } from 'node:fs';
import { WeirError } from '@weir/errors';
import { blockStart, macBytes, segmentDataStart } from './segment-format.ts';
import type { Segment, SegmentPool } from './segment-pool.ts';

/** Makes a file's content durable, then calls back. `fs.fdatasync`; tests put others here. */
export type SyncFile = (fd: number, callback: (error: Error | null) => void) => void;

/** Bytes of a block: most of what one commit writes. */
const blockBytes = 1024 * 1024;
/** Most bytes that may wait for a commit; appends beyond are refused. */
const maxWaitingBytes = 64 * 1024 * 1024;
const maxFreeBlocks = 4;

interface Block {
  readonly buffer: Buffer;
  end: number;
  entries: number;
  readonly first: number;
}

/** Gathers entries into blocks and makes one block after the other durable. */
export interface CommitLoop {
  /** Reserves `size` bytes for the entry with the next position; the caller fills them at once, before anything else runs. */
  reserve(size: number): { readonly buffer: Buffer; readonly offset: number; readonly position: number };
  readonly durable: number;
  /** The error that ended the journal, if one did. */
  readonly broken: WeirError | null;
  /** Ends the journal from outside (a recording could not be written). */
  fail(cause: unknown): void;
  /** Resolves when everything appended is durable, or the journal is broken. */
  drained(): Promise<void>;
  /** Refuses everything from now on; not told as broken. */
  stop(): void;
  /** Closes the segment's file. */
  close(): Promise<void>;
}

/** What the loop needs and whom it tells. */
export interface CommitLoopOptions {
  readonly pool: SegmentPool;
  readonly first: Segment;
  readonly nextPosition: number;
  readonly sync?: SyncFile;
  readonly onDurable: (position: number) => void;
  /** A segment is full: nothing more is written to it. */
  readonly onRolled: (segment: Segment) => void;
  readonly onBroken: (error: WeirError) => void;
}

function unavailable(cause: unknown): WeirError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new WeirError('recording_unavailable', 'The gateway cannot store evidence any more.', { why, cause });
}

function writeWhole(fd: number, buffer: Buffer, start: number, end: number, position: number): void {
  let at = start;
  while (at < end) at += writeSync(fd, buffer, at, end - at, position + at - start);
}

function refuse(message: string, code: 'message_too_large' | 'recording_unavailable', why: string): never {
  throw new WeirError(code, message, { why });
}

/**
 * Group commit: while one fdatasync runs, entries gather in the next block. The write is synchronous (the page cache takes it in
 * microseconds; a trip through the thread pool costs more), the fdatasync is not. After an error nothing is tried again: the kernel
 * may have dropped the pages it could not write, and a second fdatasync would claim success.
 */
export function createCommitLoop(options: CommitLoopOptions): CommitLoop {
  const { pool, onDurable, onRolled, onBroken, sync = fdatasync } = options;
  const queue: Block[] = [];
  const free: Buffer[] = [];
  let segment = options.first;
  let nextPosition = options.nextPosition;
  let durable = nextPosition - 1;
  let busy = false;
  let waitingBytes = 0;
  let broken: WeirError | null = null;
  let idle: (() => void)[] = [];

  const settle = (): void => {
    const resolved = idle;
    idle = [];
    for (const resolve of resolved) resolve();
  };
  const fail = (cause: unknown): void => {
    if (broken !== null) return;
    broken = unavailable(cause);
    settle();
    onBroken(broken);
  };
  const finish = (block: Block): void => {
    waitingBytes -= block.end;
    durable = block.first + block.entries - 1;
    if (block.buffer.length === blockBytes && free.length < maxFreeBlocks) free.push(block.buffer);
    onDurable(durable);
    commit();
  };
  const write = (block: Block): void => {
    try {
      segment.sealer.seal(block.buffer, block.end, block.entries, block.first);
      const end = block.end + macBytes;
      writeWhole(segment.handle.fd, block.buffer, 64, end, segment.offset);
      segment.offset += end - 64;
      segment.last = block.first + block.entries - 1;
    } catch (error) {
      fail(error);
      return;
    }
    sync(segment.handle.fd, (error) => {
      if (broken !== null) return;
      if (error !== null && error !== undefined) fail(error);
      else finish(block);
    });
  };
  const roll = (next: Segment, block: Block): void => {
    const full = segment;
    segment = next;
    onRolled(full);
    write(block);
  };
  /** Takes the oldest block; called when no commit runs. */
  const commit = (): void => {
    const block = broken === null ? queue.shift() : undefined;
    if (block === undefined) {
      busy = false;
      settle();
      return;
    }
    const fitting = segment.offset + block.end + macBytes - 64 <= segment.bytes;
    const next = fitting ? null : pool.takeReady();
    if (fitting) write(block);
    else if (next !== null) roll(next, block);
    else pool.take().then((taken) => roll(taken, block), fail);
  };
  const newBlock = (size: number): Block => {
    const needed = blockStart + size + macBytes;
    const buffer =
      needed > blockBytes ? Buffer.allocUnsafeSlow(needed) : (free.pop() ?? Buffer.allocUnsafeSlow(blockBytes));
    const block = { buffer, end: blockStart, entries: 0, first: nextPosition };
    queue.push(block);
    return block;
  };
  const capacity = Math.min(segment.bytes - segmentDataStart, blockBytes);
  const fits = (block: Block | undefined, size: number): block is Block =>
    block !== undefined && block.end + size + macBytes <= Math.min(block.buffer.length, capacity);
  const check = (size: number): void => {
    if (broken !== null) throw broken;
    if (size + blockStart + macBytes > segment.bytes - segmentDataStart) {
      refuse('An entry is too large for the journal.', 'message_too_large', `It has ${size} bytes.`);
    }
    if (waitingBytes + size > maxWaitingBytes) {
      refuse('The journal cannot keep up.', 'recording_unavailable', `${waitingBytes} bytes wait for the disk.`);
    }
  };
  return {
    reserve(size) {
      check(size);
      const last = queue.at(-1);
      const block = fits(last, size) ? last : newBlock(size);
      const offset = block.end;
      waitingBytes += block.entries === 0 ? blockStart + size : size;
      block.end += size;
      block.entries += 1;
      if (!busy) {
        busy = true;
        // Not at once: entries that arrive in the same turn share the commit.
        queueMicrotask(commit);
      }
      return { buffer: block.buffer, offset, position: nextPosition++ };
    },
    get durable() {
      return durable;
    },
    get broken() {
      return broken;
    },
    fail,
    drained: () => (busy && broken === null ? new Promise((resolve) => idle.push(resolve)) : Promise.resolve()),
    stop: () => {
      broken ??= new WeirError('recording_unavailable', 'The journal is closed.');
    },
    close: () => segment.handle.close(),
  };
}

import { fdatasync, writeSync } from 'node:fs';
import { WeirError } from '@weir/errors';
import { type Block, createBlockQueue, type Room } from './block-queue.ts';
import { batchOffset, macBytes } from './segment-format.ts';
import type { Segment, SegmentPool } from './segment-pool.ts';

/** Makes a file's content durable, then calls back. `fs.fdatasync`; tests put others here. */
export type SyncFile = (fd: number, callback: (error: Error | null) => void) => void;

/** Gathers entries into blocks and makes one block after the other durable. */
export interface CommitLoop {
  /**
   * Room for the next entry; the caller fills it before anything else runs. An entry that is not urgent waits for the next urgent one, at most
   * ten milliseconds: nobody's answer depends on it, and a commit of its own would keep the next urgent one waiting. An urgent entry is committed at
   * once when it is alone, so that the disk works while the target does. In company (the last commit had several urgent ones) it waits until somebody
   * asks for it with `hurry`: one commit then serves them all.
   * @throws WeirError recording_unavailable (broken, stopped or too far behind), message_too_large.
   */
  reserve(size: number, isUrgent: boolean): Room;
  /** Somebody waits for the entry at this position: it is committed now, if it is not on its way. */
  hurry(position: number): void;
  /** Everything up to this position is durable. */
  readonly durable: number;
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

/** How long an entry that nobody waits for may wait for company, ms. */
const lazyMs = 10;

function unavailable(cause: unknown): WeirError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new WeirError('recording_unavailable', 'The gateway cannot store evidence any more.', { why, cause });
}

/** Bytes that a block takes in a segment. */
function batchBytes(block: Block): number {
  return block.end + macBytes - batchOffset;
}

/** Seals the block and writes it behind the segment's last batch. @throws the error of the file system. */
function writeBatch(segment: Segment, block: Block): void {
  segment.sealer.seal(block.buffer, block.end, block.entries, block.first);
  const bytes = batchBytes(block);
  for (let done = 0; done < bytes; ) {
    done += writeSync(segment.handle.fd, block.buffer, batchOffset + done, bytes - done, segment.offset + done);
  }
  segment.offset += bytes;
  segment.last = block.first + block.entries - 1;
}

/** The segment that is written, and how it is followed by the next. */
function createRoller(options: CommitLoopOptions) {
  let segment = options.first;
  const follow = (next: Segment): Segment => {
    const full = segment;
    segment = next;
    options.onRolled(full);
    return next;
  };
  return {
    /** A segment with room for `bytes`: at once when there is one, else when the next one is prepared. */
    withRoom(bytes: number): Segment | Promise<Segment> {
      if (segment.offset + bytes <= segment.bytes) return segment;
      const ready = options.pool.takeReady();
      return ready === null ? options.pool.take().then(follow) : follow(ready);
    },
    close: () => segment.handle.close(),
  };
}

/** Who waits until nothing is under way. */
function createIdleWaiters() {
  let waiting: (() => void)[] = [];
  return {
    wait: (): Promise<void> => new Promise((resolve) => waiting.push(resolve)),
    settle(): void {
      const resolved = waiting;
      waiting = [];
      for (const resolve of resolved) resolve();
    },
  };
}

/** The first error, kept for good. */
function createBreaker(onBroken: (error: WeirError) => void) {
  let error: WeirError | null = null;
  return {
    get error() {
      return error;
    },
    fail(cause: unknown): void {
      if (error !== null) return;
      error = unavailable(cause);
      onBroken(error);
    },
    stop(): void {
      error ??= new WeirError('recording_unavailable', 'The journal is closed.');
    },
  };
}

/**
 * Group commit: while one fdatasync runs, entries gather in the next block. The write is synchronous (the page cache takes it in
 * microseconds; a trip through the thread pool costs more), the fdatasync is not. After an error nothing is tried again: the kernel
 * may have dropped the pages it could not write, and a second fdatasync would claim success.
 */
export function createCommitLoop(options: CommitLoopOptions): CommitLoop {
  const { onDurable, onBroken, sync = fdatasync } = options;
  const queue = createBlockQueue(options.first.bytes, options.nextPosition);
  const roller = createRoller(options);
  const idle = createIdleWaiters();
  let durable = options.nextPosition - 1;
  let busy = false;
  /** An urgent entry has been appended since the last commit began. */
  let isUrged = false;
  let timer: NodeJS.Timeout | null = null;
  /** Urgent entries since a block was taken. */
  let urgent = 0;
  /** The block that was taken last had several urgent entries. */
  let inCompany = false;
  const breaker = createBreaker((error) => {
    idle.settle();
    onBroken(error);
  });
  const finish = (block: Block): void => {
    durable = block.first + block.entries - 1;
    queue.giveBack(block);
    onDurable(durable);
    if (isUrged || queue.length > 1) commit();
    else rest();
  };
  /** Nothing urgent is left. */
  const rest = (): void => {
    busy = false;
    idle.settle();
    if (queue.length > 0) wait();
  };
  const wait = (): void => {
    timer ??= setTimeout(start, lazyMs);
  };
  /** Not at once: entries that arrive in the same turn share the commit. */
  const start = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (busy) return;
    busy = true;
    queueMicrotask(commit);
  };
  const hurry = (): void => {
    isUrged = true;
    start();
  };
  /** Last position of the block that was taken last. */
  let lastTaken = options.nextPosition - 1;
  const write = (segment: Segment, block: Block): void => {
    if (breaker.error !== null) return;
    try {
      writeBatch(segment, block);
    } catch (error) {
      breaker.fail(error);
      return;
    }
    sync(segment.handle.fd, (error) => {
      if (error) breaker.fail(error);
      else if (breaker.error === null) finish(block);
    });
  };
  /** Takes the oldest block; called when no commit runs. */
  const commit = (): void => {
    const block = breaker.error === null ? queue.take() : undefined;
    if (queue.length === 0) isUrged = false;
    if (block !== undefined) {
      lastTaken = block.first + block.entries - 1;
      inCompany = urgent > 1;
      urgent = 0;
    }
    if (block === undefined) {
      busy = false;
      idle.settle();
      return;
    }
    const segment = roller.withRoom(batchBytes(block));
    if (segment instanceof Promise) segment.then((prepared) => write(prepared, block), breaker.fail);
    else write(segment, block);
  };
  return {
    reserve(size, isUrgent) {
      if (breaker.error !== null) throw breaker.error;
      const room = queue.reserve(size);
      if (isUrgent) urgent += 1;
      if (isUrgent && !inCompany) hurry();
      else if (!busy) wait();
      return room;
    },
    hurry(position) {
      if (position > lastTaken) hurry();
    },
    get durable() {
      return durable;
    },
    fail: breaker.fail,
    drained() {
      if (queue.length > 0) hurry();
      return busy && breaker.error === null ? idle.wait() : Promise.resolve();
    },
    stop() {
      if (timer !== null) clearTimeout(timer);
      breaker.stop();
    },
    close: roller.close,
  };
}

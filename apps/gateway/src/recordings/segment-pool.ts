import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from './folder.ts';
import type { RecordingLog } from './recording-log.ts';
import {
  type BatchSealer,
  createBatchSealer,
  encodeSegmentHeader,
  segmentDataStart,
  segmentKeys,
} from './segment-format.ts';

/** A journal segment that takes batches. */
export interface Segment {
  readonly number: number;
  readonly path: string;
  readonly handle: FileHandle;
  /** Size of the file, all of it written before. */
  readonly bytes: number;
  readonly sealer: BatchSealer;
  /** Where the next batch goes. */
  offset: number;
  /** Last position in it; 0 before the first. */
  last: number;
}

/** Prepares segments ahead of their use and takes back those that are not needed any more. */
export interface SegmentPool {
  /** The segment that is prepared, if it is; the next one is prepared in the background. */
  takeReady(): Segment | null;
  /** As {@link takeReady}, waiting for it. @throws the error of the file system. */
  take(): Promise<Segment>;
  /** All entries of the segment are safe elsewhere. Never throws: a segment that stays is only replayed again. */
  release(segment: Segment): Promise<void>;
  close(): Promise<void>;
}

/** How the pool works. */
export interface SegmentPoolOptions {
  readonly dir: string;
  readonly segmentBytes: number;
  readonly firstNumber: number;
  readonly masterKey: Uint8Array;
  readonly log: RecordingLog;
}

/** File name of a segment. */
export function segmentFile(number: number): string {
  return `journal-${String(number).padStart(12, '0')}.seg`;
}

const zeros = Buffer.alloc(1024 * 1024);
const maxSpares = 2;

async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

/** Zeros are written, not only reserved: a later fdatasync must not have to change the file's size or its extents. */
async function preallocate(path: string, size: number): Promise<FileHandle> {
  const handle = await open(path, 'wx+', 0o600);
  try {
    for (let at = 0; at < size; at += zeros.length) {
      await writeAll(handle, zeros.subarray(0, Math.min(zeros.length, size - at)), at);
    }
    await handle.sync();
    return handle;
  } catch (error) {
    await handle.close();
    await unlink(path);
    throw error;
  }
}

async function prepare(options: SegmentPoolOptions, number: number, spare: string | undefined): Promise<Segment> {
  const { dir, segmentBytes, masterKey } = options;
  const from = spare ?? join(dir, `new-${number}.tmp`);
  const handle = spare === undefined ? await preallocate(from, segmentBytes) : await open(from, 'r+');
  try {
    const salt = randomBytes(32);
    const keys = segmentKeys(masterKey, salt);
    const header = encodeSegmentHeader(number, salt, keys);
    await writeAll(handle, header.bytes, 0);
    await handle.datasync();
    const path = join(dir, segmentFile(number));
    await rename(from, path);
    await syncFolder(dir);
    const sealer = createBatchSealer(keys, header.mac);
    return { number, path, handle, bytes: segmentBytes, sealer, offset: segmentDataStart, last: 0 };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Files of segments that are not needed any more, to be used again: they need no zeros. */
function createSpares(dir: string) {
  const paths: string[] = [];
  return {
    take: (): string | undefined => paths.pop(),
    async keepOrRemove(segment: Segment): Promise<void> {
      if (paths.length >= maxSpares) return await unlink(segment.path);
      const spare = join(dir, `spare-${segment.number}.seg`);
      await rename(segment.path, spare);
      // Before its header changes: after a power cut the old name must not lead to a new header.
      await syncFolder(dir);
      paths.push(spare);
    },
  };
}

/** Opens a pool over a folder whose old segments were recovered and removed; begins to prepare the first segment. */
export function createSegmentPool(options: SegmentPoolOptions): SegmentPool {
  const spares = createSpares(options.dir);
  let nextNumber = options.firstNumber;
  let ready: Segment | null = null;
  let preparing: Promise<void> | null = null;
  let closed = false;
  const begin = (): Promise<void> => {
    preparing ??= prepare(options, nextNumber++, spares.take())
      .then((segment) => {
        ready = segment;
      })
      .finally(() => {
        preparing = null;
      });
    return preparing;
  };
  const beginAhead = (): void => {
    if (closed) return;
    begin().catch((error: unknown) => {
      // Tried again when it is needed; only then is the journal broken.
      options.log.warn('the next journal segment could not be prepared', { error: String(error) });
    });
  };
  const takeReady = (): Segment | null => {
    const segment = ready;
    if (segment === null) return null;
    ready = null;
    beginAhead();
    return segment;
  };
  return {
    takeReady,
    async take() {
      for (;;) {
        if (preparing === null && ready === null) await begin();
        else if (preparing !== null) await preparing;
        const segment = takeReady();
        if (segment !== null) return segment;
      }
    },
    async release(segment) {
      try {
        await (closed ? unlink(segment.path) : spares.keepOrRemove(segment));
      } catch (error) {
        options.log.warn('a journal segment could not be removed', { path: segment.path, error: String(error) });
      }
    },
    async close() {
      closed = true;
      if (preparing !== null) await preparing.catch(() => undefined);
      await ready?.handle.close();
    },
  };
}

import { WeirError } from '@weir/errors';
import { blockStart, macBytes, segmentDataStart } from './segment-format.ts';

/** Bytes of a block: most of what one commit writes, unless a single entry is larger. */
const blockBytes = 1024 * 1024;
/** Most bytes that may wait for a commit; entries beyond are refused. */
const maxWaitingBytes = 64 * 1024 * 1024;
const maxFreeBlocks = 4;

/** Entries that one commit makes durable: from `blockStart` to `end` of the buffer, which has room for the MAC behind. */
export interface Block {
  readonly buffer: Buffer;
  end: number;
  entries: number;
  /** Position of the first entry. */
  readonly first: number;
}

/** Room for one entry. */
export interface Room {
  readonly buffer: Buffer;
  readonly offset: number;
  readonly position: number;
}

/** Entries that wait for a commit, in blocks from a pool. */
export interface BlockQueue {
  /**
   * Room for the next entry; the caller fills it before anything else runs.
   * @throws WeirError message_too_large, recording_unavailable (too much waits already).
   */
  reserve(size: number): Room;
  /** The oldest block, which gets no more entries. */
  take(): Block | undefined;
  /** Blocks that nobody has taken. */
  readonly length: number;
  /** The block is written and durable: its buffer may be used again. */
  giveBack(block: Block): void;
}

function checkSize(size: number, waiting: number, segmentBytes: number): void {
  if (size + blockStart + macBytes > segmentBytes - segmentDataStart) {
    throw new WeirError('message_too_large', 'An entry is too large for the journal.', {
      why: `It has ${size} bytes.`,
    });
  }
  if (waiting + size > maxWaitingBytes) {
    const why = `${waiting} bytes wait for the disk.`;
    throw new WeirError('recording_unavailable', 'The journal cannot keep up.', { why });
  }
}

/** A queue whose blocks each fit into an empty segment of `segmentBytes`; positions count on from `nextPosition`. */
export function createBlockQueue(segmentBytes: number, nextPosition: number): BlockQueue {
  const queue: Block[] = [];
  const free: Buffer[] = [];
  const capacity = Math.min(segmentBytes - segmentDataStart, blockBytes) - macBytes;
  let position = nextPosition;
  let waiting = 0;
  const begin = (size: number): Block => {
    const needed = blockStart + size + macBytes;
    const buffer =
      needed > blockBytes ? Buffer.allocUnsafeSlow(needed) : (free.pop() ?? Buffer.allocUnsafeSlow(blockBytes));
    const block = { buffer, end: blockStart, entries: 0, first: position };
    queue.push(block);
    return block;
  };
  return {
    reserve(size) {
      checkSize(size, waiting, segmentBytes);
      const last = queue.at(-1);
      const block = last !== undefined && last.end + size <= capacity ? last : begin(size);
      const offset = block.end;
      block.end += size;
      block.entries += 1;
      waiting += size;
      return { buffer: block.buffer, offset, position: position++ };
    },
    take: () => queue.shift(),
    get length() {
      return queue.length;
    },
    giveBack(block) {
      waiting -= block.end - blockStart;
      if (block.buffer.length === blockBytes && free.length < maxFreeBlocks) free.push(block.buffer);
    },
  };
}

/** Bytes of a recording: all at once, or as a stream of pieces of any size. */
export type RecordingBytes = Uint8Array | AsyncIterable<Uint8Array>;

/** Takes exact counts of bytes from a source; holds no more than the count asked for and one piece. */
export interface ByteSource {
  /** Bytes taken so far. */
  readonly offset: number;
  /** The next `count` bytes; fewer when the source ends before (none at the end). */
  take(count: number): Promise<Buffer>;
  /** Ends the source early (closes a file behind it). */
  close(): Promise<void>;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

async function* single(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Opens a source; `take` calls must not overlap. */
export function createByteSource(bytes: RecordingBytes): ByteSource {
  const pieces = (bytes instanceof Uint8Array ? single(bytes) : bytes)[Symbol.asyncIterator]();
  let held: Buffer = Buffer.alloc(0);
  let offset = 0;
  let ended = false;
  const fill = async (count: number): Promise<void> => {
    const parts = [held];
    let length = held.length;
    while (length < count && !ended) {
      const next = await pieces.next();
      if (next.done === true) ended = true;
      else {
        parts.push(asBuffer(next.value));
        length += next.value.length;
      }
    }
    held = parts.length === 1 ? held : Buffer.concat(parts);
  };
  return {
    get offset() {
      return offset;
    },
    async take(count) {
      if (held.length < count) await fill(count);
      const taken = held.subarray(0, count);
      held = held.subarray(taken.length);
      offset += taken.length;
      return taken;
    },
    async close() {
      await pieces.return?.();
    },
  };
}

/** Bytes of one chunk. */
const chunkBytes = 64 * 1024;
/** Chunks that are kept for the next writer; more are left to the garbage collector. */
const maxKept = 32;

/**
 * Buffers that are used again. Fresh ones for every 64 KB would cost more than the bytes themselves: memory outside V8's heap makes it collect
 * the whole heap every few megabytes.
 */
export class ChunkPool {
  private readonly free: Buffer[] = [];

  /** A buffer with any content. */
  take(): Buffer {
    return this.free.pop() ?? Buffer.allocUnsafeSlow(chunkBytes);
  }

  /** Nobody reads or writes this buffer any more. */
  give(chunk: Buffer): void {
    if (this.free.length < maxKept) this.free.push(chunk);
  }
}

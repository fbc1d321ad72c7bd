type Allocator = (size: number, ...rest: never[]) => Buffer;

const names = ['alloc', 'allocUnsafe', 'allocUnsafeSlow'] as const;

/** Notes the largest Buffer that is asked for, even one that would not fit into memory. */
export interface BufferWatch {
  /** Largest since the last call, bytes. */
  takeLargest(): number;
  stop(): void;
}

/** Replaces Buffer's allocating functions until `stop`. A request of more than `most` bytes throws instead of taking memory. */
export function watchBuffers(most: number): BufferWatch {
  let largest = 0;
  const originals = names.map((name) => Buffer[name] as Allocator);
  for (const [index, name] of names.entries()) {
    const original = originals[index] as Allocator;
    const watched: Allocator = (size, ...rest) => {
      if (size > largest) largest = size;
      if (size > most) throw new RangeError(`a Buffer of ${size} bytes was asked for`);
      return original.call(Buffer, size, ...rest);
    };
    Object.assign(Buffer, { [name]: watched });
  }
  return {
    takeLargest() {
      const taken = largest;
      largest = 0;
      return taken;
    },
    stop() {
      for (const [index, name] of names.entries()) Object.assign(Buffer, { [name]: originals[index] });
    },
  };
}

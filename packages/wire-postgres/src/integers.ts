/** Signed 32-bit big-endian integer at `offset`. The caller has checked the bounds; shifts are faster than Buffer.readInt32BE in the inner loop. */
export function readInt32(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!;
}

/** Signed 16-bit big-endian integer at `offset`; bounds are the caller's. */
export function readInt16(bytes: Uint8Array, offset: number): number {
  return (((bytes[offset]! << 8) | bytes[offset + 1]!) << 16) >> 16;
}

/** Writes a signed 32-bit big-endian integer; bounds are the caller's. */
export function writeInt32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 24;
  bytes[offset + 1] = value >>> 16;
  bytes[offset + 2] = value >>> 8;
  bytes[offset + 3] = value;
}

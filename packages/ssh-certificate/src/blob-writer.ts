/** A field with its length in front (RFC 4251, section 5: string). */
export function lengthAnd(value: Uint8Array | string): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return Buffer.concat([uint32(bytes.length), bytes]);
}

/** Four bytes, big-endian. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Eight bytes, big-endian. */
export function uint64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

/** A number that is not negative, big-endian, as mpint: in its shortest form, with a zero before a first bit that is set. */
export function positive(value: Uint8Array): Buffer {
  const start = value.findIndex((byte) => byte !== 0);
  const bytes = start < 0 ? Buffer.alloc(0) : value.subarray(start);
  const isHigh = (bytes[0] ?? 0) >= 0x80;
  return lengthAnd(isHigh ? Buffer.concat([Buffer.of(0), bytes]) : bytes);
}

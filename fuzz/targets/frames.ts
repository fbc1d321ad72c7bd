/** A message of protocol 3.0 as bytes: type, length, body. */
export interface Frame {
  readonly type: string;
  readonly body: Buffer;
  /** As many bytes as the length says. */
  readonly isWhole: boolean;
  /** The length field as it stands. */
  readonly length: number;
}

/** Cuts bytes into messages without trusting them; the last may be cut off, and a length below 4 ends the list. */
export function framesOf(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length; ) {
    const type = String.fromCharCode(bytes[at] as number);
    if (bytes.length - at < 5) {
      frames.push({ type, body: bytes.subarray(at + 1), isWhole: false, length: -1 });
      break;
    }
    const length = bytes.readInt32BE(at + 1);
    const end = length < 4 ? bytes.length : Math.min(bytes.length, at + 1 + length);
    frames.push({ type, body: bytes.subarray(at + 5, end), isWhole: length >= 4 && at + 1 + length === end, length });
    at = end;
  }
  return frames;
}

/** Type, the length of the body unless another is given, body. */
export function encodeFrame(type: string, body: Buffer, length = body.length + 4): Buffer {
  const head = Buffer.from(`${type}\0\0\0\0`, 'latin1');
  head.writeInt32BE(length | 0, 1);
  return Buffer.concat([head, body]);
}

/** The text up to the first NUL from `from`, and where the next begins; undefined when no NUL comes. */
export function textAt(body: Buffer, from: number): { readonly text: string; readonly next: number } | undefined {
  const end = body.indexOf(0, from);
  return end < 0 ? undefined : { text: body.toString('utf8', from, end), next: end + 1 };
}

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ConnectRequestSchema, type Frame, FrameSchema, FrameType, LaneRequestSchema } from '@weir/proto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { frameKind } from '../src/frame.ts';
import { BatchWriter, decodeBatch, decodeBytes, encodeBytes, encodeSingle, maxBatchBytes } from '../src/lane-codec.ts';
import { prefixBytes } from '../src/message-framing.ts';

interface PlainFrame {
  channel: number;
  type: number;
  data: Uint8Array;
  sequence: number;
}
const plainFrame: fc.Arbitrary<PlainFrame> = fc.record({
  channel: fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 0xffff_ffff })),
  type: fc.nat(12),
  data: fc.uint8Array({ maxLength: 400 }),
  sequence: fc.oneof(fc.nat(300), fc.maxSafeNat()),
});

function decode(message: Uint8Array): PlainFrame[] {
  const frames: PlainFrame[] = [];
  decodeBatch(Buffer.from(message), (channel, type, data, sequence) => {
    frames.push({ channel, type, data: new Uint8Array(data), sequence });
  });
  return frames;
}

function asMessage(frames: PlainFrame[]): Uint8Array {
  return toBinary(
    LaneRequestSchema,
    create(LaneRequestSchema, {
      frames: frames.map((frame) => create(FrameSchema, { ...frame, sequence: BigInt(frame.sequence) })),
    }),
  );
}

describe('the hand codec of the lane', () => {
  it('names the frame kinds of the contract', () => {
    const spelled = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
    const ours = Object.entries(frameKind).map(([name, value]) => [spelled(name), value]);
    const contract = Object.entries(FrameType).filter(
      ([name, value]) => typeof value === 'number' && name !== 'UNSPECIFIED',
    );
    expect(ours).toEqual(contract);
  });

  it('writes the same bytes as the generated code', () => {
    fc.assert(
      fc.property(fc.array(plainFrame, { maxLength: 20 }), (frames) => {
        const writer = new BatchWriter();
        for (const { channel, type, data, sequence } of frames) writer.add(channel, type, data, sequence);
        expect(Buffer.compare(writer.finish().subarray(prefixBytes), asMessage(frames))).toBe(0);
      }),
    );
  });

  it('reads what the generated code writes, and the other way round', () => {
    fc.assert(
      fc.property(fc.array(plainFrame, { maxLength: 20 }), (frames) => {
        const message = asMessage(frames);
        expect(decode(message)).toEqual(frames);
        const read = fromBinary(LaneRequestSchema, message).frames.map((frame: Frame) => ({
          channel: frame.channel,
          type: frame.type as number,
          data: frame.data,
          sequence: Number(frame.sequence),
        }));
        expect(read).toEqual(frames);
      }),
    );
  });

  it('skips fields of later versions', () => {
    const unknown = Buffer.concat([
      Buffer.from([0x50, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
      Buffer.from([0x5a, 2, 1, 2]),
      Buffer.from([0x61, 1, 2, 3, 4, 5, 6, 7, 8]),
      Buffer.from([0x6d, 1, 2, 3, 4]),
    ]);
    const frame = Buffer.concat([unknown, Buffer.from([0x08, 7, 0x10, 2, 0x1a, 1, 65]), unknown]);
    const message = Buffer.concat([unknown, Buffer.from([0x0a, frame.length]), frame, unknown]);
    expect(decode(message)).toEqual([{ channel: 7, type: 2, data: Uint8Array.of(65), sequence: 0 }]);
    expect(fromBinary(LaneRequestSchema, message).frames).toHaveLength(1);
  });

  it.each([
    ['a batch length behind the end', [0x0a, 0x05, 0x08]],
    ['a data length of 4 GB', [0x0a, 0x06, 0x1a, 0xff, 0xff, 0xff, 0xff, 0x0f]],
    ['a data length behind its frame', [0x0a, 0x03, 0x1a, 0x05, 0x41, 0x0a, 0x00, 0x00]],
    ['a cut number', [0x0a, 0x02, 0x08, 0x80]],
    ['a number of 11 bytes', [0x0a, 0x0c, 0x08, ...Array.from({ length: 11 }, () => 0x80)]],
    ['a number over 2^53', [0x0a, 0x0b, 0x20, ...Array.from({ length: 9 }, () => 0xff), 0x01]],
    ['a channel over 32 bits', [0x0a, 0x07, 0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
    ['a known field of another type', [0x0a, 0x02, 0x0a, 0x00]],
    ['a group', [0x0b, 0x0c]],
    ['field number 0', [0x00, 0x00]],
  ])('refuses %s', (_name, bytes) => {
    expect(() => decode(Uint8Array.from(bytes))).toThrow(expect.objectContaining({ code: 'protocol_violation' }));
  });

  it('fails cleanly on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decode(bytes);
        } catch (error) {
          expect(error).toMatchObject({ code: 'protocol_violation' });
        }
      }),
    );
  });

  it('never passes its limit when data is cut by dataRoom', () => {
    fc.assert(
      fc.property(fc.array(plainFrame, { maxLength: 30 }), (frames) => {
        const writer = new BatchWriter();
        const big = Buffer.alloc(2 * maxBatchBytes);
        for (const { channel, type, data, sequence } of frames) {
          if (writer.fits(channel, type, data.length, sequence)) writer.add(channel, type, data, sequence);
        }
        const room = writer.dataRoom(0xffff_ffff, 2, Number.MAX_SAFE_INTEGER);
        if (room > 0) writer.add(0xffff_ffff, 2, big.subarray(0, room), Number.MAX_SAFE_INTEGER);
        const message = writer.finish().subarray(prefixBytes);
        expect(message.length).toBeLessThanOrEqual(maxBatchBytes);
        decode(message);
      }),
    );
  });

  it('keeps finished batches untouched by later ones', () => {
    const writer = new BatchWriter();
    const messages = Array.from({ length: 40 }, (_, index) => {
      writer.add(index, 2, Buffer.alloc(5000, index), 0);
      return writer.finish().subarray(prefixBytes);
    });
    for (const [index, message] of messages.entries()) {
      expect(decode(message)[0]?.data.every((byte) => byte === index)).toBe(true);
    }
  });

  it('encodes a frame of any size alone', () => {
    const data = Buffer.alloc(100_000, 1);
    expect(decode(encodeSingle(3, 3, data, 9).subarray(prefixBytes))).toEqual([
      { channel: 3, type: 3, data: new Uint8Array(data), sequence: 9 },
    ]);
  });

  it('moves front door bytes as the generated code does', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }), (chunks) => {
        const data = Buffer.concat(chunks);
        const message = encodeBytes(chunks, data.length);
        expect(Buffer.compare(message, toBinary(ConnectRequestSchema, create(ConnectRequestSchema, { data })))).toBe(0);
        expect(Buffer.compare(decodeBytes(message), data)).toBe(0);
      }),
    );
  });
});

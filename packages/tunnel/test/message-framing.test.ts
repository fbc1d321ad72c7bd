import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MessageReader, prefixed } from '../src/message-framing.ts';

function readAll(chunks: readonly Buffer[], maxMessageBytes = 100_000): Buffer[] {
  const reader = new MessageReader(maxMessageBytes);
  const messages: Buffer[] = [];
  for (const chunk of chunks) reader.read(chunk, (message) => void messages.push(Buffer.from(message)));
  return messages;
}

describe('length-prefixed messages', () => {
  it('come out the same, however the bytes are split', () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 12 });
    fc.assert(
      fc.property(messages, fc.array(fc.nat(400), { maxLength: 20 }), (sent, cuts) => {
        const stream = Buffer.concat(sent.map((message) => prefixed(message)));
        const points = [0, ...cuts.filter((cut) => cut < stream.length).sort((a, b) => a - b), stream.length];
        const chunks = points.slice(1).map((end, i) => stream.subarray(points[i], end));
        expect(readAll(chunks)).toEqual(sent.map((message) => Buffer.from(message)));
      }),
    );
  });

  it.each([
    ['a compressed one', Buffer.from([1, 0, 0, 0, 1, 65]), /compressed/],
    [
      'one that is too long, before anything is allocated for it',
      Buffer.from([0, 0xff, 0xff, 0xff, 0xff]),
      /4294967295/,
    ],
    ['one byte too many', Buffer.from([0, 0, 0, 0, 11]), /11 bytes/],
  ])('refuse %s', (_name, bytes, why) => {
    expect(() => readAll([bytes], 10)).toThrow(
      expect.objectContaining({ code: 'protocol_violation', why: expect.stringMatching(why) }),
    );
    expect(() =>
      readAll(
        [...bytes].map((byte) => Buffer.from([byte])),
        10,
      ),
    ).toThrow();
  });

  it('are slices of a chunk that holds them whole', () => {
    const chunk = prefixed(Buffer.from('hello'));
    new MessageReader(10).read(chunk, (message) => expect(message.buffer).toBe(chunk.buffer));
  });
});

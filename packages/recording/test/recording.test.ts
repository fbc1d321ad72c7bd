import { generateKeyPairSync } from 'node:crypto';
import { isWeirError } from '@weir/errors';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type ChannelEvent,
  createRecordingWriter,
  entryHeadBytes,
  inspectRecording,
  type RecordEntry,
  type RecordingAnchor,
  readRecording,
  resumeRecordingWriter,
  type SessionEvent,
  toNdjson,
  verifyAgainstAnchors,
  verifyRecording,
  writeEntry,
} from '../src/index.ts';

const signingKey = generateKeyPairSync('ed25519').privateKey;
const masterKey = Buffer.alloc(32, 7);
const session = 'ses_01TEST';

function note(message: string): ChannelEvent {
  return { event: 'note', atMs: 5, code: 'test', message, statement: null };
}

function encode(channel: number, sequence: number, event: unknown): Buffer {
  const json = Buffer.from(typeof event === 'string' ? event : JSON.stringify(event));
  const bytes = Buffer.alloc(entryHeadBytes + json.length);
  expect(writeEntry(bytes, 0, channel, sequence, 1_700_000_000_000 + sequence, json)).toBe(bytes.length);
  return bytes;
}

/** Builds a recording with one chunk for each list of messages; returns its pieces and the anchor after each. */
async function build(chunks: readonly (readonly string[])[], sealed: boolean) {
  const writer = createRecordingWriter({ session, createdAtMs: 1, masterKey, signingKey });
  const pieces = [writer.head];
  const anchors = [writer.anchor('a.weirrec')];
  let sequence = 0;
  for (const messages of chunks) {
    const entries = messages.map((message) => {
      sequence += 1;
      return encode(1, sequence, note(message));
    });
    pieces.push(await writer.chunk(Buffer.concat(entries), messages.length));
    anchors.push(writer.anchor('a.weirrec'));
  }
  if (sealed) {
    pieces.push(writer.seal());
    anchors.push(writer.anchor('a.weirrec'));
  }
  return { pieces, anchors, bytes: Buffer.concat(pieces), anchor: anchors.at(-1) as RecordingAnchor };
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

let small: Awaited<ReturnType<typeof build>>;
let open: Awaited<ReturnType<typeof build>>;
beforeAll(async () => {
  small = await build([['one', 'two'], ['three'], ['four', 'five']], true);
  open = await build([['one', 'two'], ['three'], ['four', 'five']], false);
});

describe('round trip', () => {
  it('reads back what was written, whatever the pieces', async () => {
    const message = fc.string({ unit: 'binary', maxLength: 300 });
    const chunks = fc.array(fc.array(message, { minLength: 1, maxLength: 5 }), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(chunks, fc.boolean(), fc.integer({ min: 1, max: 200 }), async (messages, sealed, size) => {
        const { bytes, anchor } = await build(messages, sealed);
        const entries = await collect(readRecording(inPieces(bytes, size), masterKey));
        expect(entries.map((entry) => [entry.sequence, (entry.event as { message: string }).message])).toEqual(
          messages.flat().map((text, index) => [index + 1, text]),
        );
        const result = await verifyRecording(inPieces(bytes, size), { anchor });
        expect(result).toMatchObject({ ok: true, sealed, entries: messages.flat().length, unanchoredBytes: 0 });
      }),
      { numRuns: 40 },
    );
  });

  it('keeps channel, sequence, time and events', async () => {
    const writer = createRecordingWriter({ session, createdAtMs: 1, masterKey, signingKey });
    const closed: SessionEvent = { event: 'session-closed', atMs: 9, reason: 'done' };
    const clear = Buffer.concat([encode(4_000_000_000, 2 ** 40, note('x')), encode(0, 1, closed)]);
    const bytes = Buffer.concat([writer.head, await writer.chunk(clear, 2)]);
    const expected: RecordEntry[] = [
      {
        session,
        channel: 4_000_000_000,
        sequence: 2 ** 40,
        receivedAtMs: 1_700_000_000_000 + 2 ** 40,
        event: note('x'),
      },
      { session, channel: 0, sequence: 1, receivedAtMs: 1_700_000_000_001, event: closed },
    ];
    expect(await collect(readRecording(bytes, masterKey))).toEqual(expected);
    expect((await collect(toNdjson(readRecording(bytes, masterKey)))).map((line) => JSON.parse(line))).toEqual(
      expected,
    );
  });

  it.each([
    ['not JSON', '{"event":"note"'],
    ['a list', '[]'],
    ['an unknown event', '{"event":"other","atMs":1}'],
    ["the gateway's event from an agent", '{"event":"session-closed","atMs":1,"reason":"x"}'],
    ['a wrong field', '{"event":"note","atMs":1,"code":"a","message":7,"statement":null}'],
    ['wrong parameters', '{"event":"statement","atMs":1,"statement":1,"phase":"query","text":"","parameters":[1]}'],
  ])('shows %s as a note, never leaves it out', async (_, json) => {
    const writer = createRecordingWriter({ session, createdAtMs: 1, masterKey, signingKey });
    const bytes = Buffer.concat([writer.head, await writer.chunk(encode(3, 1, json), 1)]);
    const [entry] = await collect(readRecording(bytes, masterKey));
    expect(entry).toMatchObject({ channel: 3, sequence: 1, event: { event: 'note', code: 'unreadable-event' } });
    expect(entry?.event).toMatchObject({ message: expect.stringContaining(json.slice(0, 20)) });
  });

  it('holds no clear text', async () => {
    const { bytes } = await build([['SELECT 4111111111111111']], true);
    expect(bytes.includes('4111')).toBe(false);
    expect(bytes.includes('note')).toBe(false);
  });

  it('opens with its own master key only', async () => {
    const attempt = collect(readRecording(small.bytes, Buffer.alloc(32, 8)));
    await expect(attempt).rejects.toSatisfy((error) => isWeirError(error) && error.code === 'evidence_broken');
  });

  it('continues behind the last intact chunk', async () => {
    const torn = open.bytes.subarray(0, open.bytes.length - 5);
    const { state, damage } = await inspectRecording(torn);
    expect(damage?.chunk).toBe(2);
    expect(state).toMatchObject({ chunks: 2, entries: 3, sealed: false });
    if (state === null) throw new Error('no state');
    const writer = resumeRecordingWriter(state, { masterKey, signingKey });
    const more = await writer.chunk(encode(1, 4, note('again')), 1);
    const bytes = Buffer.concat([torn.subarray(0, state.bytes), more, writer.seal()]);
    expect(await verifyRecording(bytes, { anchor: writer.anchor('x') })).toMatchObject({ ok: true, entries: 4 });
    // The anchor of the time before the crash still holds for the unsealed beginning.
    expect(await verifyRecording(bytes, { anchor: open.anchors[2] as RecordingAnchor })).toMatchObject({ ok: true });
    expect((await collect(readRecording(bytes, masterKey))).map((entry) => entry.sequence)).toEqual([1, 2, 3, 4]);
  });
});

describe('tampering', () => {
  it('finds a change of any byte, with and without the anchor', async () => {
    for (let at = 0; at < small.bytes.length; at += 1) {
      const changed = Buffer.from(small.bytes);
      changed[at] = (changed[at] as number) ^ (1 << (at % 8));
      expect(await verifyRecording(changed, { anchor: small.anchor }), `byte ${at}`).toMatchObject({ ok: false });
      expect(await verifyRecording(changed), `byte ${at}, no anchor`).toMatchObject({ ok: false });
    }
  });

  it('finds any cut of the tail', async () => {
    for (let length = 0; length < small.bytes.length; length += 1) {
      const cut = small.bytes.subarray(0, length);
      expect(await verifyRecording(cut, { anchor: small.anchor }), `cut at ${length}`).toMatchObject({ ok: false });
    }
  });

  it('finds any cut of the tail before the anchored end of an unsealed recording', async () => {
    for (let length = 0; length < open.bytes.length; length += 1) {
      const cut = open.bytes.subarray(0, length);
      expect(await verifyRecording(cut, { anchor: open.anchor }), `cut at ${length}`).toMatchObject({ ok: false });
    }
  });

  it('finds any removed or added byte', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(small.bytes.length - 1), fc.nat(255), async (at, value) => {
        const removed = Buffer.concat([small.bytes.subarray(0, at), small.bytes.subarray(at + 1)]);
        const added = Buffer.concat([small.bytes.subarray(0, at), Buffer.from([value]), small.bytes.subarray(at)]);
        expect(await verifyRecording(removed, { anchor: small.anchor })).toMatchObject({ ok: false });
        expect(await verifyRecording(added, { anchor: small.anchor })).toMatchObject({ ok: false });
      }),
    );
    const longer = Buffer.concat([small.bytes, Buffer.from([0])]);
    expect(await verifyRecording(longer, { anchor: small.anchor })).toMatchObject({ ok: false });
  });

  it('finds every reordering and removal of chunks', async () => {
    const [head, a, b, c, seal] = small.pieces as [Buffer, Buffer, Buffer, Buffer, Buffer];
    const orders = [
      [b, a, c],
      [a, c, b],
      [c, b, a],
      [b, c, a],
      [a, b],
      [b, c],
      [a, c],
      [a],
      [],
      [a, a, b, c],
      [a, b, c, c],
    ];
    for (const order of orders) {
      for (const end of [[seal], []]) {
        const bytes = Buffer.concat([head, ...order, ...end]);
        expect(await verifyRecording(bytes, { anchor: small.anchor })).toMatchObject({ ok: false });
      }
    }
  });

  it('finds an exchanged recording, an exchanged key and a removed seal', async () => {
    const other = await build([['one', 'two'], ['three'], ['four', 'five']], true);
    expect(await verifyRecording(other.bytes, { anchor: small.anchor })).toMatchObject({ ok: false });
    const anchor = { ...small.anchor, publicKey: 'AAAA' };
    expect(await verifyRecording(small.bytes, { anchor })).toMatchObject({ ok: false });
    expect(await verifyRecording(small.bytes, { publicKey: 'AAAA' })).toMatchObject({ ok: false });
    const unsealed = Buffer.concat(small.pieces.slice(0, -1));
    expect(await verifyRecording(unsealed, { anchor: small.anchor })).toMatchObject({ ok: false });
  });

  it('names chunk and offset', async () => {
    const [head, first] = small.pieces as [Buffer, Buffer];
    const changed = Buffer.from(small.bytes);
    const start = head.length + first.length;
    changed[start + 40] = (changed[start + 40] as number) ^ 1;
    const result = await verifyRecording(changed, { anchor: small.anchor });
    expect(result).toMatchObject({ ok: false, session, chunk: 1, offset: start });
  });

  it('verifies an unsealed recording up to its anchored end', async () => {
    const anchor = open.anchors[2] as RecordingAnchor;
    for (let length = anchor.bytes; length <= open.bytes.length; length += 7) {
      const result = await verifyRecording(inPieces(open.bytes.subarray(0, length), 50), { anchor });
      expect(result).toMatchObject({ ok: true, sealed: false, unanchoredBytes: length - anchor.bytes });
    }
    expect(await verifyRecording(open.bytes.subarray(0, anchor.bytes - 1), { anchor })).toMatchObject({ ok: false });
    expect(await verifyRecording(small.bytes, { anchor: small.anchors[2] as RecordingAnchor })).toMatchObject({
      ok: true,
    });
  });

  it('bounds hostile lengths before it allocates', async () => {
    const huge = Buffer.from(small.bytes);
    huge.writeUInt32BE(0xffff_ffff, 8);
    expect(await verifyRecording(huge)).toMatchObject({ ok: false, why: expect.stringContaining('claims') });
    const chunk = Buffer.from(small.bytes);
    chunk.writeUInt32BE(0xffff_ffff, (small.pieces[0] as Buffer).length + 19);
    expect(await verifyRecording(chunk)).toMatchObject({ ok: false, why: expect.stringContaining('bounds') });
  });

  it('never throws on arbitrary bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.nat(small.bytes.length), async (noise, keep) => {
        const bytes = Buffer.concat([small.bytes.subarray(0, keep), noise]);
        const result = await verifyRecording(bytes, { anchor: small.anchor });
        if (!bytes.equals(small.bytes)) expect(result.ok).toBe(false);
      }),
    );
  });
});

describe('comparison with the store', () => {
  it('tells sealed, open, broken, missing and unanchored apart', async () => {
    const broken = Buffer.from(small.bytes);
    broken[200] = (broken[200] as number) ^ 1;
    const files = new Map<string, Buffer>([
      ['sealed', small.bytes],
      ['open', open.bytes],
      ['broken', broken],
      ['stranger', small.bytes],
      ['noise', Buffer.from('noise')],
    ]);
    const anchors = [
      { ...small.anchor, file: 'sealed' },
      { ...open.anchor, file: 'open' },
      { ...small.anchor, file: 'broken' },
      { ...small.anchor, file: 'gone' },
    ];
    const results = await collect(
      verifyAgainstAnchors({ anchors, files: files.keys(), open: async (file) => files.get(file) ?? null }),
    );
    expect(results.map(({ file, status }) => [file, status])).toEqual([
      ['sealed', 'sealed'],
      ['open', 'open'],
      ['broken', 'broken'],
      ['gone', 'missing'],
      ['stranger', 'unanchored'],
      ['noise', 'unanchored'],
    ]);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type CellMask,
  createPostgresEngine,
  type EngineOptions,
  encodeCommandComplete,
  encodeQuery,
  encodeReadyForQuery,
  errorFields,
} from '../src/index.ts';
import { createAllowAllHost } from './allow-all-host.ts';
import { dataRow, rawMessage, rowDescription } from './backend-messages.ts';
import { createSplitter } from './raw-client.ts';

/** Shows that it saw the whole cell, and nothing of it but its length. */
const lengthOf: CellMask = {
  maxLength: () => 20,
  write: (_source, start, end, target, offset) => target.write(`<${end - start}>`, offset),
};

/** What a client gets of a result whose columns named m… are masked. */
function deliver(pieces: readonly Buffer[], options: EngineOptions, mask = lengthOf) {
  const { host, log } = createAllowAllHost({
    describe: (_ticket, _index, fields) => fields.map(({ name }) => (name.startsWith('m') ? mask : null)),
  });
  const engine = createPostgresEngine(host, options);
  engine.fromClient(encodeQuery('SELECT'));
  for (const piece of pieces) engine.fromServer(piece);
  return { log, engine, bytes: Buffer.concat(log.toClient) };
}
const split = (bytes: Buffer, cuts: readonly number[]) => {
  const points = [...new Set(cuts.map((point) => point % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...points].map((from, i) => Buffer.from(bytes.subarray(from, points[i] ?? bytes.length)));
};
const end = Buffer.concat([encodeCommandComplete('SELECT 1'), encodeReadyForQuery('I')]);

const cell = fc.option(fc.nat(90).map((n) => 'x'.repeat(n)));
const names = ['m1', 'clear', 'm2', 'tail'];
const rows = fc.array(fc.tuple(cell, cell, cell, cell), { minLength: 1, maxLength: 5 });
const cuts = fc.array(fc.nat(2000), { maxLength: 30 });

describe('a row that is masked while it comes', () => {
  it('is the same as one that was put together, however it is split', () => {
    fc.assert(
      fc.property(rows, cuts, fc.nat(300), (table, at, wholeRowBytes) => {
        const stream = Buffer.concat([rowDescription(...names), ...table.map((row) => dataRow(...row)), end]);
        const whole = deliver([stream], {});
        const seen = deliver(split(stream, at), { wholeRowBytes });
        expect(seen.bytes).toEqual(whole.bytes);
        expect(seen.log.finished).toEqual(whole.log.finished);
        expect(seen.log.ended).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it('has NULL for each masked cell beyond its bound, and ends the connection where too much has to be held', () => {
    fc.assert(
      fc.property(rows, cuts, fc.integer({ min: 30, max: 120 }), (table, at, maxHeldBytes) => {
        const stream = Buffer.concat([rowDescription(...names), ...table.map((row) => dataRow(...row)), end]);
        const { bytes, log } = deliver(split(stream, at), { wholeRowBytes: 0, maxHeldBytes });
        const messages = createSplitter()(bytes);
        const seen = messages.filter(([type]) => type === 'D').map(([, body]) => body);
        const isMasked = (i: number) => i === 0 || i === 2;
        const expected = table.map((row) =>
          dataRow(
            ...row.map((value, i) =>
              value === null || !isMasked(i) ? value : value.length > maxHeldBytes ? null : `<${value.length}>`,
            ),
          ).subarray(5),
        );
        expect(seen).toEqual(expected.slice(0, seen.length));
        if (log.ended.length === 0) expect(seen).toHaveLength(table.length);
        else expect(messages.at(-1)?.[1].toString()).toMatch(/before a masked column.*Name the masked columns before/s);
        // What is held: the header, the count, two small cells and what is clear between them.
        const held = table.map(([, clear]) => 7 + 12 + 8 + (clear?.length ?? 0));
        if (held.every((length) => length <= maxHeldBytes)) expect(log.ended).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it('tells nothing of a derived value, not even whether it is NULL or large', () => {
    const covers: CellMask = {
      maxLength: () => 3,
      masksNull: true,
      write: (_s, _a, _b, target, at) => target.write('***', at),
    };
    fc.assert(
      fc.property(rows, cuts, fc.constantFrom(0, 1_000_000), (table, at, wholeRowBytes) => {
        const stream = Buffer.concat([rowDescription(...names), ...table.map((row) => dataRow(...row)), end]);
        const { bytes, log } = deliver(split(stream, at), { wholeRowBytes, maxHeldBytes: 250 }, covers);
        const seen = createSplitter()(bytes).filter(([type]) => type === 'D');
        const expected = table.map(([, clear, , tail]) => dataRow('***', clear, '***', tail).subarray(5));
        expect(seen.map(([, body]) => body)).toEqual(expected);
        expect(log.ended).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  it('does not fit its description: the connection ends, and nothing of it is delivered', () => {
    for (const [what, body] of [
      ['too short', Buffer.from([0, 2, 0, 0, 0, 9, 1])],
      ['another width', Buffer.from([0, 3, 0, 0, 0, 1, 1])],
      ['a negative length', Buffer.from([0, 2, 0xff, 0xff, 0xff, 0xfe, 1])],
      ['no columns at all', Buffer.from([0])],
    ] as const) {
      const { log, bytes } = deliver([rowDescription('m', 'clear'), rawMessage('D', body)], {
        wholeRowBytes: 0,
      });
      expect([what, createSplitter()(bytes).map(([type]) => type)]).toEqual([what, ['T', 'E']]);
      expect(log.ended).toHaveLength(1);
    }
  });

  it('a notice of our own waits for its end', () => {
    const row = dataRow('secret', 'c'.repeat(100));
    const { engine, log } = deliver([rowDescription('m', 'clear'), row.subarray(0, 60)], {
      wholeRowBytes: 0,
    });
    engine.notice(errorFields('00000', 'hello'));
    engine.fromServer(Buffer.concat([row.subarray(60), end]));
    expect(createSplitter()(Buffer.concat(log.toClient)).map(([type]) => type)).toEqual(['T', 'D', 'N', 'C', 'Z']);
  });

  it.each<[string, readonly string[], number, readonly number[]]>([
    ['a masked cell of 100 MB', ['m'], 100, [100]],
    ['a clear cell of 100 MB behind a masked one of 100 MB', ['m', 'clear'], 200, [100, 100]],
    ['100 masked cells of 1 MB', Array.from({ length: 100 }, (_, i) => `m${i}`), 100, Array(100).fill(1)],
  ])('%s takes little memory', (_what, columns, megabytes, cells) => {
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    let total = 0;
    const { host, log } = createAllowAllHost({
      describe: (_ticket, _index, fields) => fields.map(({ name }) => (name.startsWith('m') ? lengthOf : null)),
      toClient(bytes) {
        total += bytes.length;
      },
    });
    const engine = createPostgresEngine(host);
    engine.fromClient(encodeQuery('SELECT'));
    engine.fromServer(rowDescription(...columns));
    const chunk = Buffer.alloc(100_000);
    const int32 = (value: number) => {
      const bytes = Buffer.alloc(4);
      bytes.writeInt32BE(value);
      return bytes;
    };
    const bodyBytes = 2 + cells.length * 4 + megabytes * 1_000_000;
    engine.fromServer(
      Buffer.concat([Buffer.from('D'), int32(4 + bodyBytes), Buffer.from([cells.length >> 8, cells.length & 0xff])]),
    );
    for (const megabytesOfCell of cells) {
      engine.fromServer(int32(megabytesOfCell * 1_000_000));
      for (let i = 0; i < megabytesOfCell * 10; i++) {
        engine.fromServer(chunk);
        if (i % 50 === 0) most = Math.max(most, process.memoryUsage().arrayBuffers - before);
      }
    }
    engine.fromServer(end);
    expect(log.finished).toMatchObject([{ outcome: { tag: 'SELECT 1', rows: 1 } }]);
    expect(most).toBeLessThan(80_000_000);
    const clear = columns.reduce((sum, name, i) => sum + (name === 'clear' ? (cells[i] as number) * 1_000_000 : 0), 0);
    expect(total - clear).toBeLessThan(50_000);
  });
});

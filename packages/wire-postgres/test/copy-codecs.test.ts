import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CopyBinaryCodec } from '../src/copy-binary.ts';
import { CopyCsvCodec } from '../src/copy-csv.ts';
import type { CopyCodec } from '../src/copy-row.ts';
import { CopyTextCodec, escapeText } from '../src/copy-text.ts';
import type { CellMask } from '../src/index.ts';
import { Outbox } from '../src/outbox.ts';
import { Slab } from '../src/slab.ts';
import { createSplitter } from './raw-client.ts';

/** Gives every value back unchanged: what comes out must read as what went in. */
const same: CellMask = {
  maxLength: (length) => length,
  write: (source, start, end, target, offset) => source.copy(target, offset, start, end),
};
const starred: CellMask = {
  maxLength: () => 1,
  write: (_source, _start, _end, target, offset) => target.write('*', offset),
};

function run(codec: CopyCodec, pieces: readonly Buffer[]): string {
  const out: Buffer[] = [];
  const outbox = new Outbox((bytes) => void out.push(bytes));
  const slab = new Slab();
  for (const piece of pieces) {
    codec.push(piece, 0, piece.length, slab, () => slab.publish(outbox));
    outbox.flush();
  }
  codec.finish();
  return Buffer.concat(createSplitter()(Buffer.concat(out)).map(([, body]) => body)).toString('latin1');
}

function cut(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const points = [...new Set(cuts.map((point) => point % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...points].map((from, i) => bytes.subarray(from, points[i] ?? bytes.length));
}

const cell = fc.option(
  fc.string({ unit: fc.constantFrom('a', '\t', '\n', '\r', '\\', '"', ',', '.', 'N', 'é', "'"), maxLength: 8 }),
);
const table = fc.array(fc.tuple(cell, cell, cell), { maxLength: 8 });
const cuts = fc.array(fc.nat(500), { maxLength: 12 });
const maxRowBytes = 1_000_000;

function textCell(value: string | null): string {
  if (value === null) return '\\N';
  const plain = Buffer.from(value);
  const target = Buffer.alloc(plain.length * 2);
  return target.toString('utf8', 0, escapeText(plain, plain.length, target, 0));
}

const formats = ['"', "'", '\\'].map((character) => ({
  delimiter: ',',
  quote: '"',
  escape: character,
  nullText: '',
  header: false,
}));
/** As the server writes CSV (CopyAttributeOutCSV), with every value quoted. */
function csvCell(value: string | null, escaper: string): string {
  if (value === null) return '';
  return `"${[...value].map((char) => (char === '"' || char === escaper ? escaper + char : char)).join('')}"`;
}

function binaryTable(rows: readonly (readonly (string | null)[])[]): Buffer {
  const parts = [Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')];
  for (const row of rows) {
    parts.push(Buffer.from([0, row.length]));
    for (const value of row) {
      const bytes = Buffer.from(value ?? '');
      const length = Buffer.alloc(4);
      length.writeInt32BE(value === null ? -1 : bytes.length);
      parts.push(length, value === null ? Buffer.alloc(0) : bytes);
    }
  }
  return Buffer.concat([...parts, Buffer.from([0xff, 0xff])]);
}

describe('COPY codecs give back what the server wrote when nothing is masked, in any pieces', () => {
  it('text', () => {
    fc.assert(
      fc.property(table, cuts, (rows, at) => {
        const bytes = Buffer.from(rows.map((row) => `${row.map(textCell).join('\t')}\n`).join(''));
        const codec = new CopyTextCodec({ masks: [same, null, same], maxRowBytes });
        expect(run(codec, cut(bytes, at))).toBe(bytes.toString('latin1'));
        expect(codec.rows).toBe(rows.length);
      }),
    );
  });

  it.each(formats)('csv with escape $escape', (csv) => {
    fc.assert(
      fc.property(table, cuts, (rows, at) => {
        const bytes = Buffer.from(
          rows.map((row) => `${row.map((value) => csvCell(value, csv.escape)).join(',')}\n`).join(''),
        );
        const codec = new CopyCsvCodec({ masks: [same, null, same], maxRowBytes, csv });
        expect(run(codec, cut(bytes, at))).toBe(bytes.toString('latin1'));
        expect(codec.rows).toBe(rows.length);
      }),
    );
  });

  it('binary', () => {
    fc.assert(
      fc.property(table, cuts, (rows, at) => {
        const bytes = binaryTable(rows);
        const codec = new CopyBinaryCodec({ masks: [same, null, same], maxRowBytes });
        expect(run(codec, cut(bytes, at))).toBe(bytes.toString('latin1'));
        expect(codec.rows).toBe(rows.length);
      }),
    );
  });
});

describe('COPY codecs let no masked value out', () => {
  it('in any format, in any pieces', () => {
    fc.assert(
      fc.property(table, cuts, (rows, at) => {
        const masked = rows.map((row) => row.map((value, i) => (value === null || i === 1 ? value : '*')));
        const text = (source: readonly (readonly (string | null)[])[]) =>
          Buffer.from(source.map((row) => `${row.map(textCell).join('\t')}\n`).join(''));
        const masks = [starred, null, starred];
        expect(run(new CopyTextCodec({ masks, maxRowBytes }), cut(text(rows), at))).toBe(
          text(masked).toString('latin1'),
        );
        expect(run(new CopyBinaryCodec({ masks, maxRowBytes }), cut(binaryTable(rows), at))).toBe(
          binaryTable(masked).toString('latin1'),
        );
      }),
    );
  });
});

describe('COPY in text format with options', () => {
  const text = { delimiter: '|', nullText: '', header: true };
  it('cuts at the delimiter, knows its NULL, leaves the header, escapes what a mask writes', () => {
    const piped: CellMask = {
      maxLength: () => 2,
      write: (_source, _start, _end, target, at) => target.write('*|', at),
    };
    const codec = new CopyTextCodec({ masks: [piped, null], maxRowBytes, text });
    const rows = 'email|note\na\\|b@x|n\\|1\n|\t\n';
    expect(run(codec, cut(Buffer.from(rows), [3, 9, 14, 20]))).toBe('email|note\n*\\||n\\|1\n|\t\n');
    expect(codec.rows).toBe(2);
  });

  it('masks what looks like a NULL that a value may equal', () => {
    const codec = new CopyTextCodec({
      masks: [starred],
      maxRowBytes,
      text: { ...text, nullText: 'eve', header: false },
    });
    expect(run(codec, [Buffer.from('eve\nbob\n')])).toBe('*\n*\n');
  });
});

describe('COPY codecs fail closed', () => {
  const csv = formats[0]!;
  const options = { masks: [starred, null], maxRowBytes: 100 };
  it.each<[string, CopyCodec, string]>([
    ['text with too few columns', new CopyTextCodec(options), 'a\n'],
    ['text with too many columns', new CopyTextCodec(options), 'a\tb\tc\n'],
    ['text that ends in a row', new CopyTextCodec(options), 'a\tb'],
    ['a text row beyond its bound', new CopyTextCodec(options), 'x'.repeat(101)],
    ['csv with too few columns', new CopyCsvCodec({ ...options, csv }), 'a\n'],
    ['csv with another delimiter', new CopyCsvCodec({ ...options, csv }), 'a;b\n'],
    ['csv that ends in quotes', new CopyCsvCodec({ ...options, csv }), 'a,"b\n'],
    ['a csv row beyond its bound', new CopyCsvCodec({ ...options, csv }), `"${'x'.repeat(101)}`],
    ['binary without signature', new CopyBinaryCodec(options), 'x'.repeat(30)],
    ['binary with another width', new CopyBinaryCodec(options), 'PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x01x'],
    ['binary behind its end', new CopyBinaryCodec(options), 'PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\xff\xffx'],
    ['binary with OIDs', new CopyBinaryCodec(options), 'PGCOPY\n\xff\r\n\0\0\x01\0\0\0\0\0\0'],
    ['a binary row that ends early', new CopyBinaryCodec(options), 'PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\0\x02\0\0'],
    [
      'a negative binary length',
      new CopyBinaryCodec(options),
      'PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\0\x02\xff\xff\xff\xfe\0\0\0\0',
    ],
  ])('%s', (_what, codec, bytes) => {
    expect(() => run(codec, [Buffer.from(bytes, 'latin1')])).toThrow();
  });

  it.each(['', 'ab', 'é'])('the delimiter %j is refused', (delimiter) => {
    expect(() => new CopyCsvCodec({ ...options, csv: { ...csv, delimiter } })).toThrow(/one ASCII character/);
  });
});

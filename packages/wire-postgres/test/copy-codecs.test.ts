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
const maxHeldBytes = 1_000_000;

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
        const codec = new CopyTextCodec({ masks: [same, null, same], maxHeldBytes });
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
        const codec = new CopyCsvCodec({ masks: [same, null, same], maxHeldBytes, csv });
        expect(run(codec, cut(bytes, at))).toBe(bytes.toString('latin1'));
        expect(codec.rows).toBe(rows.length);
      }),
    );
  });

  it('binary', () => {
    fc.assert(
      fc.property(table, cuts, (rows, at) => {
        const bytes = binaryTable(rows);
        const codec = new CopyBinaryCodec({ masks: [same, null, same], maxHeldBytes });
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
        expect(run(new CopyTextCodec({ masks, maxHeldBytes }), cut(text(rows), at))).toBe(
          text(masked).toString('latin1'),
        );
        expect(run(new CopyBinaryCodec({ masks, maxHeldBytes }), cut(binaryTable(rows), at))).toBe(
          binaryTable(masked).toString('latin1'),
        );
      }),
    );
  });
});

describe('COPY codecs tell nothing of a derived value, not even whether it is NULL, quoted or large', () => {
  const covers: CellMask = { ...starred, masksNull: true };
  const masks = [covers, null, covers];
  const hidden = (rows: readonly (readonly (string | null)[])[]) =>
    rows.map((row) => row.map((value, i) => (i === 1 ? value : '*')));
  const bounds = fc.constantFrom(20, 64, maxHeldBytes);

  it('text', () => {
    const text = (source: readonly (readonly (string | null)[])[]) =>
      Buffer.from(source.map((row) => `${row.map(textCell).join('\t')}\n`).join(''));
    fc.assert(
      fc.property(table, cuts, bounds, (rows, at, bound) => {
        const codec = new CopyTextCodec({ masks, maxHeldBytes: bound });
        expect(run(codec, cut(text(rows), at))).toBe(text(hidden(rows)).toString('latin1'));
      }),
    );
  });

  it.each(formats)('csv with escape $escape', (csv) => {
    const spelled = (value: string | null) =>
      value === null || /^[a'é]+$/.test(value) ? (value ?? '') : csvCell(value, csv.escape);
    const text = (source: readonly (readonly (string | null)[])[]) =>
      Buffer.from(source.map((row) => `${row.map(spelled).join(',')}\n`).join(''));
    fc.assert(
      fc.property(table, cuts, bounds, (rows, at, bound) => {
        const codec = new CopyCsvCodec({ masks, maxHeldBytes: bound, csv });
        const expected = hidden(rows).map(([, clear]) => `*,${spelled(clear ?? null)},*\n`);
        expect(run(codec, cut(text(rows), at))).toBe(Buffer.from(expected.join('')).toString('latin1'));
      }),
    );
  });

  it('binary', () => {
    fc.assert(
      fc.property(table, cuts, bounds, (rows, at, bound) => {
        const codec = new CopyBinaryCodec({ masks, maxHeldBytes: bound + 19 });
        expect(run(codec, cut(binaryTable(rows), at))).toBe(binaryTable(hidden(rows)).toString('latin1'));
      }),
    );
  });
});

describe('COPY codecs take rows of any length', () => {
  const longCell = fc.option(
    fc.oneof(
      cell.map(String),
      fc.tuple(fc.constantFrom('a', '\t', '"', 'é,', '\\\n'), fc.nat(60)).map(([unit, n]) => unit.repeat(n)),
    ),
  );
  const longTable = fc.array(fc.tuple(longCell, longCell, longCell), { maxLength: 6 });
  const bounds = fc.constantFrom(1, 7, 20, 64);
  const masks = [starred, null, starred];
  /** What is given back when a masked cell, as long as it is spelled there, may or may not have been too large. */
  const expected = (
    rows: readonly (readonly (string | null)[])[],
    spelledLength: (value: string) => number,
    bound: number,
  ) =>
    rows.map((row) =>
      row.map((value, i) => (value === null || i === 1 ? value : spelledLength(value) > bound ? null : '*')),
    );
  /** A masked cell of a row that was put together is masked whatever its length; the row is known to be in pieces only from its bound on. */
  const isOneOf = (seen: string, one: string, other: string) => expect([one, other]).toContain(seen);

  it('text', () => {
    const text = (source: readonly (readonly (string | null)[])[]) =>
      Buffer.from(source.map((row) => `${row.map(textCell).join('\t')}\n`).join(''));
    fc.assert(
      fc.property(longTable, cuts, bounds, (rows, at, bound) => {
        const whole = run(new CopyTextCodec({ masks, maxHeldBytes }), [text(rows)]);
        const codec = new CopyTextCodec({ masks, maxHeldBytes: bound });
        const seen = run(codec, cut(text(rows), at)).split('\n');
        const nulls = text(expected(rows, (value) => Buffer.byteLength(textCell(value)), bound)).toString('latin1');
        whole.split('\n').forEach((line, i) => {
          isOneOf(seen[i] ?? '', line, nulls.split('\n')[i] ?? '');
        });
        expect(codec.rows).toBe(rows.length);
      }),
    );
  });

  it.each(formats)('csv with escape $escape', (csv) => {
    const text = (source: readonly (readonly (string | null)[])[]) =>
      Buffer.from(source.map((row) => `${row.map((value) => csvCell(value, csv.escape)).join(',')}\n`).join(''));
    fc.assert(
      fc.property(longTable, cuts, bounds, (rows, at, bound) => {
        for (const row of rows) {
          const codec = new CopyCsvCodec({ masks, maxHeldBytes: bound, csv });
          const seen = run(codec, cut(text([row]), at));
          const whole = run(new CopyCsvCodec({ masks, maxHeldBytes, csv }), [text([row])]);
          const nulls = expected([row], (value) => Buffer.byteLength(csvCell(value, csv.escape)), bound);
          // A value that was masked is quoted only where it needs it.
          isOneOf(seen, whole, text(nulls).toString('latin1').replaceAll('"*"', '*'));
          expect(codec.rows).toBe(1);
        }
      }),
    );
  });

  it('binary', () => {
    fc.assert(
      fc.property(longTable, cuts, bounds, (rows, at, bound) => {
        for (const row of rows) {
          const codec = new CopyBinaryCodec({ masks, maxHeldBytes: bound + 19 });
          const seen = run(codec, cut(binaryTable([row]), at));
          const masked = expected([row], () => 0, bound);
          const nulls = expected([row], (value) => Buffer.byteLength(value), bound + 19);
          isOneOf(seen, binaryTable(masked).toString('latin1'), binaryTable(nulls).toString('latin1'));
          expect(codec.rows).toBe(1);
        }
      }),
    );
  });

  it('a cell of 60 MB that is masked is passed over, and a clear one goes through', () => {
    const chunk = Buffer.alloc(1_000_000, 0x61);
    const feed = (codec: CopyCodec, pieces: readonly (string | number)[]) => {
      const slab = new Slab();
      let total = 0;
      const outbox = new Outbox((bytes) => {
        total += bytes.length;
      });
      const push = (bytes: Buffer) => {
        codec.push(bytes, 0, bytes.length, slab, () => slab.publish(outbox));
        outbox.flush();
      };
      for (const piece of pieces) {
        if (typeof piece === 'string') push(Buffer.from(piece, 'latin1'));
        else for (let i = 0; i < piece; i++) push(chunk);
      }
      codec.finish();
      return total;
    };
    const before = process.memoryUsage().arrayBuffers;
    const options = { masks: [starred, null], maxHeldBytes: 4_000_000 };
    const length = '\x03\x93\x87\x00';
    const cases: [CopyCodec, string, string, string][] = [
      [new CopyTextCodec(options), '', '\t', '\n'],
      [new CopyCsvCodec({ ...options, csv: formats[0]! }), '', ',', '\n'],
      [new CopyBinaryCodec(options), `PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\0\x02${length}`, length, '\xff\xff'],
    ];
    for (const [codec, head, middle, end] of cases) {
      const total = feed(codec, [head, 60, middle, 60, end]);
      expect(total).toBeGreaterThan(60_000_000);
      expect(total).toBeLessThan(60_100_000);
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100_000_000);
    }
  });
});

describe('COPY in text format with options', () => {
  const text = { delimiter: '|', nullText: '', header: true };
  it('cuts at the delimiter, knows its NULL, leaves the header, escapes what a mask writes', () => {
    const piped: CellMask = {
      maxLength: () => 2,
      write: (_source, _start, _end, target, at) => target.write('*|', at),
    };
    const codec = new CopyTextCodec({ masks: [piped, null], maxHeldBytes, text });
    const rows = 'email|note\na\\|b@x|n\\|1\n|\t\n';
    expect(run(codec, cut(Buffer.from(rows), [3, 9, 14, 20]))).toBe('email|note\n*\\||n\\|1\n|\t\n');
    expect(codec.rows).toBe(2);
  });

  it('masks what looks like a NULL that a value may equal', () => {
    const codec = new CopyTextCodec({
      masks: [starred],
      maxHeldBytes,
      text: { ...text, nullText: 'eve', header: false },
    });
    expect(run(codec, [Buffer.from('eve\nbob\n')])).toBe('*\n*\n');
  });
});

describe('COPY codecs fail closed', () => {
  const csv = formats[0]!;
  const options = { masks: [starred, null], maxHeldBytes: 100 };
  it.each<[string, CopyCodec, string]>([
    ['text with too few columns', new CopyTextCodec(options), 'a\n'],
    ['text with too many columns', new CopyTextCodec(options), 'a\tb\tc\n'],
    ['text that ends in a row', new CopyTextCodec(options), 'a\tb'],
    ['a text row in pieces that ends early', new CopyTextCodec(options), 'x'.repeat(101)],
    ['a text row in pieces with too few columns', new CopyTextCodec(options), `${'x'.repeat(101)}\n`],
    ['a text row in pieces with too many columns', new CopyTextCodec(options), `${'x'.repeat(101)}\ta\tb\n`],
    ['csv with too few columns', new CopyCsvCodec({ ...options, csv }), 'a\n'],
    ['csv with another delimiter', new CopyCsvCodec({ ...options, csv }), 'a;b\n'],
    ['csv that ends in quotes', new CopyCsvCodec({ ...options, csv }), 'a,"b\n'],
    ['a csv row in pieces that ends early', new CopyCsvCodec({ ...options, csv }), `"${'x'.repeat(101)}`],
    ['a csv row in pieces with too few columns', new CopyCsvCodec({ ...options, csv }), `${'x'.repeat(101)}\n`],
    ['a csv row in pieces with too many columns', new CopyCsvCodec({ ...options, csv }), `${'x'.repeat(101)},a,b\n`],
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

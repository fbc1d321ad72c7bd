import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CellMask, createPostgresEngine, encodeQuery } from '../src/index.ts';
import { createAllowAllHost } from './allow-all-host.ts';
import { dataRow, rowDescription } from './backend-messages.ts';
import { createSplitter, summarise } from './raw-client.ts';

const cell = fc.option(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 40 }));
/** By name: what the mask makes of a value. */
const models: Record<string, (value: string) => string | null> = {
  stars: (value) => '*'.repeat(value.length),
  shorter: () => '-',
  longer: (value) => value + value + value,
  gone: () => null,
};

function maskOf(model: (value: string) => string | null): CellMask {
  return {
    maxLength: (length) => length * 3 + 1,
    write(source, start, end, target, offset) {
      const masked = model(source.toString('latin1', start, end));
      return masked === null ? -1 : target.write(masked, offset, 'latin1');
    },
  };
}

describe('masked rows', () => {
  it('are what a plain model says, for any masks and any pieces', () => {
    const kinds = fc.array(fc.constantFrom(null, ...Object.keys(models)), { minLength: 1, maxLength: 6 });
    const table = kinds.chain((columns) =>
      fc.tuple(fc.constant(columns), fc.array(fc.tuple(...columns.map(() => cell)), { maxLength: 20 })),
    );
    fc.assert(
      fc.property(table, fc.integer({ min: 1, max: 200 }), ([columns, rows], step) => {
        const { host, log } = createAllowAllHost({
          describe: () => columns.map((name) => (name === null ? null : maskOf(models[name]!))),
        });
        const engine = createPostgresEngine(host);
        engine.fromClient(encodeQuery('SELECT'));
        const bytes = Buffer.concat([
          rowDescription(...columns.map((_, i) => `c${i}`)),
          ...rows.map((row) => dataRow(...row)),
        ]);
        for (let at = 0; at < bytes.length; at += step) engine.fromServer(bytes.subarray(at, at + step));
        const expected = rows.map((row) =>
          row.map((value, i) => (value === null || columns[i] === null ? value : models[columns[i]!]!(value))),
        );
        const seen = createSplitter()(Buffer.concat(log.toClient)).map(([type, body]) => summarise(type, body));
        expect(seen.slice(1)).toEqual(expected.map((row) => `D ${row.map((value) => value ?? 'NULL').join('|')}`));
        expect(log.ended).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  it('never overwrite bytes that were handed out', () => {
    const { host, log } = createAllowAllHost({ describe: () => [maskOf(models['longer']!)] });
    const engine = createPostgresEngine(host);
    engine.fromClient(encodeQuery('SELECT'));
    engine.fromServer(rowDescription('a'));
    const copies: Buffer[] = [];
    for (let i = 0; i < 3000; i++) {
      engine.fromServer(dataRow(String(i).repeat(10)));
      copies.push(Buffer.from(log.toClient.at(-1)!));
    }
    expect(log.toClient.slice(1).every((bytes, i) => bytes.equals(copies[i]!))).toBe(true);
  });
});

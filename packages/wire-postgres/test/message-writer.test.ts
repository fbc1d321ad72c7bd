import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseBind, parseParse } from '../src/client-messages.ts';
import { encodeBind, encodeErrorResponse, encodeParse, tryErrorFields } from '../src/index.ts';

const text = fc.string({ unit: 'binary', maxLength: 400 }).map((value) => value.replaceAll('\0', ''));
const name = fc.string({ maxLength: 300 }).map((value) => value.replace(/[^ -~]/g, ''));

describe('what is encoded is read back, whatever its length', () => {
  it('Parse', () => {
    fc.assert(
      fc.property(name, text, fc.array(fc.nat(), { maxLength: 90 }), (statement, sql, parameterTypes) => {
        const frame = encodeParse(statement, sql, parameterTypes);
        expect(frame.readInt32BE(1)).toBe(frame.length - 1);
        expect(parseParse(frame, 5, frame.length)).toMatchObject({
          name: statement,
          text: sql.toWellFormed(),
          parameterTypes,
        });
      }),
      { numRuns: 200 },
    );
  });

  it('Bind', () => {
    const values = fc.array(fc.option(fc.uint8Array({ maxLength: 300 })), { maxLength: 20 });
    fc.assert(
      fc.property(name, name, values, (portal, statement, given) => {
        const parameters = given.map((value) => (value === null ? null : Buffer.from(value)));
        const frame = encodeBind(portal, statement, { parameters, parameterFormats: [1], resultFormats: [0, 1] });
        const parsed = parseBind(frame, 5, frame.length);
        const parameterCount = parameters.length;
        expect(parsed).toEqual({
          ...{ portal, statement, parameterCount, parameters },
          ...{ parameterFormats: [1], resultFormats: [0, 1] },
        });
      }),
      { numRuns: 200 },
    );
  });

  it('ErrorResponse', () => {
    fc.assert(
      fc.property(text, text, text, (M, D, H) => {
        const fields = {
          S: 'ERROR',
          V: 'ERROR',
          C: '42501',
          M: M.toWellFormed(),
          D: D.toWellFormed(),
          H: H.toWellFormed(),
        };
        const frame = encodeErrorResponse(fields);
        expect(tryErrorFields(frame, 5, frame.length)).toEqual(fields);
      }),
      { numRuns: 200 },
    );
  });

  it.each(['', 'M', 'Mtext', 'Mtext\0', 'Mtext\0\0x', 'Ctext\0\0'])('the malformed error %j is seen', (body) => {
    expect(tryErrorFields(Buffer.from(body), 0, body.length)).toBeUndefined();
  });
});

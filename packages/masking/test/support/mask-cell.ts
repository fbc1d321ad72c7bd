import type { ContentType, Transform } from '@weir/policy';
import { type CellMask, createPostgresCellMask } from '../../src/index.ts';

export const key = Buffer.from('a secret of the test, 32 bytes ..');

/** Runs a mask on one cell that lies somewhere inside a larger buffer, checks its promises on bounds, and returns the bytes (null = NULL). */
export function maskBytes(mask: CellMask, cell: Buffer): Buffer | null {
  const source = Buffer.concat([Buffer.from('@9before'), cell, Buffer.from('after@9')]);
  const before = Buffer.from(source);
  const bound = mask.maxLength(cell.length);
  const target = Buffer.alloc(bound + 16, 0xee);
  const written = mask.write(source, 8, 8 + cell.length, target, 8);
  if (!source.equals(before)) throw new Error('The mask changed its source.');
  const around = Buffer.concat([target.subarray(0, 8), target.subarray(8 + bound)]);
  if (around.some((byte) => byte !== 0xee)) throw new Error('The mask wrote outside its bounds.');
  if (written > bound) throw new Error(`The mask wrote ${written} bytes where it had promised at most ${bound}.`);
  return written < 0 ? null : target.subarray(8, 8 + written);
}

export interface MaskedColumn {
  readonly transform: Transform;
  readonly contentType?: ContentType | null;
  readonly typeOid?: number;
  readonly typeModifier?: number;
  readonly format?: 0 | 1;
  readonly direct?: boolean;
  readonly key?: Buffer;
}

/** The mask of a text column unless said otherwise. */
export function maskOf(column: MaskedColumn): CellMask {
  return createPostgresCellMask({
    spec: { transform: column.transform, contentType: column.contentType ?? null, rule: 'test' },
    direct: column.direct ?? true,
    typeOid: column.typeOid ?? 25,
    typeModifier: column.typeModifier ?? -1,
    format: column.format ?? 0,
    key: column.key ?? key,
  });
}

/** Masks a text and returns text (null = NULL). */
export function maskText(value: string, column: MaskedColumn): string | null {
  return maskBytes(maskOf(column), Buffer.from(value))?.toString() ?? null;
}

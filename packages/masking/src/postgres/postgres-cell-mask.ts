import type { MaskSpec } from '@weir/policy';
import type { CellMask } from '../cell-mask.ts';
import { partialWriters } from '../content/partial-writers.ts';
import type { TextWriter } from '../content/text-writer.ts';
import { createConstantMask, nullMask } from '../fixed-masks.ts';
import { createFakeWriter, createHashWriter } from '../keyed-writers.ts';
import { createTextMask } from '../text-mask.ts';
import { createByteaHashMask, createUuidMask } from './bytes-mask.ts';
import { createFakeDateMask } from './date-mask.ts';
import { createFakeDecimalMask } from './decimal-mask.ts';
import { createIntegerMask, type IntegerWidth } from './integer-mask.ts';
import { createJsonMask } from './json-mask.ts';
import { characterLimit, redactedConstant } from './redacted-constant.ts';
import { type TypeFamily, typeFamily } from './type-family.ts';

/** What decides how one column's cells are masked. */
export interface PostgresCellMaskOptions {
  readonly spec: MaskSpec;
  /**
   * True when the output column is the protected column itself, false when an expression made the value. Derived values are only redacted
   * or NULL: partial would keep the wrong part, and tokens of `substr(email, 1, 1)` could be turned back by a code book.
   */
  readonly direct: boolean;
  /** Type of the cells as the server describes it; a domain must be given as its base type (RowDescription does). */
  readonly typeOid: number;
  /** `atttypmod` of the column, -1 when there is none. */
  readonly typeModifier: number;
  /** 0 text, 1 binary. */
  readonly format: 0 | 1;
  /** Secret for hash and fake, at least 16 bytes. */
  readonly key: Buffer;
}

const integerWidths: Partial<Record<TypeFamily, IntegerWidth>> = { int2: 2, int4: 4, int8: 8 };

/**
 * The mask of one PostgreSQL column. A masked value is a legal value of the column's type and length, or SQL NULL.
 *
 * A type without the asked transform falls to a stricter one: hash to NULL (a constant would claim that all inputs are equal), fake and
 * partial to redact, redact to NULL. NULL cells of a column itself are not given to the mask: they stay NULL; those that an expression made are masked, too. The mask keeps scratch space of its own: it is
 * not re-entrant.
 * @throws RangeError when hash or fake is asked with a key shorter than 16 bytes.
 */
export function createPostgresCellMask(options: PostgresCellMaskOptions): CellMask {
  const { spec, direct } = options;
  if (spec.transform === 'null') return nullMask;
  if (direct && spec.transform === 'hash') return hashMask(options) ?? nullMask;
  const special = direct && spec.transform === 'fake' ? fakeMask(options) : null;
  if (special !== null) return special;
  if (direct && spec.transform === 'partial') return partialMask(options) ?? redactMask(options);
  return direct ? redactMask(options) : { ...redactMask(options), masksNull: true };
}

function redactMask({ typeOid, typeModifier, format }: PostgresCellMaskOptions): CellMask {
  const constant = redactedConstant(typeOid, typeModifier, format);
  return constant === null ? nullMask : createConstantMask(constant);
}

/** A mask by a text writer for the text types; null for all others. */
function textMask({ typeOid, typeModifier, format }: PostgresCellMaskOptions, writer: TextWriter): CellMask | null {
  const family = typeFamily(typeOid);
  if (family !== 'text' && family !== 'bpchar') return null;
  const redacted = redactedConstant(typeOid, typeModifier, format) ?? Buffer.from('***');
  const limit = characterLimit(typeOid, typeModifier);
  return createTextMask({ writer, redacted, limit, isBlankPadded: family === 'bpchar' });
}

function hashMask(options: PostgresCellMaskOptions): CellMask | null {
  const { typeOid, typeModifier, format, key } = options;
  const family = typeFamily(typeOid);
  const width = integerWidths[family];
  if (width !== undefined) return createIntegerMask({ width, format, key, transform: 'hash', contentType: null });
  if (family === 'uuid') return createUuidMask(format, key);
  if (family === 'bytea') return createByteaHashMask(format, key);
  const writer = createHashWriter(key, characterLimit(typeOid, typeModifier));
  if (family === 'json' || family === 'jsonb') return createJsonMask(writer, family === 'jsonb' && format === 1);
  return textMask(options, writer);
}

function fakeMask(options: PostgresCellMaskOptions): CellMask | null {
  const { spec, typeOid, typeModifier, format, key } = options;
  const family = typeFamily(typeOid);
  const { contentType } = spec;
  const width = integerWidths[family];
  if (width !== undefined) return createIntegerMask({ width, format, key, transform: 'fake', contentType });
  if (family === 'numeric' || family === 'float4' || family === 'float8') {
    return createFakeDecimalMask(family, typeModifier, format, key);
  }
  if (family === 'uuid') return createUuidMask(format, key);
  if (family === 'date') {
    return createFakeDateMask(format, key, redactedConstant(typeOid, typeModifier, format) ?? Buffer.alloc(0));
  }
  const writer = createFakeWriter(key, contentType);
  if (family === 'json' || family === 'jsonb') return createJsonMask(writer, family === 'jsonb' && format === 1);
  return textMask(options, writer);
}

function partialMask(options: PostgresCellMaskOptions): CellMask | null {
  const { contentType } = options.spec;
  const writer = contentType === null ? undefined : partialWriters[contentType];
  return writer === undefined ? null : textMask(options, writer);
}

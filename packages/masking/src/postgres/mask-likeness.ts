import type { ContentType, MaskSpec } from '@weir/policy';
import { tokenLength } from '../keyed-writers.ts';
import { characterLimit, redactedConstant } from './redacted-constant.ts';
import { typeFamily } from './type-family.ts';
import { plainText } from './value-text.ts';

/**
 * How much a value looks like what the mask of a column shows. `mask`: nobody writes that by chance. `constant`: it is what a redacted value of this type
 * looks like, and a value that people write, too (0, 1970-01-01). `none`: as far as its shape says, it is an ordinary value.
 */
export type MaskLikeness = 'mask' | 'constant' | 'none';

/** The column whose mask is meant. */
export interface MaskedColumn {
  readonly spec: MaskSpec;
  readonly typeOid: number;
  /** `atttypmod`, -1 when there is none. */
  readonly typeModifier: number;
}

/** What partial leaves of each content type (see partial-writers.ts and partial-email.ts). */
const partialShapes: Readonly<Partial<Record<ContentType, RegExp>>> = {
  email: /^[A-Za-z0-9]\*\*\*@[^@\s]+$/,
  phone: /^\*\*\*\d{2}(?:\d{2})?$/,
  'us-ssn': /^\*\*\*-\*\*-\d{4}$/,
  card: /^\*{12}\d{4}$/,
  iban: /^[A-Za-z]{2}\*\*\*[A-Za-z0-9]{4}$/,
};
const hashShape = /^h_[0-9a-f]{8,16}$/;
const stars = '***';

/** Compares the text form of a value with the masks of its column. Fakes, and hashes of types other than text, have no shape of their own. */
export function maskLikeness(column: MaskedColumn, text: string): MaskLikeness {
  const { spec, typeOid, typeModifier } = column;
  const family = typeFamily(typeOid);
  // NULL tells nothing, and of two values of bool one is always the redacted one.
  if (spec.transform === 'null' || family === 'bool') return 'none';
  if (family === 'text' || family === 'bpchar')
    return textLikeness(spec, text.trimEnd(), characterLimit(typeOid, typeModifier));
  const plain = plainText(typeOid, text);
  if (family === 'json' || family === 'jsonb') {
    const inner = /^"([^"\\]*)"$/.exec(plain)?.[1];
    return inner === undefined ? 'none' : textLikeness(spec, inner, null);
  }
  const constant = redactedConstant(typeOid, typeModifier, 0)?.toString('utf8');
  if (constant === undefined || plain !== plainText(typeOid, constant)) return 'none';
  return family === 'xml' || family === 'tsquery' ? 'mask' : 'constant';
}

function textLikeness({ transform, contentType }: MaskSpec, text: string, limit: number | null): MaskLikeness {
  if (text === stars) return 'mask';
  if (limit !== null && limit < stars.length && text === stars.slice(0, limit)) return 'constant';
  if (transform === 'hash' && hashShape.test(text) && text.length === Math.min(tokenLength, limit ?? tokenLength))
    return 'mask';
  const shape = transform === 'partial' && contentType !== null ? partialShapes[contentType] : undefined;
  return shape?.test(text) === true ? 'mask' : 'none';
}

/** Do values of this mask have to be remembered to be known again? */
export function needsMemory({ spec, typeOid }: Pick<MaskedColumn, 'spec' | 'typeOid'>): boolean {
  if (spec.transform === 'fake') return true;
  const family = typeFamily(typeOid);
  return (
    spec.transform === 'hash' && family !== 'text' && family !== 'bpchar' && family !== 'json' && family !== 'jsonb'
  );
}

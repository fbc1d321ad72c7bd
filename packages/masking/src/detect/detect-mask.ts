import type { ContentType } from '@weir/policy';
import type { CellMask } from '../cell-mask.ts';
import { copyMask } from '../fixed-masks.ts';
import { arrayElements, typeFamily } from '../postgres/type-family.ts';
import { createDetector, type Detector } from './detect.ts';
import { createJsonReader } from './json-span.ts';
import { placeholders } from './placeholders.ts';
import type { Span } from './span.ts';

export interface DetectMaskOptions {
  /** Content types to look for; those without a detector are ignored. */
  readonly types: readonly ContentType[];
  readonly format: 0 | 1;
  readonly typeOid: number;
  /** Not used by the placeholders that are written today; part of the contract so that tokens can take their place. */
  readonly key?: Buffer;
}

/** The shortest span is what an escape leaves of an address in JSON: `@x.io` behind `\\n`, seven bytes in all, becomes nine. */
const grown = (length: number): number => length + (length >> 1) + 16;

type Kind = 'text' | 'json' | 'binary-array' | 'foreign' | 'copy';

function kindOf(typeOid: number, format: 0 | 1): Kind {
  const family = typeFamily(typeOid);
  if (family === 'json' || family === 'jsonb') return 'json';
  if (family === 'text' || family === 'bpchar' || family === 'xml') return 'text';
  if (family === 'array') {
    const element = kindOf(arrayElements.get(typeOid) ?? 0, format);
    // Arrays of JSON quote their elements: their text form is neither JSON nor plain.
    if (element === 'copy') return 'copy';
    if (format === 1) return 'binary-array';
    return element === 'text' ? 'text' : 'foreign';
  }
  return family === 'opaque' ? 'foreign' : 'copy';
}

/**
 * The backstop for columns that no rule protects: rewrites e-mail addresses, cards, IBANs, SSNs and phone numbers inside text and JSON to
 * `[email]`, `[card]` … and copies the rest. JSON stays JSON. In composites, unknown types and binary arrays, whose form cannot be
 * rewritten in place, a value with a find becomes SQL NULL. Numbers, dates and other built-in scalars are copied: look-alikes would be
 * frequent there.
 */
export function createDetectMask({ types, format, typeOid }: DetectMaskOptions): CellMask {
  const kind = kindOf(typeOid, format);
  const detector = createDetector(types);
  if (kind === 'text') return createRewriter(detector, rewriteText);
  if (kind === 'json') return createRewriter(detector, rewriteJson);
  if (kind === 'copy') return copyMask;
  return {
    maxLength: (length) => length,
    write(source, start, end, target, offset) {
      const hasFind =
        kind === 'foreign' ? detector(source, start, end).length > 0 : elementsHaveFind(source, start, end, detector);
      return hasFind ? -1 : source.copy(target, offset, start, end);
    },
  };
}

type Rewrite = (
  spans: readonly Span[],
  source: Buffer,
  start: number,
  end: number,
  target: Buffer,
  offset: number,
) => number;

function createRewriter(detector: Detector, rewrite: Rewrite): CellMask {
  return {
    maxLength: grown,
    write(source, start, end, target, offset) {
      const spans = detector(source, start, end);
      if (spans.length === 0) return source.copy(target, offset, start, end);
      return rewrite(spans, source, start, end, target, offset);
    },
  };
}

const rewriteText: Rewrite = (spans, source, start, end, target, offset) => {
  let from = start;
  let to = offset;
  for (const span of spans) {
    to += source.copy(target, to, from, span.start);
    to += placeholders[span.type].copy(target, to);
    from = span.end;
  }
  return to + source.copy(target, to, from, end) - offset;
};

const rewriteJson: Rewrite = (spans, source, start, end, target, offset) => {
  const reader = createJsonReader(source, start, end);
  let from = start;
  let to = offset;
  for (const span of spans) {
    const place = reader.place(span);
    if (place === null || place.start < from) continue;
    to += source.copy(target, to, from, place.start);
    if (place.needsQuotes) to = target.writeUInt8(0x22, to);
    to += placeholders[span.type].copy(target, to);
    if (place.needsQuotes) to = target.writeUInt8(0x22, to);
    from = place.end;
  }
  return to + source.copy(target, to, from, end) - offset;
};

/** Walks a binary array (array_send): dimensions, flags, element type, two words per dimension, then length and bytes of each element. */
function elementsHaveFind(source: Buffer, start: number, end: number, detector: Detector): boolean {
  if (end - start < 12) return true;
  const dimensions = source.readInt32BE(start);
  if (dimensions < 0 || dimensions > 6) return true;
  let at = start + 12 + dimensions * 8;
  while (at + 4 <= end) {
    const length = source.readInt32BE(at);
    at += 4;
    if (length < 0) continue;
    if (at + length > end) return true;
    if (detector(source, at, at + length).length > 0) return true;
    at += length;
  }
  return at !== end;
}

import type { Finding, FindingCode } from '../finding.ts';
import type { PlacedDocument } from '../parse.ts';
import type { ValuePath } from '../source.ts';

/** A warning about the value at `path` of a document. */
export function warning(code: FindingCode, message: string, placed: PlacedDocument, path: ValuePath): Finding {
  const { line, column } = placed.raw.positionOf(path);
  const { name, source } = placed.document;
  return { severity: 'warning', code, message, source: source.name, line, column, document: name };
}

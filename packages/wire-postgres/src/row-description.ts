import type { FieldDescription } from './engine-host.ts';
import { MessageReader } from './message-reader.ts';

/** Reads the body of a RowDescription. @throws WeirError protocol_violation */
export function parseRowDescription(buffer: Buffer, start: number, end: number): readonly FieldDescription[] {
  const reader = new MessageReader(buffer, start, end);
  const fields: FieldDescription[] = [];
  for (let left = reader.count(); left > 0; left--) {
    fields.push({
      name: reader.cstring('utf8'),
      tableOid: reader.int32() >>> 0,
      attributeNumber: reader.int16(),
      typeOid: reader.int32() >>> 0,
      typeSize: reader.int16(),
      typeModifier: reader.int32(),
      format: reader.int16(),
    });
  }
  reader.finish();
  return fields;
}

/** Reads the body of a ParameterDescription: type OIDs. @throws WeirError protocol_violation */
export function parseParameterDescription(buffer: Buffer, start: number, end: number): readonly number[] {
  const reader = new MessageReader(buffer, start, end);
  const types: number[] = [];
  for (let left = reader.count(); left > 0; left--) types.push(reader.int32() >>> 0);
  reader.finish();
  return types;
}

/** Applies Bind's result format codes (none = text, one = for all, else one per column). @returns `fields` itself when nothing changes. */
export function withFormats(
  fields: readonly FieldDescription[],
  formats: readonly number[],
): readonly FieldDescription[] {
  const formatOf = (column: number) =>
    formats.length === 0 ? 0 : formats.length === 1 ? formats[0]! : (formats[column] ?? 0);
  if (fields.every((field, column) => field.format === formatOf(column))) return fields;
  return fields.map((field, column) => ({ ...field, format: formatOf(column) }));
}

/** Is a field's value what readers rely on? `fields` are those of the whole event. */
export type Check = (value: unknown, fields: Readonly<Record<string, unknown>>) => boolean;
/** The fields of an event that are checked, by name. */
export type Shape = Readonly<Record<string, Check>>;

export const text: Check = (value) => typeof value === 'string';
export const number: Check = (value) => typeof value === 'number';
export const flag: Check = (value) => typeof value === 'boolean';
export const list: Check = (value) => Array.isArray(value);
export const object: Check = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
/** A whole number, not negative. */
export const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;

export const nullable =
  (check: Check): Check =>
  (value, fields) =>
    value === null || check(value, fields);
export const optional =
  (check: Check): Check =>
  (value, fields) =>
    value === undefined || check(value, fields);
export const listOf =
  (check: Check): Check =>
  (value, fields) =>
    Array.isArray(value) && value.every((item) => check(item, fields));
export const matching =
  (pattern: RegExp): Check =>
  (value) =>
    typeof value === 'string' && pattern.test(value);
/** An object whose fields are as the shape says. */
export const shaped =
  (shape: Shape): Check =>
  (value, fields) =>
    object(value, fields) && misfit(shape, value as Record<string, unknown>) === null;

export const texts = listOf(text);
export const cells = listOf(nullable(text));

/** Name of the first field that is not as the shape says; null = all are. */
export function misfit(shape: Shape, fields: Readonly<Record<string, unknown>>): string | null {
  for (const [field, check] of Object.entries(shape)) if (!check(fields[field], fields)) return field;
  return null;
}

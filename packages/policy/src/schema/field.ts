import { z } from 'zod';
import { didYouMean } from '../did-you-mean.ts';

/** Separates the messages of several unknown keys of one object within one zod issue. */
export const keySeparator = '\n';

/** A closed object: an unknown key is an error that names the nearest known one. */
export function section<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code === 'unrecognized_keys') {
        return issue.keys.map((key) => `Unknown key "${key}".${keyAdvice(key, known)}`).join(keySeparator);
      }
      return missing(issue.input) ?? `Expected keys (${known.join(', ')}), found ${describe(issue.input)}.`;
    },
  });
}

/** One of a closed list of words. */
export function oneOf<const Words extends readonly string[]>(words: Words) {
  return z.enum(words, {
    error: (issue) => {
      if (issue.input === null && words.includes('null'))
        return 'YAML reads null as nothing here; write "null" in quotes.';
      if (typeof issue.input !== 'string') return missing(issue.input) ?? `Expected one of ${words.join(', ')}.`;
      return `"${issue.input}" is not one of ${words.join(', ')}.${didYouMean(issue.input, words)}`;
    },
  });
}

/** A text of 1 to `max` characters. */
export function text(max: number) {
  return z
    .string({ error: (issue) => missing(issue.input) ?? `Expected text, found ${describe(issue.input)}.` })
    .min(1, { error: 'Expected text, found an empty one.' })
    .max(max, { error: `Longer than ${max} characters.` });
}

/** A non-empty list; at most 1,000 entries. */
export function list<Item extends z.ZodType>(item: Item) {
  return z
    .array(item, { error: (issue) => missing(issue.input) ?? `Expected a list, found ${describe(issue.input)}.` })
    .min(1, { error: 'The list is empty; leave the key out or name something.' })
    .max(1000, { error: 'More than 1000 entries.' });
}

/** A whole number from `min` to 1,000,000,000. */
export function count(min: number) {
  return z
    .int({ error: (issue) => missing(issue.input) ?? `Expected a whole number, found ${describe(issue.input)}.` })
    .min(min, { error: `Expected at least ${min}.` })
    .max(1_000_000_000, { error: 'Expected at most 1000000000.' });
}

/** A glob over a dotted name with exactly the named parts, e.g. `schema.table`. */
export function pathGlob(shape: string) {
  const parts = shape.split('.').length;
  return text(300).refine(
    (value) => value.split('.').length === parts && value.split('.').every((part) => part !== ''),
    {
      error: (issue) =>
        `"${String(issue.input)}" must have the form ${shape}; write * for a part that does not matter.`,
    },
  );
}

/** A YAML value in the words of a person. */
export function describe(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'keys' : `${typeof value} ${JSON.stringify(value)}`;
}

function missing(input: unknown): string | undefined {
  return input === undefined ? 'This key is required.' : undefined;
}

function keyAdvice(key: string, known: readonly string[]): string {
  return didYouMean(key, known) || ` Known keys: ${known.join(', ')}.`;
}

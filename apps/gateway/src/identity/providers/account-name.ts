import { nameSchema } from '@weir/api';

/** Longest name; see nameSchema. */
const maxLength = 63;

/** A provider's name of somebody as accounts are called here: the part before `@`, small letters, a dash for what names do not have. @returns undefined when nothing is left. */
export function accountName(name: string): string | undefined {
  return normalName(name.split('@', 1)[0] ?? '');
}

/** A text in the form of names. @returns undefined when nothing is left. */
export function normalName(text: string): string | undefined {
  const normal = text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .slice(0, maxLength)
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '');
  return nameSchema.safeParse(normal).success ? normal : undefined;
}

/** The name with a number behind it: `alice`, `alice-2`, `alice-3`, … */
export function numberedName(name: string, number: number): string {
  if (number === 1) return name;
  const suffix = `-${number}`;
  return `${name.slice(0, maxLength - suffix.length).replace(/[^a-z0-9]+$/, '')}${suffix}`;
}

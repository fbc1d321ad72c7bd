import type { Random } from './random.ts';

/** Beginnings of the card networks' published test numbers, and the length of a number. No real card has them. */
const testRanges = [
  { prefix: '424242', length: 16 },
  { prefix: '411111', length: 16 },
  { prefix: '400000', length: 16 },
  { prefix: '555555', length: 16 },
  { prefix: '222300', length: 16 },
  { prefix: '378282', length: 15 },
  { prefix: '601111', length: 16 },
] as const;

/** A card number of a test range that passes the Luhn check, digits only. */
export function generateCard(random: Random): string {
  const { prefix, length } = random.pick(testRanges);
  const body = prefix + random.digits(length - prefix.length - 1);
  return body + luhnCheckDigit(body);
}

/** The digit that makes `body` + digit valid (ISO/IEC 7812-1, annex B). */
export function luhnCheckDigit(body: string): string {
  let sum = 0;
  for (let i = 0; i < body.length; i++) {
    const digit = Number(body[body.length - 1 - i]);
    const doubled = i % 2 === 0 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return String((10 - (sum % 10)) % 10);
}

/** The number as printed on a card: groups of four, or 4-6-5 for fifteen digits. */
export function groupCard(card: string): string {
  const groups = card.length === 15 ? /(\d{4})(\d{6})(\d{5})/ : /(\d{4})(\d{4})(\d{4})(\d{4})/;
  return card.replace(groups, (_all, ...parts: string[]) =>
    parts.filter((part) => /^\d+$/.test(String(part)) && String(part).length > 3).join(' '),
  );
}

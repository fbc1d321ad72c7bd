import type { Random } from './random.ts';

/** Countries with the form of their BBAN (SWIFT IBAN registry): `d` stands for a digit, letters stand for a test bank. */
const forms = [
  { country: 'DE', bban: 'd'.repeat(18) },
  { country: 'GB', bban: `TEST${'d'.repeat(14)}` },
  { country: 'NL', bban: `TEST${'d'.repeat(10)}` },
  { country: 'FR', bban: 'd'.repeat(23) },
  { country: 'ES', bban: 'd'.repeat(20) },
  { country: 'AT', bban: 'd'.repeat(16) },
] as const;

/** An IBAN of the right form and length for its country whose check digits are valid, without blanks. */
export function generateIban(random: Random): string {
  const { country, bban } = random.pick(forms);
  const account = bban.replaceAll('d', () => random.digits(1));
  return country + ibanCheckDigits(country, account) + account;
}

/** The two check digits (ISO 13616-1: 98 minus the remainder by 97 of the account, country and `00`). */
export function ibanCheckDigits(country: string, bban: string): string {
  return String(98 - ibanRemainder(`${bban}${country}00`)).padStart(2, '0');
}

/** Remainder by 97 (ISO 7064) of a text whose letters count as 10 to 35. A valid IBAN with its first four characters at the end gives 1. */
export function ibanRemainder(rearranged: string): number {
  let remainder = 0;
  for (const character of rearranged) {
    const value = Number.parseInt(character, 36);
    remainder = (remainder * (value > 9 ? 100 : 10) + value) % 97;
  }
  return remainder;
}

/** Forms of numbers; `9` = a digit, others as they are. */

/** A US social security number. */
export const ssnPattern = '999-99-9999';

/** North American telephone numbers that count without a country code; the last ones only behind an opening parenthesis. */
export const nationalPatterns = [
  '999-999-9999',
  '999.999.9999',
  '999 999 9999',
  '999) 999-9999',
  '999)999-9999',
  '999) 999 9999',
];

/** Bytes that divide the groups of an international telephone number: `space - . / ( )`. */
export const isPhoneSeparator = (byte: number): boolean =>
  byte === 0x20 || byte === 0x2d || byte === 0x2e || byte === 0x2f || byte === 0x28 || byte === 0x29;

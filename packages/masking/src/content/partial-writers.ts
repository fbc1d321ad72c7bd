import type { ContentType } from '@weir/policy';
import { isAlphanumeric, isDigit, isLetter } from './byte-class.ts';
import { partialEmail } from './partial-email.ts';
import type { TextWriter } from './text-writer.ts';

const star = 0x2a;

function copyLast(source: Buffer, count: number, keep: number, target: Buffer, offset: number): void {
  for (let i = 0; i < keep; i += 1) target[offset + i] = source[count - keep + i] as number;
}

/** Holds the digits or letters of the value at hand, without separators; one value at a time, never kept. */
const plain = Buffer.alloc(48);

/**
 * Collects the bytes that `keep` accepts into `plain`; bytes of `separators` are left out.
 * @returns how many, or -1 when another byte occurs or there are more than 40.
 */
function collect(source: Buffer, start: number, end: number, keep: (b: number) => boolean, separators: string): number {
  let count = 0;
  for (let i = start; i < end; i += 1) {
    const byte = source[i] as number;
    if (keep(byte)) {
      if (count === 40) return -1;
      plain[count] = byte;
      count += 1;
    } else if (byte >= 0x80 || !separators.includes(String.fromCharCode(byte))) return -1;
  }
  return count;
}

/** `***1234` for a telephone number of at least ten digits, `***34` for seven to nine, anything shorter or longer is not one. */
const partialPhone: TextWriter = {
  maxLength: () => 8,
  write(source, start, end, target, offset) {
    const count = collect(source, start, end, isDigit, ' +-./()');
    if (count < 7 || count > 15) return -1;
    const keep = count >= 10 ? 4 : 2;
    target.fill(star, offset, offset + 3);
    copyLast(plain, count, keep, target, offset + 3);
    return 3 + keep;
  },
};

const ssnPrefix = Buffer.from('***-**-');

/** `***-**-6789` for nine digits, plain or with dashes or spaces. */
const partialSsn: TextWriter = {
  maxLength: () => 11,
  write(source, start, end, target, offset) {
    const count = collect(source, start, end, isDigit, ' -');
    if (count !== 9) return -1;
    ssnPrefix.copy(target, offset);
    copyLast(plain, count, 4, target, offset + 7);
    return 11;
  },
};

/** Twelve stars and the last four digits, for 13 to 19 digits, plain or with dashes or spaces (the length of the number is not told). */
const partialCard: TextWriter = {
  maxLength: () => 16,
  write(source, start, end, target, offset) {
    const count = collect(source, start, end, isDigit, ' -');
    if (count < 13 || count > 19) return -1;
    target.fill(star, offset, offset + 12);
    copyLast(plain, count, 4, target, offset + 12);
    return 16;
  },
};

/** `DE***1234`: country and last four characters, for two letters, two digits and 11 to 30 letters or digits, spaces allowed. */
const partialIban: TextWriter = {
  maxLength: () => 9,
  write(source, start, end, target, offset) {
    const count = collect(source, start, end, isAlphanumeric, ' ');
    if (count < 15 || count > 34) return -1;
    if (!isLetter(plain[0] as number) || !isLetter(plain[1] as number)) return -1;
    if (!isDigit(plain[2] as number) || !isDigit(plain[3] as number)) return -1;
    target[offset] = plain[0] as number;
    target[offset + 1] = plain[1] as number;
    target.fill(star, offset + 2, offset + 5);
    copyLast(plain, count, 4, target, offset + 5);
    return 9;
  },
};

/**
 * The partial form of each content type. A type without one (names, addresses, numbers and free text, of which any kept part may be
 * the telling one) is redacted whole.
 */
export const partialWriters: Readonly<Partial<Record<ContentType, TextWriter>>> = {
  email: partialEmail,
  phone: partialPhone,
  'us-ssn': partialSsn,
  card: partialCard,
  iban: partialIban,
};

import type { ContentType } from '@weir/policy';
import { isDigit } from '../content/byte-class.ts';
import { emailEnd, emailStart } from './find-email.ts';
import { cardEnd, ibanEnd, ssnEnd } from './find-number.ts';
import { internationalPhoneEnd, nationalPhoneEnd, type PhoneBudget } from './find-phone.ts';
import type { DetectableType, Span } from './span.ts';

const none: readonly Span[] = [];

/** 1 = digit, 2 = `@`, 0 = a byte that begins nothing. One look-up per byte is the whole cost of a clean text. */
const triggers = new Uint8Array(256).fill(1, 0x30, 0x3a).fill(2, 0x40, 0x41);

/** A scan for a fixed set of types; see {@link detect}. */
export type Detector = (buffer: Buffer, start: number, end: number) => readonly Span[];

/** Prepares a scan for these types; types without a detector are ignored. */
export function createDetector(types: readonly ContentType[]): Detector {
  const wanted = new Set<ContentType>(types);
  const hasNumbers = ['phone', 'us-ssn', 'card', 'iban'].some((type) => wanted.has(type as ContentType));
  const hasEmail = wanted.has('email');
  return (buffer, start, end) => {
    let spans: Span[] | null = null;
    let budget: PhoneBudget | null = null;
    // An address may reach back over numbers, not over the address before it.
    let emailFloor = start;
    let i = start;
    while (i < end) {
      const trigger = triggers[buffer[i] as number];
      if (trigger === 0) {
        i += 1;
        continue;
      }
      let span: Span | null = null;
      if (trigger === 2) {
        if (hasEmail) span = emailAt(buffer, emailFloor, i, end);
      } else if (hasNumbers) {
        budget ??= { spent: 0 };
        span = numberAt(buffer, spans?.at(-1)?.end ?? start, i, end, wanted, budget);
      }
      if (span !== null) {
        spans ??= [];
        // The part before an `@` may hold what was taken for a number.
        while (spans.length > 0 && (spans.at(-1) as Span).end > span.start) spans.pop();
        spans.push(span);
        if (span.type === 'email') emailFloor = span.end;
        i = span.end;
      } else if (trigger === 2) i += 1;
      else while (i < end && isDigit(buffer[i] as number)) i += 1;
    }
    return spans ?? none;
  };
}

function emailAt(buffer: Buffer, floor: number, at: number, end: number): Span | null {
  const first = emailStart(buffer, floor, at);
  if (first === at) return null;
  const last = emailEnd(buffer, at, end);
  return last < 0 ? null : { type: 'email', start: first, end: last };
}

/** What begins at the first digit of a run at `at`; `floor` is the end of the last span. */
function numberAt(
  buffer: Buffer,
  floor: number,
  at: number,
  end: number,
  wanted: ReadonlySet<ContentType>,
  budget: PhoneBudget,
): Span | null {
  const span = (type: DetectableType, start: number, last: number): Span | null =>
    last < 0 ? null : { type, start, end: last };
  if (wanted.has('iban') && at - floor >= 2) {
    const iban = span('iban', at - 2, ibanEnd(buffer, at - 2, end));
    if (iban !== null) return iban;
  }
  const hasPlus = at > floor && buffer[at - 1] === 0x2b;
  if (wanted.has('phone') && hasPlus) {
    const phone = span('phone', at - 1, internationalPhoneEnd(buffer, at, end, budget));
    if (phone !== null) return phone;
  }
  if (wanted.has('card')) {
    const card = span('card', at, cardEnd(buffer, at, end));
    if (card !== null) return card;
  }
  if (wanted.has('us-ssn')) {
    const ssn = span('us-ssn', at, ssnEnd(buffer, at, end));
    if (ssn !== null) return ssn;
  }
  if (!wanted.has('phone')) return null;
  const isParenthesised = at > floor && buffer[at - 1] === 0x28;
  return span('phone', isParenthesised ? at - 1 : at, nationalPhoneEnd(buffer, floor, at, end));
}

/**
 * Finds e-mail addresses, card numbers, IBANs, US social security numbers and telephone numbers in UTF-8 text (or any bytes).
 * Linear in the length. Evaded by anything that changes the text (reversal, base64, full-width digits, `\u0040` in JSON): a backstop, not
 * the control.
 * @returns spans in order, without overlaps.
 */
export function detect(buffer: Buffer, start: number, end: number, types: readonly ContentType[]): readonly Span[] {
  return createDetector(types)(buffer, start, end);
}

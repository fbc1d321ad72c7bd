import type { CellMask } from '../cell-mask.ts';
import { createKeyedDigest } from '../keyed-digest.ts';

/** Days from 2000-01-01 (PostgreSQL's epoch) to 1940-01-01 and number of days from there to 2004-12-31. */
const firstDay = -21915;
const dayCount = 23742;
const epochMs = Date.UTC(2000, 0, 1);
const dayMs = 86_400_000;

/** Days since 2000-01-01 of an ISO date `YYYY-MM-DD`, or null for another DateStyle, BC dates and infinity. */
function tryReadDate(source: Buffer, start: number, end: number): number | null {
  const match = /^(\d{4,7})-(\d\d)-(\d\d)$/.exec(source.toString('latin1', start, end));
  if (match === null) return null;
  const ms = Date.UTC(Number(match[1]), Number(match[2]) - 1, Number(match[3]));
  return Number.isNaN(ms) ? null : (ms - epochMs) / dayMs;
}

/**
 * Fakes of date: a day between 1940 and 2004, the same for text and binary form. Anything but an ISO date (another DateStyle, infinity, a
 * wrong length) becomes `redacted`.
 */
export function createFakeDateMask(format: 0 | 1, key: Buffer, redacted: Buffer): CellMask {
  const digest = createKeyedDigest(key, 'fake date');
  const days = Buffer.alloc(4);
  return {
    maxLength: () => Math.max(10, redacted.length),
    write(source, start, end, target, offset) {
      const day = format === 0 ? tryReadDate(source, start, end) : end - start === 4 ? source.readInt32BE(start) : null;
      if (day === null) return redacted.copy(target, offset);
      days.writeInt32BE(Math.max(-0x80000000, Math.min(day, 0x7fffffff)));
      const fake = firstDay + (digest(days, 0, 4).readUInt32BE(0) % dayCount);
      if (format === 1) return target.writeInt32BE(fake, offset) - offset;
      return target.write(new Date(epochMs + fake * dayMs).toISOString().slice(0, 10), offset, 'latin1');
    },
  };
}

import type { DetectableType } from './span.ts';

/** What stands in the place of a value that a detector has found. */
export const placeholders: Readonly<Record<DetectableType, Buffer>> = {
  email: Buffer.from('[email]'),
  phone: Buffer.from('[phone]'),
  'us-ssn': Buffer.from('[us-ssn]'),
  card: Buffer.from('[card]'),
  iban: Buffer.from('[iban]'),
};

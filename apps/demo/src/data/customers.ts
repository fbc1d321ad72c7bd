import { generateCard, groupCard } from './card.ts';
import { generateIban } from './iban.ts';
import { areaCodes, familyNames, givenNames, mailDomains, streetKinds, streets, towns } from './names.ts';
import { createRandom, type Random } from './random.ts';

/** Seed of the demo's data. */
export const shopSeed = 20_260_101;

/** One row of customers; all values are invented. */
export interface Customer {
  readonly id: number;
  readonly name: string;
  readonly email: string;
  readonly phone: string;
  readonly ssn: string;
  readonly card: string;
  readonly iban: string;
  readonly address: string;
  /** Free text; about four in ten mention the customer's own e-mail, card, phone, IBAN or SSN. */
  readonly notes: string;
  /** ISO 8601 in UTC. */
  readonly createdAt: string;
  /** Becomes jsonb. */
  readonly profile: CustomerProfile;
}

/** The jsonb column. */
export interface CustomerProfile {
  readonly tier: 'basic' | 'silver' | 'gold';
  readonly newsletter: boolean;
  readonly contact: { readonly preferred: 'email' | 'phone'; readonly email: string };
  readonly tags: readonly string[];
}

/** The first `count` customers of a seed, ids from 1. Lazy: rows are made as they are taken. */
export function* generateCustomers(count: number, seed: number = shopSeed): Generator<Customer> {
  const random = createRandom(seed, 'customers');
  for (let id = 1; id <= count; id++) yield generateCustomer(id, random);
}

function generateCustomer(id: number, random: Random): Customer {
  const { name, email } = generatePerson(id, random);
  const phone = generatePhone(random);
  const own = { name, email, phone, ssn: generateSsn(random), card: generateCard(random), iban: generateIban(random) };
  const address = generateAddress(random);
  const notes = generateNotes(own, random);
  const createdAt = generateTimestamp(random, 2021, 5);
  const profile: CustomerProfile = {
    tier: random.pick(['basic', 'basic', 'basic', 'silver', 'gold'] as const),
    newsletter: random.chance(0.4),
    contact: { preferred: random.pick(['email', 'phone'] as const), email },
    tags: random.chance(0.3) ? [random.pick(['b2b', 'trial', 'referral', 'vip', 'returns'])] : [],
  };
  return { id, ...own, address, notes, createdAt, profile };
}

/** A name, and an e-mail address of a reserved domain (RFC 2606) which the number makes unique. */
export function generatePerson(id: number, random: Random): { name: string; email: string } {
  const given = random.pick(givenNames);
  const family = random.pick(familyNames);
  const local = `${given}.${family}${id}`.toLowerCase().replaceAll(/[^a-z0-9.]/g, '');
  return { name: `${given} ${family}`, email: `${local}@${random.pick(mailDomains)}` };
}

/** 555-0100 to 555-0199 are kept for fiction in every North American area. */
function generatePhone(random: Random): string {
  const area = random.pick(areaCodes);
  const line = `01${random.digits(2)}`;
  return random.pick([
    `+1 (${area}) 555-${line}`,
    `+1-${area}-555-${line}`,
    `(${area}) 555-${line}`,
    `+1 ${area} 555 ${line}`,
  ]);
}

/** Of the form that the authority gives out: area not 000, 666 or 9xx, no group and no serial of zeros. */
function generateSsn(random: Random): string {
  const area = random.pick([random.int(1, 665), random.int(667, 899)]);
  return [
    String(area).padStart(3, '0'),
    String(random.int(1, 99)).padStart(2, '0'),
    String(random.int(1, 9999)).padStart(4, '0'),
  ].join('-');
}

function generateAddress(random: Random): string {
  const [town, state, zip] = random.pick(towns);
  const flat = random.chance(0.2) ? `, Apt ${random.int(1, 40)}` : '';
  const street = `${random.int(1, 2400)} ${random.pick(streets)} ${random.pick(streetKinds)}`;
  return `${street}${flat}, ${town}, ${state} ${zip}${random.digits(2)}`;
}

/** A moment within `years` years from the first day of `firstYear`, ISO 8601 in UTC, whole seconds. */
export function generateTimestamp(random: Random, firstYear: number, years: number): string {
  const start = Date.UTC(firstYear, 0, 1) / 1000;
  const length = Date.UTC(firstYear + years, 0, 1) / 1000 - start;
  return new Date((start + random.int(0, length - 1)) * 1000).toISOString();
}

type OwnDetails = Pick<Customer, 'name' | 'email' | 'phone' | 'ssn' | 'card' | 'iban'>;

const plainNotes = [
  '',
  '',
  'Asked for a gift receipt.',
  'Prefers delivery in the morning.',
  'Returned one item, refund done.',
  'Called about a late parcel; sorted out.',
  'Wants invoices once a month.',
  'Long-time customer, handle with care.',
  'Left a good review after the last order.',
  "Parcel was left at the neighbour's house; it's fine.",
] as const;

const tellingNotes: readonly ((own: OwnDetails) => string)[] = [
  (own) => `Please send invoices to ${own.email} from now on.`,
  (own) => `Card ${own.card} was declined twice, customer will call back.`,
  (own) => `Read the number ${groupCard(own.card)} out on the phone; reminded not to.`,
  (own) => `Reach ${own.name} on ${own.phone} after 5 pm.`,
  (own) => `Refund goes to ${own.iban}, agreed by mail (${own.email}).`,
  (own) => `Identity checked by SSN ${own.ssn}.`,
  (own) => `Chargeback: card ending ${own.card.slice(-4)}, full number ${own.card}.\nWaiting for the bank.`,
];

function generateNotes(own: OwnDetails, random: Random): string {
  return random.chance(0.4) ? random.pick(tellingNotes)(own) : random.pick(plainNotes);
}

import { generateCard } from './card.ts';
import { generatePerson, generateTimestamp, shopSeed } from './customers.ts';
import { createRandom } from './random.ts';

/** A cell of COPY: null is SQL NULL. */
export type Cell = string | number | null;

/** Rows of orders: (id, customer_id, amount, note, created_at). Customer ids are 1 to `customers`. */
export function* generateOrders(count: number, customers: number, seed: number = shopSeed): Generator<Cell[]> {
  const random = createRandom(seed, 'orders');
  for (let id = 1; id <= count; id++) {
    const note = random.chance(0.15)
      ? random.pick(['gift', 'express', 'leave at the door', 'call before delivery'])
      : null;
    yield [id, random.int(1, customers), amount(random.int(499, 49_999)), note, generateTimestamp(random, 2024, 2)];
  }
}

/** Rows of payments: (id, order_id, amount, card, paid_at). Order ids are 1 to `orders`. */
export function* generatePayments(count: number, orders: number, seed: number = shopSeed): Generator<Cell[]> {
  const random = createRandom(seed, 'payments');
  for (let id = 1; id <= count; id++) {
    yield [
      id,
      random.int(1, orders),
      amount(random.int(499, 49_999)),
      generateCard(random),
      generateTimestamp(random, 2024, 2),
    ];
  }
}

/** Rows of employees: (id, name, email, salary, department). */
export function* generateEmployees(count: number, seed: number = shopSeed): Generator<Cell[]> {
  const random = createRandom(seed, 'employees');
  for (let id = 1; id <= count; id++) {
    const { name, email } = generatePerson(id, random);
    const department = random.pick(['engineering', 'finance', 'operations', 'sales', 'support']);
    yield [id, name, email.replace(/@.*/, '@shop.example'), amount(random.int(38_000, 185_000) * 100), department];
  }
}

/** Rows of users: (id, email, password_hash, api_token). The hashes have the form of bcrypt and belong to no password. */
export function* generateUsers(count: number, seed: number = shopSeed): Generator<Cell[]> {
  const random = createRandom(seed, 'users');
  for (let id = 1; id <= count; id++) {
    const hash = `$2b$12$${Buffer.from(random.hex(80), 'hex').toString('base64').replaceAll('+', '.').slice(0, 53)}`;
    yield [id, generatePerson(id, random).email, hash, `shop_live_${random.hex(32)}`];
  }
}

/** Rows of events: (id, customer_id, kind, payload, occurred_at), all in 2025. */
export function* generateEvents(count: number, customers: number, seed: number = shopSeed): Generator<Cell[]> {
  const random = createRandom(seed, 'events');
  for (let id = 1; id <= count; id++) {
    const kind = random.pick(['login', 'view', 'basket', 'checkout', 'refund']);
    const payload = {
      ip: `192.0.2.${random.int(1, 254)}`,
      agent: random.pick(['web', 'ios', 'android']),
      item: random.int(1, 5000),
    };
    yield [id, random.int(1, customers), kind, JSON.stringify(payload), generateTimestamp(random, 2025, 1)];
  }
}

/** Hundredths as a decimal number. */
function amount(cents: number): string {
  return (cents / 100).toFixed(2);
}

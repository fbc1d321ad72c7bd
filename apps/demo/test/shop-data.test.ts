import { generateCustomers, ibanRemainder, luhnCheckDigit } from '@weir/demo';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { groupCard } from '../src/data/card.ts';
import { copyLine } from '../src/data/copy-in.ts';
import { createRandom } from '../src/data/random.ts';
import { generateEvents, generateOrders, generatePayments, generateUsers } from '../src/data/shop-rows.ts';

const sample = [...generateCustomers(3_000)];

describe('generated customers', () => {
  it('are the same for a seed, and a longer list begins with the shorter', () => {
    expect([...generateCustomers(50, 7)]).toEqual([...generateCustomers(100, 7)].slice(0, 50));
    expect([...generateCustomers(5, 7)]).not.toEqual([...generateCustomers(5, 8)]);
  });

  it('do not change by accident from release to release', () => {
    expect(sample[1]).toMatchObject({
      id: 2,
      name: 'Maria Perez',
      email: 'maria.perez2@mail.example.com',
      card: '5555557348667251',
      iban: 'GB43TEST54530340051090',
    });
  });

  it('have cards of test ranges that pass the Luhn check', () => {
    for (const { card } of sample) {
      expect(card).toMatch(/^(424242|411111|400000|555555|222300|378282|601111)\d+$/);
      expect(card.slice(-1)).toBe(luhnCheckDigit(card.slice(0, -1)));
    }
  });

  it('have IBANs whose remainder by 97 is 1, in the lengths of their countries', () => {
    const lengths: Record<string, number> = { DE: 22, GB: 22, NL: 18, FR: 27, ES: 24, AT: 20 };
    for (const { iban } of sample) {
      expect(ibanRemainder(iban.slice(4) + iban.slice(0, 4))).toBe(1);
      expect(iban).toHaveLength(lengths[iban.slice(0, 2)] ?? 0);
    }
  });

  it.each([
    ['ssn', /^(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}$/],
    ['phone', /^(\+1[ -])?\(?\d{3}\)?[ -]555[ -]01\d{2}$/],
    ['email', /^[a-z0-9.]+@(mail\.|post\.)?example\.(com|org|net)$/],
    ['address', /^\d+ \w+ \w+(, Apt \d+)?, \w+, [A-Z]{2} \d{5}$/],
  ] as const)('have a believable %s', (field, form) => {
    for (const customer of sample) expect(customer[field]).toMatch(form);
  });

  it('have an e-mail address of their own', () => {
    expect(new Set(sample.map(({ email }) => email)).size).toBe(sample.length);
  });

  it('have notes of which about four in ten tell own details', () => {
    const telling = sample.filter(({ notes, email, card, phone, iban, ssn }) =>
      [email, card, groupCard(card), phone, iban, ssn].some((detail) => notes.includes(detail)),
    );
    expect(telling.length / sample.length).toBeGreaterThan(0.35);
    expect(telling.length / sample.length).toBeLessThan(0.45);
    for (const field of ['email', 'card', 'phone', 'iban', 'ssn'] as const) {
      expect(telling.some((customer) => customer.notes.includes(customer[field]))).toBe(true);
    }
  });
});

describe('the rows of the other tables', () => {
  it('refer to rows that exist', () => {
    for (const [, customer] of generateOrders(500, 10)) expect(customer).toSatisfy((id: number) => id >= 1 && id <= 10);
    for (const [, order] of generatePayments(500, 20)) expect(order).toSatisfy((id: number) => id >= 1 && id <= 20);
  });

  it('have hashes and tokens of the usual form', () => {
    for (const [, , hash, token] of generateUsers(20)) {
      expect(hash).toMatch(/^\$2b\$12\$[A-Za-z0-9./]{53}$/);
      expect(token).toMatch(/^shop_live_[0-9a-f]{32}$/);
    }
  });

  it('have events in 2025 only, so that no row needs the default partition', () => {
    for (const row of generateEvents(500, 10)) expect(String(row[4])).toMatch(/^2025-/);
  });
});

describe('check digits', () => {
  it.each([
    ['7992739871', '3'],
    ['424242424242424', '2'],
    ['37828224631000', '5'],
    ['0', '0'],
  ])('Luhn of %s is %s', (body, digit) => {
    expect(luhnCheckDigit(body)).toBe(digit);
  });

  it.each([['WEST12345698765432GB82'], ['370400440532013000DE89']])('%s has remainder 1', (rearranged) => {
    expect(ibanRemainder(rearranged)).toBe(1);
  });
});

describe('the random source', () => {
  it('keeps to its bounds', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.string(),
        fc.integer({ min: -1000, max: 1000 }),
        fc.nat(1000),
        (seed, name, min, size) => {
          const value = createRandom(seed, name).int(min, min + size);
          return Number.isInteger(value) && value >= min && value <= min + size;
        },
      ),
    );
  });
});

describe('lines of COPY', () => {
  it.each([
    [['a', 1, null], 'a\t1\t\\N\n'],
    [['tab\there', 'line\nend', 'back\\slash', 'return\r'], 'tab\\there\tline\\nend\tback\\\\slash\treturn\\r\n'],
    [['\\N', ''], '\\\\N\t\n'],
  ])('%j', (cells, line) => {
    expect(copyLine(cells)).toBe(line);
  });

  it('give back every text', () => {
    const decode = (line: string) =>
      line
        .slice(0, -1)
        .split('\t')
        .map((cell) => cell.replaceAll(/\\(.)/g, (_all, c: string) => ({ t: '\t', n: '\n', r: '\r' })[c] ?? c));
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1 }), (cells) => {
        expect(decode(copyLine(cells))).toEqual(cells);
      }),
    );
  });
});

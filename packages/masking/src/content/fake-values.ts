import type { ContentType } from '@weir/policy';
import { ibanRemainder } from './iban.ts';
import { luhnCheckDigit } from './luhn.ts';

const firstNames =
  'Alma Anton Bela Carla Cyril Dana Edgar Elsa Emil Farid Flora Greta Hugo Ida Ines Ivan Jonas Jule Karim Klara Lars Lea Leon Lina Magda Marek Mila Nadia Nils Noor Olga Oskar Pavel Petra Quentin Rafael Rosa Samir Selma Silas Sonja Tarek Thea Tilda Umar Vera Viktor Wanda Yara Zeno'.split(
    ' ',
  );
const lastNames =
  'Abend Acker Birkle Brandt Cordes Dahlin Eklund Falk Farrow Garner Grimaldi Hallam Hartwig Ibsen Jansen Kessler Kowal Landers Lindqvist Marlow Meinert Nadel Norden Okafor Orlov Pacher Prentice Quist Radley Renner Sandoval Sorel Tamm Thorne Ulrich Valen Voss Wexler Winter Yilmaz Zander'.split(
    ' ',
  );
const streets =
  'Alder Birch Canal Chapel Elm Garden Harbor Juniper Lake Maple Meadow Mill Orchard Park River Station'.split(' ');
const towns =
  'Ashford Brookside Clearwater Eastfield Fairview Glenwood Hillcrest Lakewood Northgate Oakdale Riverton Westbrook'.split(
    ' ',
  );
const words =
  'amber basin cedar delta ember fable grove harbor island jasper kettle lantern meadow nectar orbit pebble quartz ribbon saddle timber umber velvet willow yonder zephyr'.split(
    ' ',
  );

const areas = '202 206 212 303 305 312 404 415 503 512 602 612 617 702 713 808 816 901 907 919'.split(' ');

/** Reads numbers off a digest (32 bytes): each take uses the next four bytes. */
function createDice(digest: Buffer): (sides: number) => number {
  let place = 0;
  return (sides) => {
    const value = digest.readUInt32BE(place % 28);
    place += 4;
    return value % sides;
  };
}

const padded = (value: number, length: number): string => String(value).padStart(length, '0');
const pick = (list: readonly string[], dice: (sides: number) => number): string => list[dice(list.length)] as string;

/** Bank codes that begin with 0 are not assigned in Germany, so the account cannot exist. */
function fakeIban(dice: (sides: number) => number): string {
  const account = `0${padded(dice(10_000_000), 7)}${padded(dice(100_000), 5)}${padded(dice(100_000), 5)}`;
  const check = 98 - ibanRemainder(Buffer.from(`DE00${account}`), 22);
  return `DE${padded(check, 2)}${account}`;
}

type Faker = (dice: (sides: number) => number) => string;

const fakers: Readonly<Record<ContentType, Faker>> = {
  // example.com, .net and .org belong to nobody (RFC 2606).
  email: (dice) =>
    `${pick(firstNames, dice)}.${pick(lastNames, dice)}${dice(10_000)}@example.${pick(['com', 'net', 'org'], dice)}`.toLowerCase(),
  // 555-0100 to 555-0199 are set aside for fiction in every area of the North American numbering plan.
  phone: (dice) => `+1-${pick(areas, dice)}-555-01${padded(dice(100), 2)}`,
  // 900 to 999 are never issued as social security numbers; groups below 50 are not taxpayer numbers either.
  'us-ssn': (dice) => `9${padded(dice(100), 2)}-${padded(1 + dice(49), 2)}-${padded(1 + dice(9999), 4)}`,
  // 400000 is the range of test cards that processors refuse to charge.
  card: (dice) => {
    const body = `400000${padded(dice(100_000), 5)}${padded(dice(10_000), 4)}`;
    return body + luhnCheckDigit(body);
  },
  iban: fakeIban,
  address: (dice) => `${1 + dice(199)} ${pick(streets, dice)} Street, ${pick(towns, dice)}`,
  name: (dice) => `${pick(firstNames, dice)} ${pick(lastNames, dice)}`,
  number: (dice) => String(10_000 + dice(90_000)),
  text: (dice) => `${pick(words, dice)} ${pick(words, dice)} ${pick(words, dice)}`,
};

/** Longest fake value in bytes (all are ASCII without quotes, backslashes or control characters). */
export const maxFakeLength = 48;

/** @returns a believable value of the content type that is the same for the same digest; `null` fakes words. */
export function fakeValue(contentType: ContentType | null, digest: Buffer): string {
  return fakers[contentType ?? 'text'](createDice(digest));
}

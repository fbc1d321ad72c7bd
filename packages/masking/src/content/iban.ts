/** Length of an IBAN by country (SWIFT IBAN registry, release 99). */
const lengths: Readonly<Record<string, number>> = Object.fromEntries(
  (
    'NO15 BE16 DK18 FI18 FK18 FO18 GL18 NL18 SD18 MK19 SI19 AT20 BA20 EE20 KZ20 LT20 LU20 MN20 XK20 CH21 HR21 LI21 LV21 BG22 ' +
    'BH22 CR22 DE22 GB22 GE22 IE22 ME22 RS22 VA22 AE23 GI23 IL23 IQ23 OM23 SO23 TL23 AD24 CZ24 ES24 MD24 PK24 RO24 SA24 SE24 ' +
    'SK24 TN24 VG24 PT25 ST25 IS26 TR26 DJ27 FR27 GR27 IT27 MC27 MR27 SM27 AL28 AZ28 BY28 CY28 DO28 GT28 HN28 HU28 LB28 NI28 ' +
    'PL28 BR29 EG29 PS29 QA29 UA29 JO30 KW30 MU30 YE30 LY25 BI27 MT31 SC31 LC32 RU33 '
  )
    .trim()
    .split(/\s+/)
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);

/** @returns the length of an IBAN whose first two bytes are given (either case), or 0 for a country without IBANs. */
export function ibanLength(first: number, second: number): number {
  return byCountry[(((first & 0x1f) << 5) | (second & 0x1f)) & 0x3ff] as number;
}

const byCountry = new Uint8Array(1024);
for (const [country, length] of Object.entries(lengths)) {
  byCountry[((country.charCodeAt(0) & 0x1f) << 5) | (country.charCodeAt(1) & 0x1f)] = length;
}

/** ISO 7064 mod 97-10 of an IBAN without separators (ASCII letters and digits, either case): valid when the remainder is 1. */
export function ibanRemainder(bytes: Uint8Array, count: number): number {
  let remainder = 0;
  for (let i = 0; i < count; i += 1) {
    const byte = bytes[(i + 4) % count] as number;
    if (byte <= 0x39) remainder = (remainder * 10 + byte - 0x30) % 97;
    else remainder = (remainder * 100 + (byte | 0x20) - 0x61 + 10) % 97;
  }
  return remainder;
}

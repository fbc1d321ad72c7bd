/** @returns how many bytes the UTF-8 character has that begins with this byte (1 for what begins none). */
export function characterLength(lead: number): number {
  if (lead < 0xc2 || lead > 0xf4) return 1;
  return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/** @returns the end of the character at `at`: bytes that do not belong to a well-formed one stand alone. */
export function characterEnd(data: Buffer, at: number, end: number): number {
  const last = Math.min(end, at + characterLength(data[at] as number));
  for (let i = at + 1; i < last; i += 1) if (((data[i] as number) & 0xc0) !== 0x80) return at + 1;
  return last;
}

/** @returns where a character begins that `end` cuts, or `end`. */
export function wholeCharactersEnd(data: Buffer, start: number, end: number): number {
  for (let i = end - 1; i >= start && i > end - 4; i -= 1) {
    const byte = data[i] as number;
    if (byte < 0x80) return end;
    if (byte >= 0xc0) return i + characterLength(byte) > end ? i : end;
  }
  return end;
}

/** First and last code point of ranges that take two columns (Unicode 16, East Asian Width W and F, and emoji), joined where gaps are unassigned. */
const wide: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x231a, 0x231b],
  [0x23e9, 0x23f3],
  [0x25fd, 0x25fe],
  [0x2614, 0x2615],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x18cff],
  [0x1aff0, 0x1b2ff],
  [0x1f004, 0x1f004],
  [0x1f0cf, 0x1f0cf],
  [0x1f18e, 0x1f19a],
  [0x1f200, 0x1f64f],
  [0x1f680, 0x1f6ff],
  [0x1f7e0, 0x1f7f0],
  [0x1f90c, 0x1faff],
  [0x20000, 0x3fffd],
];

const joining = /^[\p{Mn}\p{Me}\p{Cf}]$/u;

/** @returns columns that the character `data[at, end)` takes in a terminal: 0, 1 or 2. */
export function columnsOf(data: Buffer, at: number, end: number): number {
  if (end - at === 1) return 1;
  const text = data.toString('utf8', at, end);
  const point = text.codePointAt(0) as number;
  if (joining.test(text)) return 0;
  if (point < 0x1100) return 1;
  return wide.some(([first, last]) => point >= first && point <= last) ? 2 : 1;
}

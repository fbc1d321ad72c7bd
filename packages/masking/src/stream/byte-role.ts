/** What a byte of output is to the reader of streams. */
export const byteRole = {
  /** Can be a part of a value. Bytes of 0x80 and above are parts of letters. */
  inside: 0,
  /** A digit or `@`: without one there is no value. */
  trigger: 1,
  /** No value holds it: what stands before it is decided when it comes. */
  stop: 2,
  /** Moves the cursor, begins a sequence, or does nothing. Also 0xC2, which may begin a C1 control (ECMA-48, 5.3) in UTF-8. */
  control: 3,
} as const;

/** Role of each byte. */
export const byteRoles = new Uint8Array(256);

for (let byte = 0; byte < 256; byte += 1) byteRoles[byte] = roleOf(byte);

function roleOf(byte: number): number {
  // Tab, line feed, vertical tab, form feed; file, group, record and unit separator.
  if ((byte >= 0x09 && byte <= 0x0c) || (byte >= 0x1c && byte <= 0x1f)) return byteRole.stop;
  if (byte < 0x20 || byte === 0x7f || byte === 0xc2) return byteRole.control;
  if (byte >= 0x80) return byteRole.inside;
  const letter = String.fromCharCode(byte);
  if (/[0-9@]/.test(letter)) return byteRole.trigger;
  return /[A-Za-z ._%+'()/-]/.test(letter) ? byteRole.inside : byteRole.stop;
}

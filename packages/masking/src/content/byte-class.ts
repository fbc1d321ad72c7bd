/** Byte tests that scanners and writers share. All work on single bytes of UTF-8; bytes of 0x80 and above are parts of letters. */
export const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;

/** ASCII letter. */
export const isLetter = (byte: number): boolean => {
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x7a;
};

/** ASCII letter or digit. */
export const isAlphanumeric = (byte: number): boolean => isDigit(byte) || isLetter(byte);

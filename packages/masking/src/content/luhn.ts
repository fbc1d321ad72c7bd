/** ISO/IEC 7812-1 check of a string of decimal digits (values 0 to 9) at `digits[0, count)`. */
export function hasLuhnCheckDigit(digits: Uint8Array, count: number): boolean {
  let sum = 0;
  for (let i = 0; i < count; i += 1) {
    let digit = digits[count - 1 - i] as number;
    if ((i & 1) === 1) {
      digit *= 2;
      if (digit > 9) digit -= 9;
    }
    sum += digit;
  }
  return sum % 10 === 0;
}

/** @returns the digit that makes `digits` plus it pass the check. */
export function luhnCheckDigit(digits: string): number {
  const values = Uint8Array.from([...digits, '0'], Number);
  for (let check = 0; check < 10; check += 1) {
    values[digits.length] = check;
    if (hasLuhnCheckDigit(values, values.length)) return check;
  }
  throw new RangeError('Not a string of decimal digits.');
}

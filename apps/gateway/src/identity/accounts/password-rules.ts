import { WeirError } from '@weir/errors';

/** Shortest password that people may choose, characters. */
export const minPasswordLength = 12;

/** What people choose when they are asked for twelve characters (from the published lists of leaked passwords, in their long forms). Compared without case and repetition. */
const common = new Set(
  `password1234 passwordpassword 123456789012 1234567890123 12345678901234 qwertyuiop123 qwertyuiopas qwerty123456
  administrator administrator1 letmeinletmein welcome12345 welcomewelcome iloveyou1234 iloveyouiloveyou changeme1234
  changemechangeme abcdefghijkl abcdef123456 1q2w3e4r5t6y 1qaz2wsx3edc zaq12wsxcde3 q1w2e3r4t5y6 football1234
  baseball1234 superman1234 sunshine1234 princess1234 dragon123456 monkey123456 master123456 trustno1trustno1
  passw0rd1234 p@ssw0rd1234 p@ssword1234 correcthorsebatterystaple secret123456 secretsecret hello1234567
  summer202420 winter202420 default12345 temporary1234 qwertyqwerty asdfghjkl123 asdfasdfasdf zxcvbnm12345`.split(
    /\s+/,
  ),
);

/** Refuses a password that is easy to guess. `about` are the names of its owner. @throws WeirError invalid_request. */
export function checkPassword(password: string, about: readonly string[]): void {
  const why = weaknessOf(password, about);
  if (why === undefined) return;
  throw new WeirError('invalid_request', 'This password is too easy to guess.', {
    why,
    fix: `Choose at least ${minPasswordLength} characters, for example four words that do not belong together.`,
  });
}

function weaknessOf(password: string, about: readonly string[]): string | undefined {
  if ([...password].length < minPasswordLength) return `It has fewer than ${minPasswordLength} characters.`;
  const plain = password.toLowerCase();
  if (new Set(plain).size < 5) return 'It is made of fewer than five different characters.';
  if (common.has(plain) || common.has(plain.replace(/[^a-z0-9@]+/g, ''))) return 'It is on a list of common passwords.';
  const named = about.find((name) => name.length >= 4 && plain.includes(name.toLowerCase()));
  return named === undefined ? undefined : 'It holds your name.';
}

import { hash, verify } from '@node-rs/argon2';

/** argon2id with the parameters that OWASP names first: 19 MiB, 2 passes, 1 lane. */
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

/** Checks of passwords that take the same time whether or not there is such a user. */
export interface PasswordChecker {
  hash(password: string): Promise<string>;
  /** `stored` undefined or null = no such user, or one without a password: the same work is done and the answer is false. */
  check(stored: string | null | undefined, password: string): Promise<boolean>;
}

/** Makes the checker; it prepares a hash that nobody knows the password of. */
export function createPasswordChecker(): PasswordChecker {
  const decoy = hash(crypto.randomUUID(), parameters);
  return {
    hash: (password) => hash(password, parameters),
    check: async (stored, password) => {
      const isRight = await verify(stored ?? (await decoy), password);
      return isRight && typeof stored === 'string';
    },
  };
}

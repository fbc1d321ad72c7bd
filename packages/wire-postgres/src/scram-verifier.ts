import { hash, hmac, saltPassword } from './scram.ts';

/** What a server keeps in place of a password (RFC 5802, section 3). */
export interface ScramVerifier {
  readonly salt: Buffer;
  readonly iterations: number;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
  /** Made for a name that does not exist: every proof is wrong. */
  readonly isMock: boolean;
}

/** Derives a verifier. @throws WeirError invalid_request for a password that is not printable ASCII */
export function makeScramVerifier(password: string, salt: Buffer, iterations: number): ScramVerifier {
  const salted = saltPassword(password, salt, iterations);
  const storedKey = hash(hmac(salted, 'Client Key'));
  return { salt, iterations, storedKey, serverKey: hmac(salted, 'Server Key'), isMock: false };
}

/**
 * A verifier for a name that does not exist. The salt is a function of the name, so that asking twice tells nothing.
 * @param secret random, the same for all names and as long as the gate lives
 */
export function makeMockScramVerifier(user: string, secret: Uint8Array, iterations: number): ScramVerifier {
  const salt = hmac(secret, `salt ${user}`).subarray(0, 16);
  return {
    salt,
    iterations,
    storedKey: hmac(secret, `stored ${user}`),
    serverKey: hmac(secret, `server ${user}`),
    isMock: true,
  };
}

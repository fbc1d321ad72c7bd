import { createHash, timingSafeEqual } from 'node:crypto';
import { WeirError } from '@weir/errors';
import { readSecret } from '../../config/read-secret.ts';
import type { SecretReference } from '../../config/secret-reference.ts';
import type { Log } from '../../log/create-log.ts';

/** Shortest token, characters. */
const minTokenLength = 32;

/** Tokens by which a directory shows itself. They are read anew for each request: a file that is replaced counts at once. */
export interface ScimTokens {
  /** Is there a token at all, that is: is provisioning switched on? */
  readonly isConfigured: boolean;
  /** Which token it is, from 1; undefined = none of them. */
  check(token: string): Promise<number | undefined>;
}

/** Makes the check. @throws WeirError invalid_request when a token is missing or too short. */
export async function openScimTokens(references: readonly SecretReference[], log: Log): Promise<ScimTokens> {
  for (const [index, reference] of references.entries()) await readToken(reference, index);
  return {
    isConfigured: references.length > 0,
    check: async (token) => {
      const shown = hashOf(token);
      let found: number | undefined;
      // All of them are compared, whichever it is.
      for (const [index, reference] of references.entries()) {
        try {
          if (timingSafeEqual(hashOf(await readToken(reference, index)), shown)) found ??= index + 1;
        } catch (error) {
          log.error('a token of identity.scim cannot be read', error, { number: index + 1 });
        }
      }
      return found;
    },
  };
}

async function readToken(reference: SecretReference, index: number): Promise<string> {
  const what = `token ${index + 1} of identity.scim`;
  const token = await readSecret(reference, what);
  if (token.length >= minTokenLength) return token;
  throw new WeirError('invalid_request', `The ${what} is too short.`, {
    why: `It has ${token.length} characters.`,
    fix: `Make one of at least ${minTokenLength}: openssl rand -base64 32`,
  });
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

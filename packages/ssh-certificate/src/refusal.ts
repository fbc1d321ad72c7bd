import { WeirError } from '@weir/errors';

/** What was given is no key, certificate, signature or line that Weir takes. @returns WeirError invalid_request */
export function unreadable(why: string, cause?: unknown): WeirError {
  return new WeirError('invalid_request', 'This is no SSH key or certificate that Weir takes.', {
    why,
    fix: 'Give a public key as ssh-keygen writes it: ed25519, ecdsa, rsa of at least 2048 bits, or a security key.',
    ...(cause === undefined ? {} : { cause }),
  });
}

import { isIP } from 'node:net';
import { WeirError } from '@weir/errors';

/** Who asks for passkeys: they are bound to its host name, and answer pages of its origin alone. */
export interface RelyingParty {
  readonly id: string;
  readonly origin: string;
}

/** Can passkeys be bound to this address? WebAuthn takes names, and plain http for localhost only. */
export function canHavePasskeys(address: string): boolean {
  const { hostname, protocol } = new URL(address);
  const isNumber = isIP(hostname.replace(/^\[|\]$/g, '')) !== 0;
  return !isNumber && (protocol === 'https:' || hostname === 'localhost');
}

/** The relying party of an issuer. @throws WeirError feature_not_supported when there can be none. */
export function relyingPartyOf(issuer: string): RelyingParty {
  const { hostname, origin } = new URL(issuer);
  if (canHavePasskeys(issuer)) return { id: hostname, origin };
  throw new WeirError('feature_not_supported', 'Passkeys cannot be used at this address.', {
    why: `Browsers bind them to host names under https, and this is ${origin}.`,
    fix: 'Set identity.issuer to an address such as https://weir.example.com (or http://localhost:PORT for a trial).',
  });
}

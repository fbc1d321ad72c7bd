import type { RenewedIdentity } from './gateway-end.ts';

/** Reads the answer to a renewal or a recovery: what the gateway left empty stays as it was. */
export function renewedIdentityOf(answer: {
  readonly certificate: string;
  readonly ca: string;
  readonly frontAddress: string;
}): RenewedIdentity {
  const { certificate, ca, frontAddress } = answer;
  return { certificate, ...(ca === '' ? {} : { ca }), ...(frontAddress === '' ? {} : { frontAddress }) };
}

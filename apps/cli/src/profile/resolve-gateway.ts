import { WeirError } from '@weir/errors';
import type { Cli } from '../cli.ts';
import { note } from '../terminal/output.ts';
import { readCheckout } from './checkout.ts';
import { configFolder } from './config-folder.ts';
import { type Profile, permissionWarning, readProfiles } from './profile-store.ts';

/** The gateway that a command is about. */
export interface Gateway {
  /** Key of its profile. */
  readonly key: string;
  readonly api: string;
  readonly front: string | null;
  readonly ca: string | null;
  readonly checkout: string | null;
  /** Where the address comes from, for `doctor`. */
  readonly source: string;
  /** Absent = not signed in. */
  readonly profile: Profile | undefined;
}

/**
 * Finds the gateway: WEIR_GATEWAY, else the profile of the last sign-in, else the checkout. A profile that came from a checkout counts in that
 * checkout only, and takes address and CA from there each time, because the demo's ports may change from start to start.
 * @throws WeirError sign_in_required when there is none.
 */
export function resolveGateway(cli: Cli, named?: string): Gateway {
  const folder = configFolder(cli.env);
  const warning = permissionWarning(folder);
  if (warning !== undefined) note(cli, warning);
  const { current, profiles } = readProfiles(folder);
  const wanted = named ?? (cli.env['WEIR_GATEWAY'] || undefined);
  if (wanted !== undefined) {
    const api = parseGatewayUrl(wanted);
    const source = named === undefined ? 'WEIR_GATEWAY' : '--gateway';
    return fromProfile(api, source, profiles[api]) ?? { key: api, api, ...nothingKnown, source };
  }
  const profile = current === null ? undefined : profiles[current];
  if (current !== null && profile !== undefined && profile.checkout === null) {
    return fromProfile(current, 'your last weir login', profile) as Gateway;
  }
  const checkout = cli.env['WEIR_CHECKOUT'];
  const found = readCheckout(checkout);
  if (checkout !== undefined && found !== undefined) {
    const key = `checkout:${checkout}`;
    return { key, ...found, checkout, source: `${checkout}/.weir`, profile: profiles[key] };
  }
  if (profile !== undefined && current !== null && (checkout === undefined || profile.checkout === checkout)) {
    return fromProfile(current, 'your last weir login', profile) as Gateway;
  }
  throw new WeirError('sign_in_required', 'No gateway is known.', {
    why: 'There is no profile, and no demo runs in this checkout.',
    fix: 'weir login --gateway URL --user NAME (or start the demo: npm start)',
  });
}

const nothingKnown = { front: null, ca: null, checkout: null, profile: undefined } as const;

function fromProfile(key: string, source: string, profile: Profile | undefined): Gateway | undefined {
  if (profile === undefined) return undefined;
  const { api, front, ca, checkout } = profile;
  return { key, api, front, ca, checkout, source, profile };
}

/** Checks and normalises a gateway's address. @throws WeirError invalid_request. */
export function parseGatewayUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.hostname === '') {
    throw new WeirError('invalid_request', `"${text}" is not the address of a gateway.`, {
      fix: 'Write it as https://HOST or http://127.0.0.1:PORT.',
    });
  }
  if (url.username !== '' || url.search !== '' || url.hash !== '') {
    throw new WeirError('invalid_request', 'The address of a gateway has no user, query or fragment.', {
      fix: `Use ${url.origin}`,
    });
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

/** Is plain http to this address seen by other machines? */
export function isExposed(api: string): boolean {
  const url = new URL(api);
  return url.protocol === 'http:' && !/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
}

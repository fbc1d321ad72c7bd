import type { ApiClient } from '@weir/api';
import { WeirError } from '@weir/errors';
import type { Cli } from '../cli.ts';
import { note } from '../terminal/output.ts';
import { openBrowser } from './browser-sign-in.ts';

/** How often the gateway is asked whether it has happened, ms. */
const intervalMs = 2000;

/** Gives the present sign-in a fresh second factor: the person uses a passkey on a page of the gateway. @returns when it was used, ISO 8601 */
export async function stepUp(cli: Cli, api: ApiClient): Promise<string> {
  const { mfaAt: before } = await api.whoami();
  const { url, expiresAt } = await api.beginStepUp();
  note(cli, `Open this page in a browser and use a passkey: ${url}`);
  openBrowser(cli, url);
  while (Date.now() < Date.parse(expiresAt)) {
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
    const { mfaAt } = await api.whoami();
    if (mfaAt !== null && mfaAt !== before) return mfaAt;
  }
  throw new WeirError('sign_in_required', 'Nobody used a passkey in time.', { fix: 'Run: weir login --step-up' });
}

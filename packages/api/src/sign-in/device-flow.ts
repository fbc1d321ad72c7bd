import { setTimeout as sleep } from 'node:timers/promises';
import { WeirError } from '@weir/errors';
import { z } from 'zod';
import { errorOf, fetchFrom, patiently, readJson } from '../transport.ts';
import {
  cliClientId,
  refusalError,
  requestTokens,
  type ServerMetadata,
  TokenRefusal,
  type Tokens,
} from './authorization-server.ts';
import type { DpopKey } from './dpop-key.ts';

const deviceSchema = z.object({
  device_code: z.string(),
  user_code: z.string(),
  verification_uri: z.string(),
  expires_in: z.number(),
  interval: z.number().default(5),
});

/** A sign-in that a person confirms in a browser elsewhere (RFC 8628). */
export interface DeviceFlow {
  /** What the person types at `address`. */
  readonly userCode: string;
  readonly address: string;
  /** Asks until the person has confirmed. @throws WeirError not_permitted when he refused, sign_in_required when the code ended. */
  finish(): Promise<Tokens>;
}

/** Begins. @throws WeirError not_permitted when the gateway has switched it off. */
export async function beginDeviceFlow(metadata: ServerMetadata, key: DpopKey, fetchOf = fetch): Promise<DeviceFlow> {
  const { issuer, device_authorization_endpoint: url } = metadata;
  if (url === undefined) {
    throw new WeirError('not_permitted', 'This gateway does not sign in other devices.', {
      fix: 'Run weir login on a computer with a browser, or with --user NAME.',
    });
  }
  const body = new URLSearchParams({ client_id: cliClientId, scope: 'api' });
  const response = await patiently(() => fetchFrom(issuer, url, { method: 'POST', body }, fetchOf));
  if (!response.ok) throw await errorOf(response);
  const device = await readJson(response, deviceSchema);
  const parameters = {
    grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
    device_code: device.device_code,
  };
  return {
    userCode: device.user_code,
    address: device.verification_uri,
    finish: async () => {
      let intervalMs = device.interval * 1000;
      for (;;) {
        await sleep(intervalMs);
        try {
          return await requestTokens(metadata, parameters, key, fetchOf);
        } catch (error) {
          if (!(error instanceof TokenRefusal)) throw error;
          if (error.error === 'slow_down') intervalMs += 5000;
          else if (error.error === 'access_denied') {
            throw new WeirError('not_permitted', 'The sign-in was stopped in the browser.', { fix: 'Run: weir login' });
          } else if (error.error !== 'authorization_pending') throw refusalError(error);
        }
      }
    },
  };
}

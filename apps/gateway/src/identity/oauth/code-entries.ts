import type { IncomingMessage, ServerResponse } from 'node:http';
import { isWeirError } from '@weir/errors';
import type { AuditLog } from '../../audit/audit-log.ts';
import { html } from '../../pages/html.ts';
import { headersOf, renderPage } from '../../pages/render-page.ts';
import { createLoginThrottle } from '../login-throttle.ts';

/** How often the form of the device's code may be sent from one address within a minute; a sign-in takes two. */
const perMinute = 20;

/** Slows down those who guess codes of devices. */
export interface CodeEntries {
  /** Counts; answers the request itself when there were too many. @returns false then */
  tryAttempt(address: string, response: ServerResponse): boolean;
}

/** Is this request one with a code of a device? */
export function isCodeEntry({ method, url = '' }: IncomingMessage): boolean {
  return method === 'POST' && /^\/oauth\/device(\?|$)/.test(url);
}

/** Makes the counter. */
export function createCodeEntries({
  audit,
  now,
}: {
  readonly audit: AuditLog;
  readonly now: () => number;
}): CodeEntries {
  const limits = { perUserAndAddress: perMinute, perAddress: perMinute, windowMs: 60_000 };
  const throttle = createLoginThrottle(now, limits);
  return {
    tryAttempt: (address, response) => {
      try {
        throttle.attempt('', address);
        return true;
      } catch (error) {
        if (!isWeirError(error)) throw error;
        const detail = { address, endpoint: 'device', error: error.code };
        audit.later({ actor: 'unknown', action: 'oauth-refused', subject: 'unknown client', detail });
        const page = { title: 'Too many attempts', body: html`<p class="error" role="alert">${error.fix}</p>` };
        response.writeHead(429, headersOf(page)).end(renderPage(page));
        return false;
      }
    },
  };
}

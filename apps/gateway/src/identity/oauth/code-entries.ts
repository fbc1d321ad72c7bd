import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AuditLog } from '../../audit/audit-log.ts';
import { html } from '../../pages/html.ts';
import { headersOf, renderPage } from '../../pages/render-page.ts';
import { createAttemptWindows } from '../attempt-windows.ts';

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
  const windows = createAttemptWindows(60_000, now);
  return {
    tryAttempt: (address, response) => {
      const waitMs = windows.attempt(address, perMinute);
      if (waitMs === 0) return true;
      const detail = { address, endpoint: 'device', error: 'too_many_attempts' };
      audit.later({ actor: 'unknown', action: 'oauth-refused', subject: 'unknown client', detail });
      const advice = `Wait ${Math.ceil(waitMs / 1000)} seconds, then try again.`;
      const page = { title: 'Too many attempts', body: html`<p class="error" role="alert">${advice}</p>` };
      response.writeHead(429, headersOf(page)).end(renderPage(page));
      return false;
    },
  };
}

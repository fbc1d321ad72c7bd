import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { WeirError } from '@weir/errors';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** Life of a browser's sign-in at the gateway's pages. */
export const browserSessionLifeMs = 8 * 3_600_000;

/** A browser by its cookie, which is random and says nothing by itself. */
export interface Browsers {
  /** The browser's id; a browser without one gets a new one with this answer. */
  idOf(request: FastifyRequest, reply: FastifyReply): string;
  /** The browser's id, when it has one. */
  tryId(request: FastifyRequest): string | undefined;
  /** Gives the browser a new id, so that whoever knew the old one knows nothing. */
  renew(reply: FastifyReply): string;
  /** What a form of the browser must bring along (`csrf`). */
  csrfOf(browserId: string): string;
  /** Checks that a form comes from a page of ours in this browser. @throws WeirError not_permitted. */
  requireOwnForm(request: FastifyRequest, csrf: string | undefined): void;
}

/** Makes it. `key` is 32 random bytes; `issuer` the address under which browsers reach the gateway, known when the API listens; `onRefused` hears of forms that are not from there. */
export function createBrowsers(
  key: Buffer,
  issuer: () => string,
  onRefused: (request: FastifyRequest, why: string) => void,
): Browsers {
  const cookieName = (): string => {
    const { protocol, port } = new URL(issuer());
    // Cookies do not tell ports apart: two gateways on one loopback address must not take each other's.
    return protocol === 'https:' ? '__Host-weir' : `weir-${port || '80'}`;
  };
  const setCookie = (reply: FastifyReply, id: string): void => {
    const secure = new URL(issuer()).protocol === 'https:' ? '; Secure' : '';
    reply.header('set-cookie', `${cookieName()}=${id}; Path=/; HttpOnly; SameSite=Lax${secure}`);
  };
  const tryId = (request: FastifyRequest): string | undefined => {
    const name = cookieName();
    for (const pair of (request.headers.cookie ?? '').split(';')) {
      const [key, value = ''] = pair.trim().split('=', 2);
      if (key === name && /^[A-Za-z0-9_-]{43}$/.test(value)) return value;
    }
    return undefined;
  };
  const renew = (reply: FastifyReply): string => {
    const id = randomBytes(32).toString('base64url');
    setCookie(reply, id);
    return id;
  };
  const csrfOf = (browserId: string): string =>
    createHmac('sha256', key).update(`csrf ${browserId}`).digest('base64url');
  return {
    tryId,
    renew,
    csrfOf,
    idOf: (request, reply) => tryId(request) ?? renew(reply),
    requireOwnForm: (request, csrf) => {
      const id = tryId(request);
      const { origin } = request.headers;
      const isForeign = origin !== undefined && origin !== new URL(issuer()).origin;
      if (id !== undefined && !isForeign && csrf !== undefined && isEqual(csrf, csrfOf(id))) return;
      const why = isForeign ? `It was sent by ${origin.slice(0, 200)}.` : 'Its token does not belong to your browser.';
      onRefused(request, why);
      throw new WeirError('not_permitted', 'This form did not come from a page of the gateway in your browser.', {
        why,
        fix: 'Open the page again and send the form from there; allow cookies for this address.',
      });
    },
  };
}

function isEqual(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

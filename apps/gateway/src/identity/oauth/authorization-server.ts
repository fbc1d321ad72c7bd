import type { IncomingMessage, ServerResponse } from 'node:http';
import { WeirError } from '@weir/errors';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type Provider from 'oidc-provider';
import { errors } from 'oidc-provider';
import type { AuditLog } from '../../audit/audit-log.ts';
import { pathOf } from '../../http/path-of.ts';
import type { Log } from '../../log/create-log.ts';
import type { OAuthRepository } from '../../store/oauth.ts';
import type { UserRepository } from '../../store/users.ts';
import type { ConfiguredClient } from './clients.ts';
import { createCodeEntries, isCodeEntry } from './code-entries.ts';
import { challengeOf, protectedResourcePath, sendProtectedResource } from './protected-resource.ts';
import { audienceOf, createProvider, storeGrant } from './provider.ts';
import { reportEvents } from './report-events.ts';
import { loadSigningKeys, type SigningKeys } from './signing-keys.ts';
import type { SignMachineIn } from './token-exchange.ts';

/** A request for a token that waits for a person. */
export interface Interaction {
  readonly uid: string;
  readonly clientId: string;
  /** How the client calls itself in the configuration. */
  readonly clientName: string;
  readonly step: 'login' | 'consent';
  /** Where a code will be sent, without path; null for a device. */
  readonly redirectOrigin: string | null;
  /** The browser's account at the authorization server. */
  readonly accountId: string | null;
}

/** The result of a sign-in step, as oidc-provider takes it. */
export interface LoginResult {
  readonly accountId: string;
  readonly acr: string;
  readonly amr: string[];
  readonly ts: number;
}

/** The gateway as OAuth 2.1 authorization server. */
export interface AuthorizationServer {
  /** Starts to serve. @param issuer the address under which clients reach the gateway */
  open(issuer: string): Promise<void>;
  /** @throws WeirError gateway_unavailable before open(). */
  readonly issuer: string;
  readonly audience: string;
  /** `WWW-Authenticate` of answers to who is not signed in. */
  readonly challenge: string;
  readonly keys: SigningKeys;
  /** Is this request for the authorization server? */
  takes(url: string): boolean;
  /** Serves a request before anything has read its body. */
  /** `address` is where the request came from. */
  handle(request: IncomingMessage, response: ServerResponse, address: string): void;
  find(uid: string): Promise<Interaction | undefined>;
  /** Does the interaction belong to the browser that sent this request? */
  isOwn(request: FastifyRequest, reply: FastifyReply, uid: string): Promise<boolean>;
  /** Signs in. A session of another account in this browser ends. @returns where the browser goes on */
  finishLogin(uid: string, login: LoginResult): Promise<string>;
  /** @returns where the browser goes on */
  finishConsent(uid: string, isGranted: boolean): Promise<string>;
  /** Makes a new signing key now; tokens of the one before stay valid for their life. */
  rotateKeys(): Promise<void>;
  stop(): void;
}

/** What it stands on. */
export interface AuthorizationServerParts {
  readonly oauth: OAuthRepository;
  readonly users: UserRepository;
  readonly clients: readonly ConfiguredClient[];
  /** May devices be signed in by their code? */
  readonly deviceFlow: boolean;
  readonly signMachineIn: SignMachineIn;
  readonly audit: AuditLog;
  readonly log: Log;
  readonly now: () => number;
}

/** How often keys and what has expired are looked at. */
const housekeepingMs = 600_000;
const wellKnown = new Set(['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server']);

interface Running {
  readonly issuer: string;
  readonly keys: SigningKeys;
  readonly provider: Provider;
  readonly serve: (request: IncomingMessage, response: ServerResponse) => unknown;
}

/** Makes the server; it serves nothing until it is opened. */
export function createAuthorizationServer(parts: AuthorizationServerParts): AuthorizationServer {
  const { oauth, audit, log, now } = parts;
  const codeEntries = createCodeEntries(parts);
  let running: Running | undefined;
  let timer: NodeJS.Timeout | undefined;
  const current = (): Running => {
    if (running !== undefined) return running;
    throw new WeirError('gateway_unavailable', 'The gateway is still starting.', { fix: 'Try again in a moment.' });
  };
  const load = async (issuer: string, isForced = false): Promise<void> => {
    const keys = await loadSigningKeys(oauth, now(), isForced);
    const provider = createProvider({
      ...{ issuer, keys, oauth, now, clients: parts.clients, deviceFlow: parts.deviceFlow, users: parts.users },
      signMachineIn: parts.signMachineIn,
      ...{ news: reportEvents.ofAdapter(parts), onWrongCode: reportEvents.ofWrongCode(parts) },
    });
    reportEvents.ofProvider(provider, parts);
    running = { issuer, keys, provider, serve: provider.callback() };
  };
  const keepHouse = async (): Promise<void> => {
    const { issuer, keys } = current();
    if (keys.renewAtMs <= now()) await load(issuer);
    await oauth.removeExpired(new Date());
  };
  return {
    open: async (issuer) => {
      await load(issuer);
      timer = setInterval(() => {
        keepHouse().catch((error: unknown) => log.error('the authorization server could not keep house', error));
      }, housekeepingMs);
      timer.unref();
    },
    get issuer() {
      return current().issuer;
    },
    get audience() {
      return audienceOf(current().issuer);
    },
    get challenge() {
      return challengeOf(current().issuer);
    },
    get keys() {
      return current().keys;
    },
    takes: (url) => url.startsWith('/oauth/') || url === protectedResourcePath || wellKnown.has(pathOf(url)),
    handle: (request, response, address) => {
      if (running === undefined) {
        response.writeHead(503).end();
        return;
      }
      if (isCodeEntry(request) && !codeEntries.tryAttempt(address, response)) return;
      if (request.url === protectedResourcePath) sendProtectedResource(running.issuer, response);
      else serve(running, request, response, address);
    },
    find: (uid) => findInteraction(current().provider, uid),
    isOwn: async (request, reply, uid) => {
      const own = await tryOwnInteraction(current().provider, request.raw, reply.raw);
      if (own === uid) return true;
      // One that is nobody's has ended; another's was carried to this browser, or this browser to it.
      const other = await findInteraction(current().provider, uid);
      if (other === undefined) return false;
      const detail = { address: request.ip, why: 'it was begun in another browser' };
      audit.later({ actor: 'unknown', action: 'form-refused', subject: other.clientId, detail });
      return false;
    },
    finishLogin: async (uid, login) => {
      const { provider } = current();
      const interaction = await waiting(provider, uid);
      const { session } = interaction;
      if (session?.uid !== undefined && session.accountId !== undefined && session.accountId !== login.accountId) {
        await (await provider.Session.findByUid(session.uid))?.destroy();
        delete interaction.session;
      }
      interaction.result = { ...interaction.lastSubmission, login: { ...login } };
      await interaction.save(secondsLeft(interaction.exp));
      return interaction.returnTo;
    },
    finishConsent: async (uid, isGranted) => {
      const { provider, issuer } = current();
      const interaction = await waiting(provider, uid);
      const { session, params } = interaction;
      if (!isGranted || session?.accountId === undefined) {
        interaction.result = { error: 'access_denied', error_description: 'the person did not consent' };
      } else {
        const { accountId, acr, amr = [] } = session as typeof session & { acr?: string; amr?: string[] };
        const clientId = String(params['client_id']);
        const { name } = (await parts.users.findById(accountId)) ?? { name: 'unknown' };
        const detail = { before: null, after: { program: clientId, signIn: 'active' } };
        await audit.append({ actor: name, action: 'program-allowed', subject: clientId, detail });
        const grantId = await storeGrant({ oauth, issuer, now }, provider, { clientId, accountId, acr, amr });
        interaction.result = { ...interaction.lastSubmission, consent: { grantId } };
      }
      await interaction.save(secondsLeft(interaction.exp));
      return interaction.returnTo;
    },
    rotateKeys: () => load(current().issuer, true),
    stop: () => clearInterval(timer),
  };
}

/** Hands a request to oidc-provider, with the addresses of the issuer instead of what the client said about itself. */
function serve(
  { issuer, serve: answer }: Running,
  request: IncomingMessage,
  response: ServerResponse,
  address: string,
): void {
  const { host, protocol } = new URL(issuer);
  const { headers } = request;
  headers.host = host;
  headers['x-forwarded-proto'] = protocol.slice(0, -1);
  headers['x-forwarded-for'] = address;
  for (const name of ['x-forwarded-host', ':authority']) delete headers[name];
  const url = request.url ?? '/';
  const path = pathOf(url);
  // A code in a link is never taken: whoever sends the link to somebody would have typed it for him (RFC 8628 section 5.4).
  const wanted = path === '/oauth/device' && request.method === 'GET' ? path : url;
  const isWellKnown = wellKnown.has(path);
  request.url = isWellKnown ? '/.well-known/openid-configuration' : wanted.slice('/oauth'.length);
  // From the difference oidc-provider learns where it is mounted.
  Object.assign(request, { originalUrl: `/oauth${request.url}` });
  response.setHeader('x-content-type-options', 'nosniff');
  response.setHeader('referrer-policy', 'no-referrer');
  answer(request, response);
}

/** The interaction whose cookie the browser has sent; undefined without one. */
async function tryOwnInteraction(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<string | undefined> {
  try {
    return (await provider.interactionDetails(request, response)).uid;
  } catch (error) {
    if (error instanceof errors.SessionNotFound) return undefined;
    throw error;
  }
}

async function findInteraction(provider: Provider, uid: string): Promise<Interaction | undefined> {
  const found = await provider.Interaction.find(uid);
  if (found === undefined) return undefined;
  const { params, prompt, session } = found;
  const clientId = String(params['client_id']);
  const client = await provider.Client.find(clientId);
  const redirect = params['redirect_uri'];
  return {
    uid,
    clientId,
    clientName: client?.clientName ?? clientId,
    step: prompt.name === 'consent' ? 'consent' : 'login',
    redirectOrigin: typeof redirect === 'string' && URL.canParse(redirect) ? new URL(redirect).origin : null,
    accountId: session?.accountId ?? null,
  };
}

async function waiting(provider: Provider, uid: string) {
  const found = await provider.Interaction.find(uid);
  if (found !== undefined) return found;
  throw new WeirError('sign_in_required', 'This sign-in has ended.', {
    why: 'It waited too long, or it was used.',
    fix: 'Go back to the program that sent you here and start again.',
  });
}

function secondsLeft(exp: number): number {
  return Math.max(1, exp - Math.floor(Date.now() / 1000));
}

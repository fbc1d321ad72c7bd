import { WeirError } from '@weir/errors';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AuditLog } from '../../audit/audit-log.ts';
import { type Browsers, browserSessionLifeMs } from '../../pages/browser.ts';
import type { BrowserSessionRepository } from '../../store/browser-sessions.ts';
import type { UserRepository, UserRow } from '../../store/users.ts';
import type { Caller } from '../caller.ts';
import { authenticationText } from './authentication.ts';
import type { AuthorizationServer } from './authorization-server.ts';

/** Why somebody signs in: for a client of the authorization server, or for a page of the gateway. Its id is in the address of the sign-in page. */
export interface SignInInteraction {
  readonly id: string;
  /** What the person signs in to, as a sentence shows it. */
  readonly purpose: string;
  /** Origins that the forms of this sign-in may lead to, for the page's headers. */
  readonly formTargets: readonly string[];
  /** For pages: the path to go on to. */
  readonly next: string | null;
}

/** How a person was authenticated. */
export interface SignInResult {
  readonly userId: string;
  /** RFC 8176: `pwd`, `hwk`, `mfa`, …; `fed` for an upstream provider. */
  readonly amr: readonly string[];
  readonly authTimeMs: number;
  /** When a second factor was used; null = none. */
  readonly mfaAtMs: number | null;
  /** `sign_in_epoch` of the account as it was read before the check; when absent, as it is now. */
  readonly epoch?: number;
}

/** A way to sign in beside the password form: a link on the sign-in page. */
export interface SignInMethod {
  /** Stable word, e.g. `okta` or `passkey`. */
  readonly id: string;
  readonly label: string;
  /** Where the link leads for this interaction. */
  href(interaction: SignInInteraction): string;
}

/** Sign-in by browser. */
export interface SignIn {
  readonly methods: readonly SignInMethod[];
  /** Puts another way on the sign-in page. */
  addMethod(method: SignInMethod): void;
  /** The interaction of an id; undefined when it has ended or is none. */
  find(id: string): Promise<SignInInteraction | undefined>;
  /** The interaction, when this browser began it: an address that somebody sent to another person signs nobody in for him. One that leads to a page is anybody's. */
  findOwn(request: FastifyRequest, reply: FastifyReply, id: string): Promise<SignInInteraction | undefined>;
  /** Finishes: the browser gets a new session, the audit log an event. @returns where the browser goes next (303). @throws WeirError sign_in_required when account or interaction ended meanwhile. */
  finish(request: FastifyRequest, reply: FastifyReply, id: string, result: SignInResult): Promise<string>;
  /** Who is signed in in this browser. */
  callerOf(request: FastifyRequest): Promise<Caller | undefined>;
  signOut(request: FastifyRequest, reply: FastifyReply): Promise<void>;
}

/** What it stands on. */
export interface SignInParts {
  readonly server: AuthorizationServer;
  readonly browsers: Browsers;
  readonly sessions: BrowserSessionRepository;
  readonly users: UserRepository;
  readonly audit: AuditLog;
  readonly rolesOf: (user: UserRow) => Caller['roles'];
  readonly now: () => number;
}

/** Id of the interaction that leads to a page of the gateway. `path` must be one of the gateway's own. @throws WeirError invalid_request. */
export function pageInteraction(path: string): string {
  if (!isOwnPath(path)) throw new WeirError('invalid_request', 'A sign-in leads to pages of this gateway only.');
  return `page.${Buffer.from(path).toString('base64url')}`;
}

/** A path of this server: no other host can be meant, however a browser reads it. */
export function isOwnPath(path: string): boolean {
  return path.length <= 500 && /^\/(?![/\\])[A-Za-z0-9/_.~?&=%+:@-]*$/.test(path);
}

/** Makes it. */
export function createSignIn(parts: SignInParts): SignIn {
  const { server, browsers, sessions, users, audit, now } = parts;
  const methods: SignInMethod[] = [];
  const find = async (id: string): Promise<SignInInteraction | undefined> => {
    if (id.startsWith('page.')) {
      const next = Buffer.from(id.slice(5), 'base64url').toString('utf8');
      return isOwnPath(next) ? { id, purpose: 'the gateway', formTargets: [], next } : undefined;
    }
    const found = await server.find(id);
    if (found?.step !== 'login') return undefined;
    const formTargets = found.redirectOrigin === null ? [] : [found.redirectOrigin];
    return { id, purpose: found.clientName, formTargets, next: null };
  };
  const ended = (): WeirError =>
    new WeirError('sign_in_required', 'This sign-in has ended.', {
      why: 'It waited too long, was used, or the account changed meanwhile.',
      fix: 'Start again where you came from.',
    });
  return {
    methods,
    addMethod: (method) => {
      methods.push(method);
    },
    find,
    findOwn: async (request, reply, id) => {
      const interaction = await find(id);
      if (interaction === undefined || interaction.next !== null) return interaction;
      return (await server.isOwn(request, reply, interaction.id)) ? interaction : undefined;
    },
    finish: async (request, reply, id, result) => {
      const interaction = await find(id);
      const user = await users.findById(result.userId);
      if (interaction === undefined || user === undefined || user.disabled) throw ended();
      const { amr, authTimeMs, mfaAtMs, epoch = user.sign_in_epoch } = result;
      await audit.append({
        actor: user.name,
        action: 'login',
        subject: user.name,
        detail: {
          ...{ before: null, after: { signIn: 'active', by: [...amr] } },
          ...{ address: request.ip, by: [...amr], for: interaction.purpose },
        },
      });
      const before = browsers.tryId(request);
      if (before !== undefined) await sessions.delete(before);
      const isStored = await sessions.insert({
        ...{ id: browsers.renew(reply), userId: user.id, epoch, amr },
        authTime: new Date(authTimeMs),
        mfaAt: mfaAtMs === null ? null : new Date(mfaAtMs),
        expiresAt: new Date(now() + browserSessionLifeMs),
      });
      if (!isStored) throw ended();
      await users.signedIn(user.id, new Date(now()));
      if (interaction.next !== null) return interaction.next;
      const acr = authenticationText({ authTimeMs, mfaAtMs, epoch });
      return server.finishLogin(id, { accountId: user.id, acr, amr: [...amr], ts: Math.floor(authTimeMs / 1000) });
    },
    callerOf: async (request) => {
      const id = browsers.tryId(request);
      const session = id === undefined ? undefined : await sessions.find(id, new Date(now()));
      const user = session === undefined ? undefined : await users.findById(session.user_id);
      if (session === undefined || user === undefined || user.disabled) return undefined;
      return {
        ...{ id: user.id, name: user.name, kind: 'person', personId: user.person_id, groups: user.groups },
        ...{ roles: parts.rolesOf(user), authTimeMs: session.auth_time.getTime() },
        ...{ mfaAtMs: session.mfa_at?.getTime() ?? null, tokenId: session.hash.toString('hex') },
        ...{ expiresAt: session.expires_at, clientAddress: request.ip },
      };
    },
    signOut: async (request, reply) => {
      const id = browsers.tryId(request);
      const session = id === undefined ? undefined : await sessions.find(id, new Date(now()));
      const user = session === undefined ? undefined : await users.findById(session.user_id);
      if (user !== undefined) {
        const detail = { before: { signIn: 'active' }, after: { signIn: 'ended' }, address: request.ip, of: 'browser' };
        await audit.append({ actor: user.name, action: 'logout', subject: user.name, detail });
      }
      if (id !== undefined) await sessions.delete(id);
      browsers.renew(reply);
    },
  };
}

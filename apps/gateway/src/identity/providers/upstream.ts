import { randomBytes } from 'node:crypto';
import { isWeirError, WeirError } from '@weir/errors';
import type { AuditLog } from '../../audit/audit-log.ts';
import type { ProviderConfig } from '../../config/provider-schema.ts';
import type { IdentityRepository } from '../../store/identities.ts';
import type { UpstreamAttemptRepository } from '../../store/upstream-attempts.ts';
import type { SignInResult } from '../oauth/sign-in.ts';
import type { UpstreamIdentities } from './identities.ts';
import { type OidcProvider, type OidcSecrets, reasonOf } from './oidc.ts';
import type { UpstreamProfile } from './profile.ts';
import { createNoteRefusal, type NoteRefusal } from './refusals.ts';
import type { SamlProvider, SamlSecrets } from './saml.ts';

/** A provider by its protocol. */
export type Provider = { readonly oidc: OidcProvider } | { readonly saml: SamlProvider };

/** A sign-in that succeeded upstream. */
export interface UpstreamResult {
  readonly interaction: string;
  readonly result: SignInResult;
}

/** Sign-in by upstream providers. Errors of strangers and of providers become WeirErrors that say nothing about accounts. */
export interface Upstream {
  readonly providers: readonly ProviderConfig[];
  /** Where the browser goes. @throws WeirError not_found, gateway_unavailable when the provider does not answer. */
  begin(provider: string, interaction: string, from: From): Promise<string>;
  /** The browser comes back from an OIDC provider. @throws WeirError not_permitted. */
  callback(provider: string, query: string, from: From): Promise<UpstreamResult>;
  /** A SAML provider's answer, posted by a browser that sends no cookies with it. @returns the path where the browser goes on with its cookies */
  assertion(provider: string, form: Readonly<Record<string, unknown>>, from: From): Promise<string>;
  /** The browser comes with its cookies after `assertion`. */
  proceed(provider: string, handle: string, from: From): Promise<UpstreamResult>;
  /** The gateway's own SAML metadata. @throws WeirError not_found. */
  metadata(provider: string): Promise<string>;
  /** Back-channel logout: done when it resolves. @throws WeirError invalid_request when the token is not good. */
  logout(provider: string, token: string, from: From): Promise<void>;
}

/** Where a request came from. */
export interface From {
  /** Id of the browser; undefined = it has none. */
  readonly browser: string | undefined;
  readonly address: string;
}

/** What it stands on. */
export interface UpstreamParts {
  readonly providers: readonly Provider[];
  readonly identities: UpstreamIdentities;
  readonly rows: IdentityRepository;
  readonly attempts: UpstreamAttemptRepository;
  readonly audit: AuditLog;
  /** Address under which browsers reach the gateway. */
  readonly baseUrl: () => string;
  readonly now: () => number;
}

/** How long somebody may take at the provider, and a browser to follow a redirection. */
const attemptLifeMs = 600_000;
const handleLifeMs = 60_000;

interface Attempt {
  readonly interaction: string;
  readonly oidc?: OidcSecrets;
  readonly saml?: SamlSecrets;
  /** After `assertion`. */
  readonly profile?: UpstreamProfile;
}

/** Path of something of a provider. */
function upstreamPath(provider: string, what: string): string {
  return `/upstream/${encodeURIComponent(provider)}/${what}`;
}

/** Makes the use-cases. */
export function createUpstream(parts: UpstreamParts): Upstream {
  const { attempts, audit, now, baseUrl } = parts;
  const note = createNoteRefusal(audit, now);
  const byName = new Map(parts.providers.map((provider) => [configOf(provider).name, provider]));
  const find = (name: string): Provider => {
    const provider = byName.get(name);
    if (provider !== undefined) return provider;
    throw new WeirError('not_found', `There is no identity provider ${name}.`, { fix: 'Start at the sign-in page.' });
  };
  const addressOf = (name: string, what: string): string => `${baseUrl()}${upstreamPath(name, what)}`;
  const refuse = (name: string, { address }: From, why: string, cause?: unknown): WeirError => {
    note('upstream-sign-in-refused', { provider: name, address, why });
    // A provider's own no is for the person to read; a text that anybody could have put there is not.
    const [, said] = /^the provider says ([A-Za-z_]{1,40})$/.exec(why) ?? [];
    return new WeirError('not_permitted', `The sign-in by ${name} did not succeed.`, {
      why:
        said === undefined
          ? 'What came back from it was not the answer to a sign-in that this browser began a moment ago.'
          : `It answered: ${said}.`,
      fix: 'Start again where you came from. If this goes on, an administrator finds the reason in the audit log.',
      ...(cause === undefined ? {} : { cause }),
    });
  };
  /** The sign-in that a browser began; gone after this, so that nothing is answered twice. */
  const take = async (name: string, key: string, from: From) => {
    const attempt = await attempts.take(key, name, new Date(now()));
    if (attempt === undefined) throw refuse(name, from, 'no sign-in waits for it (state)');
    return { ...attempt, content: attempt.content as Attempt };
  };
  const guarded = async <T>(name: string, from: From, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (isWeirError(error)) throw error;
      throw refuse(name, from, reasonOf(error), error);
    }
  };
  const admit = async (name: string, interaction: string, profile: UpstreamProfile, from: From) => {
    try {
      const user = await parts.identities.admit(configOf(find(name)), profile);
      const { authTimeMs, mfaAtMs } = profile;
      const result = { userId: user.id, amr: ['fed'], authTimeMs, mfaAtMs, epoch: user.sign_in_epoch };
      return { interaction, result };
    } catch (error) {
      const why = isWeirError(error) ? error.message : reasonOf(error);
      const detail = { address: from.address, upstreamSubject: profile.subject, why };
      await audit.append({ actor: `provider:${name}`, action: 'upstream-sign-in-refused', subject: name, detail });
      throw error;
    }
  };
  return {
    providers: parts.providers.map(configOf),
    begin: async (name, interaction, { browser }) => {
      const provider = find(name);
      if (browser === undefined) throw new WeirError('invalid_request', 'This browser takes no cookies.');
      const state = randomBytes(32).toString('base64url');
      const oidc = { state, nonce: newSecret(), verifier: newSecret() };
      const started =
        'oidc' in provider
          ? { location: await reach(name, () => provider.oidc.begin(addressOf(name, 'callback'), oidc)), oidc }
          : await reach(name, () => provider.saml.begin(addressOf(name, 'acs'), addressOf(name, 'metadata'), state));
      const { location, ...secrets } = started;
      const content: Attempt = { interaction, ...secrets };
      await attempts.insert({
        key: state,
        provider: name,
        browser,
        content,
        expiresAt: new Date(now() + attemptLifeMs),
      });
      return location;
    },
    callback: async (name, query, from) => {
      const provider = find(name);
      if (!('oidc' in provider)) throw new WeirError('not_found', `${name} does not answer here.`);
      const url = new URL(`${addressOf(name, 'callback')}?${query}`);
      const attempt = await take(name, url.searchParams.get('state') ?? '', from);
      const { interaction, oidc } = attempt.content;
      if (oidc === undefined || !attempt.isOf(from.browser)) throw refuse(name, from, 'another browser began it');
      const profile = await guarded(name, from, () => provider.oidc.finish(url, oidc));
      return admit(name, interaction, profile, from);
    },
    assertion: async (name, form, from) => {
      const provider = find(name);
      if (!('saml' in provider)) throw new WeirError('not_found', `${name} does not answer here.`);
      const { SAMLResponse: answer, RelayState: relayState } = form;
      if (typeof answer !== 'string' || typeof relayState !== 'string')
        throw refuse(name, from, 'it is no answer to a request (unsolicited)');
      const attempt = await take(name, relayState, from);
      const { interaction, saml } = attempt.content;
      if (saml === undefined) throw refuse(name, from, 'the sign-in was handed on already');
      const addresses = { acs: addressOf(name, 'acs'), entityId: addressOf(name, 'metadata') };
      const checked = await guarded(name, from, () => provider.saml.finish(addresses, answer, saml));
      // In turn with nobody: of one assertion that comes twice at once, one is the first.
      if (!(await attempts.useOnce(`assertion ${checked.profile.issuer} ${checked.id}`, checked.expiresAt)))
        throw refuse(name, from, 'the assertion was used before (replay)');
      const handle = newSecret();
      await attempt.handOn(handle, { interaction, profile: checked.profile }, new Date(now() + handleLifeMs));
      return `${upstreamPath(name, 'continue')}?handle=${handle}`;
    },
    proceed: async (name, handle, from) => {
      const attempt = await take(name, handle, from);
      const { interaction, profile } = attempt.content;
      if (profile === undefined || !attempt.isOf(from.browser)) throw refuse(name, from, 'another browser began it');
      return admit(name, interaction, profile, from);
    },
    metadata: async (name) => {
      const provider = find(name);
      if ('saml' in provider) return provider.saml.metadata(addressOf(name, 'acs'), addressOf(name, 'metadata'));
      throw new WeirError('not_found', `${name} is no SAML provider.`);
    },
    logout: (name, token, from) => logout(parts, note, find(name), token, from),
  };
}

async function logout(
  parts: UpstreamParts,
  note: NoteRefusal,
  provider: Provider,
  token: string,
  { address }: From,
): Promise<void> {
  const { name } = configOf(provider);
  const { attempts, rows, identities } = parts;
  const refuse = (why: string, cause?: unknown): WeirError => {
    note('upstream-logout-refused', { provider: name, address, why });
    return new WeirError('invalid_request', 'This logout token is not taken.', cause === undefined ? {} : { cause });
  };
  if (!('oidc' in provider)) throw refuse('the provider speaks another protocol');
  const notice = await provider.oidc.checkLogoutToken(token).catch((error: unknown) => {
    throw refuse(reasonOf(error), error);
  });
  if (!(await attempts.useOnce(notice.id, notice.expiresAt))) throw refuse('it was used before (jti)');
  const bySubject = notice.subject === null ? undefined : await rows.find(name, notice.subject);
  const bySession = notice.session === null ? [] : await rows.findBySession(name, notice.session);
  // Of a session of somebody else than the subject nothing is said.
  const meant = notice.subject === null ? bySession : bySubject === undefined ? [] : [bySubject];
  for (const identity of meant) await identities.end(identity, 'upstream-logout', { address });
}

function configOf(provider: Provider): ProviderConfig {
  return 'oidc' in provider ? provider.oidc.config : provider.saml.config;
}

function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

async function reach<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new WeirError('gateway_unavailable', `The identity provider ${name} does not answer.`, {
      why: reasonOf(cause),
      fix: 'Try again in a minute, or sign in another way.',
      cause,
    });
  }
}

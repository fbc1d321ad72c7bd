import type { AuditLog } from '../../audit/audit-log.ts';
import type { Log } from '../../log/create-log.ts';
import type { IdentityRepository, IdentityRow } from '../../store/identities.ts';
import type { UpstreamAttemptRepository } from '../../store/upstream-attempts.ts';
import type { UpstreamIdentities } from './identities.ts';
import type { Provider } from './upstream.ts';

/** Asks providers about people who are signed in, and ends what nobody confirms. */
export interface UpstreamWatch {
  /** Ends what does not hold any more, and begins to look regularly. */
  start(): Promise<void>;
  /** Looks now. */
  look(): Promise<void>;
  stop(): Promise<void>;
}

/** What it stands on. */
export interface UpstreamWatchParts {
  readonly providers: readonly Provider[];
  readonly identities: UpstreamIdentities;
  readonly rows: IdentityRepository;
  readonly attempts: UpstreamAttemptRepository;
  readonly audit: AuditLog;
  readonly log: Log;
  readonly now: () => number;
}

/** How often it looks whose time has come. */
const lookEveryMs = 10_000;
/** Longest pause before a provider that did not answer is asked again. */
const maxPauseMs = 60_000;
/** Identities that are asked about at once. */
const atOnce = 8;

/** Makes the watch. */
export function createUpstreamWatch(parts: UpstreamWatchParts): UpstreamWatch {
  const { rows, identities, attempts, log, now } = parts;
  const names = parts.providers.map((provider) => ('oidc' in provider ? provider.oidc : provider.saml).config.name);
  const silent = new Set<string>();
  let looking: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  const endOver = async (): Promise<void> => {
    for (const identity of await rows.listOver(new Date(now()), names)) {
      const isKnown = names.includes(identity.provider);
      const why = isKnown ? 'nobody confirmed it in time' : 'the provider is not configured any more';
      await identities.end(identity, 'upstream-access-ended', { why }).catch((error: unknown) => {
        log.error('an identity could not be ended', error, { provider: identity.provider, id: identity.id });
      });
    }
  };
  const lookOnce = async (): Promise<void> => {
    const at = new Date(now());
    const unreachable = new Set<string>();
    for (let due = await rows.listDue(at, atOnce); due.length > 0; due = await rows.listDue(at, atOnce)) {
      await Promise.all(
        due.map((identity) =>
          ask(parts, { silent, unreachable }, identity).catch(async (error: unknown) => {
            // What is wrong with one must not keep the others from being asked about.
            log.error('an identity could not be asked about', error, { provider: identity.provider, id: identity.id });
            await rows.postpone(identity.id, new Date(now() + maxPauseMs));
          }),
        ),
      );
      // Also while there is much to ask: what is over is over.
      await endOver();
    }
    await endOver();
    await attempts.removeExpired(new Date(now()));
  };
  const look = (): Promise<void> => {
    looking ??= lookOnce().finally(() => {
      looking = undefined;
    });
    return looking;
  };
  return {
    look,
    start: async () => {
      await look();
      if (names.length === 0) return;
      timer = setInterval(() => {
        look().catch((error: unknown) => log.error('identity providers could not be asked', error));
      }, lookEveryMs);
      timer.unref();
    },
    stop: async () => {
      clearInterval(timer);
      await looking?.catch(() => undefined);
    },
  };
}

/** Names of providers: that were silent when last asked, and that cannot be reached in this look. */
interface Silence {
  readonly silent: Set<string>;
  readonly unreachable: Set<string>;
}

/** Pause before somebody is asked about again, who could not be asked about. */
function pauseMs(refreshMinutes: number): number {
  return Math.min(maxPauseMs, (refreshMinutes * 60_000) / 3);
}

async function ask(
  { providers, rows, identities, audit, now }: UpstreamWatchParts,
  { silent, unreachable }: Silence,
  identity: IdentityRow,
): Promise<void> {
  const provider = providers.find((one) => 'oidc' in one && one.oidc.config.name === identity.provider);
  const token = rows.refreshTokenOf(identity);
  if (provider === undefined || !('oidc' in provider) || token === undefined)
    return identities.end(identity, 'upstream-access-ended', { why: 'the provider cannot be asked any more' });
  const { config } = provider.oidc;
  const postpone = () => rows.postpone(identity.id, new Date(now() + pauseMs(config.refreshMinutes)));
  // Nobody waits for a hundred others whose question was not heard either.
  if (unreachable.has(config.name)) return postpone();
  const answer = await provider.oidc.refresh(identity, token);
  const current = await rows.find(identity.provider, identity.subject);
  // He signed in or out meanwhile: that is newer.
  if (current === undefined || current.checked_at.getTime() !== identity.checked_at.getTime()) return;
  const tell = (action: string, detail: object) =>
    audit.append({ actor: `provider:${config.name}`, action, subject: config.name, detail: { ...detail } });
  if (answer.is === 'silent') {
    const isNews = !silent.has(config.name);
    silent.add(config.name);
    if (isNews) await tell('upstream-silent', { why: answer.why });
    if (answer.isUnreachable) unreachable.add(config.name);
    return postpone();
  }
  if (silent.delete(config.name)) await tell('upstream-answers-again', {});
  if (answer.is === 'refused') return identities.end(current, 'upstream-access-ended', { why: answer.why });
  const { groups } = answer.profile;
  if (groups === undefined)
    return identities.end(current, 'upstream-access-ended', { why: 'it says no groups that can be understood' });
  return identities.confirm(config, current, { ...answer.profile, groups });
}

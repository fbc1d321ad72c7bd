import { randomUUID } from 'node:crypto';
import { WeirError } from '@weir/errors';
import type { ProviderConfig } from '../../config/provider-schema.ts';
import type { IdentityRepository, IdentityRow, IdentityStatement } from '../../store/identities.ts';
import type { UserRepository, UserRow } from '../../store/users.ts';
import type { AccountChange, AccountChanges } from '../accounts/account-changes.ts';
import { differenceOf } from '../accounts/account-view.ts';
import { accountName, numberedName } from './account-name.ts';
import { accountToLink } from './account-to-link.ts';
import type { UpstreamProfile } from './profile.ts';

/** Accounts of people who sign in upstream. */
export interface UpstreamIdentities {
  /** The account of somebody whom a provider has just named; makes one for a new person. @throws WeirError not_permitted when this person gets no access. */
  admit(provider: ProviderConfig, profile: UpstreamProfile): Promise<UserRow>;
  /** What the provider says now of somebody who is signed in. */
  confirm(provider: ProviderConfig, identity: IdentityRow, profile: ConfirmedProfile): Promise<void>;
  /** An administrator takes the identity off the account: what it gave ends, and the next sign-in by it is that of somebody new. @throws WeirError conflict when nobody could administer the gateway. */
  remove(identity: IdentityRow, by: string): Promise<void>;
  /** Takes all that an identity gave: its groups, the person's sign-ins and live sessions. `action` is the audit log's word. */
  end(identity: IdentityRow, action: string, detail: Readonly<Record<string, unknown>>): Promise<void>;
}

/** The part of a profile that can change while somebody is signed in. */
export type ConfirmedProfile = Pick<UpstreamProfile, 'email' | 'refreshToken'> & { readonly groups: readonly string[] };

/** What it stands on. */
export interface UpstreamIdentityParts {
  readonly users: UserRepository;
  readonly identities: IdentityRepository;
  readonly changes: AccountChanges;
  /** Ends the live sessions of an account. */
  readonly endSessions: (userId: string, reason: string) => Promise<void>;
  readonly now: () => number;
}

/** Accounts that may share a beginning of their name. */
const maxNumber = 10_000;

/** Makes the use-cases. */
export function createUpstreamIdentities(parts: UpstreamIdentityParts): UpstreamIdentities {
  const { users, identities, changes, endSessions, now } = parts;
  const actorOf = (provider: string): string => `provider:${provider}`;
  const accountOf = async (identity: IdentityRow): Promise<UserRow> => {
    const user = await users.findById(identity.user_id);
    if (user === undefined) throw new WeirError('internal', `The identity ${identity.id} has no account.`);
    return user;
  };
  const end: UpstreamIdentities['end'] = async (identity, action, detail) => {
    const user = await accountOf(identity);
    await changes.perform(async () => ({
      ...{ by: actorOf(identity.provider), action, subject: user.name, affected: [user], endsTokens: true },
      detail: { provider: identity.provider, before: { groups: identity.groups }, after: { groups: [] }, ...detail },
      imagine: (account: UserRow) => account,
      isForced: true,
      apply: () => identities.end(identity.id, new Date(now())),
    }));
    await endSessions(user.id, `${identity.provider} does not vouch for you any more: sign in again`);
  };
  return {
    end,
    remove: async (identity, by) => {
      const user = await accountOf(identity);
      const { provider, issuer, subject, groups } = identity;
      await changes.perform(async () => ({
        ...{ by, action: 'upstream-identity-removed', subject: user.name, affected: [user], endsTokens: true },
        detail: { provider, before: { issuer, upstreamSubject: subject, groups }, after: null },
        imagine: (account: UserRow) => ({
          ...account,
          groups: account.groups.filter((group) => !groups.includes(group) || account.own_groups.includes(group)),
        }),
        apply: () => identities.remove(identity.id),
      }));
      await endSessions(user.id, `an administrator took your identity at ${provider} off your account`);
    },
    admit: async (provider, profile) => {
      const known = await identities.find(provider.name, profile.subject);
      if (profile.groups === undefined) {
        if (known !== undefined) await end(known, 'upstream-access-ended', { why: 'no groups in the sign-in' });
        throw new WeirError('not_permitted', `${provider.name} did not say which groups you are in.`, {
          why: `The claim ${provider.groups?.claim ?? ''} is missing or is no list of names.`,
          fix: 'Ask an administrator to let the identity provider send it to Weir.',
        });
      }
      const statement = statementOf(provider, { ...profile, groups: profile.groups }, now());
      let userId = '';
      await changes.perform(async () => {
        // Read again in turn: of two first sign-ins at once, the second finds what the first has made.
        const current = await identities.find(provider.name, profile.subject);
        const prepared =
          current === undefined
            ? await prepareNew(parts, provider, profile, statement)
            : await prepareKnown(parts, current, profile, statement);
        userId = prepared.userId;
        return { ...prepared.change, by: actorOf(provider.name) };
      });
      const user = await users.findById(userId);
      if (user !== undefined && !user.disabled) return user;
      throw new WeirError('not_permitted', 'Your account at the gateway is disabled.');
    },
    confirm: async (provider, identity, profile) => {
      const at = now();
      const statement = statementOf(
        provider,
        { ...profile, refreshToken: profile.refreshToken ?? undefined, session: null, endsAtMs: null },
        at,
      );
      if (identity.groups.join() === profile.groups.join())
        return identities.confirm(identity.id, identity.checked_at, statement);
      await changes.perform(async () => {
        // Read again in turn: a sign-in or a sign-out that was before it is newer than this answer.
        const current = await identities.find(identity.provider, identity.subject);
        if (current === undefined || current.checked_at.getTime() !== identity.checked_at.getTime()) return undefined;
        const user = await accountOf(current);
        return {
          ...{
            by: actorOf(identity.provider),
            action: 'upstream-groups-changed',
            subject: user.name,
            affected: [user],
          },
          detail: { provider: provider.name, ...differenceOf({ groups: current.groups }, { groups: profile.groups }) },
          imagine: (account: UserRow) => account,
          isForced: true,
          apply: () => identities.confirm(current.id, current.checked_at, statement),
        };
      });
    },
  };
}

type Prepared = { readonly userId: string; readonly change: Omit<AccountChange, 'by'> };

async function prepareKnown(
  { users, identities }: UpstreamIdentityParts,
  known: IdentityRow,
  profile: UpstreamProfile,
  statement: IdentityStatement,
): Promise<Prepared> {
  if (known.issuer !== profile.issuer) {
    throw new WeirError('not_permitted', `${known.provider} is another identity provider than before.`, {
      why: `You signed in by ${known.issuer}, and now come from ${profile.issuer}: it may not be the same person.`,
      fix: 'Ask an administrator to configure the new one under another name.',
    });
  }
  const user = await users.findById(known.user_id);
  if (user === undefined || user.disabled)
    throw new WeirError('not_permitted', 'Your account at the gateway is disabled.');
  const change = {
    display_name: profile.displayName ?? user.display_name,
    ...(profile.email === null ? {} : { email: profile.email, email_verified: profile.isEmailVerified }),
  };
  // The account is the provider's only when it made it: of others it says groups alone.
  const isItsOwn = user.source === known.provider;
  return {
    userId: user.id,
    change: {
      ...{ action: 'upstream-identity-confirmed', subject: user.name, affected: [user], isForced: true },
      detail: { provider: known.provider, ...differenceOf({ groups: known.groups }, { groups: statement.groups }) },
      imagine: (account) => account,
      apply: async () => {
        await identities.update(known.id, statement);
        if (isItsOwn) await users.update(user.name, change);
      },
    },
  };
}

async function prepareNew(
  parts: UpstreamIdentityParts,
  provider: ProviderConfig,
  profile: UpstreamProfile,
  statement: IdentityStatement,
): Promise<Prepared> {
  const { users, identities } = parts;
  const { issuer, subject } = profile;
  const identity = { id: randomUUID(), provider: provider.name, issuer, subject };
  const detail = { provider: provider.name, issuer, upstreamSubject: subject, groups: statement.groups };
  const linked = await accountToLink(parts, provider, profile);
  if (linked !== undefined) {
    return {
      userId: linked.id,
      change: {
        ...{ action: 'upstream-identity-linked', subject: linked.name, affected: [linked], isForced: true },
        detail: { ...detail, email: profile.email },
        imagine: (account) => account,
        apply: () => identities.insert(identity, linked.id, statement),
      },
    };
  }
  if (!provider.newAccounts) {
    throw new WeirError('not_permitted', 'You have no account at the gateway.', {
      why: `${provider.name} lets you in, but makes no accounts here, and none can be told to be yours.`,
      fix: 'Ask an administrator for an account, or to be added to the directory.',
    });
  }
  const user = {
    ...{ id: randomUUID(), name: await freeName(users, profile), password_hash: null, groups: [], roles: [] },
    ...{ display_name: profile.displayName, email: profile.email, email_verified: profile.isEmailVerified },
    source: provider.name,
  };
  return {
    userId: user.id,
    change: {
      ...{ action: 'user-added', subject: user.name, affected: [] },
      detail: { ...detail, before: null, after: { groups: [], roles: [], source: user.source } },
      imagine: () => undefined,
      apply: async () => {
        if (!(await users.insert(user))) throw new WeirError('conflict', `The name ${user.name} is taken.`);
        await identities.insert(identity, user.id, statement);
      },
    },
  };
}

async function freeName(users: UserRepository, { name, email }: UpstreamProfile): Promise<string> {
  const wanted = accountName(name) ?? accountName(email ?? '') ?? 'user';
  const taken = new Set((await users.list()).map((user) => user.name));
  for (let number = 1; number <= maxNumber; number++) {
    const candidate = numberedName(wanted, number);
    if (!taken.has(candidate)) return candidate;
  }
  throw new WeirError('conflict', `Too many accounts are called ${wanted}.`);
}

/** What is stored of the provider's word, and until when it holds. `refreshToken`: undefined = the one from before stays, null = there is none. */
function statementOf(
  provider: ProviderConfig,
  profile: {
    readonly groups: readonly string[];
    readonly email: string | null;
    readonly refreshToken: string | null | undefined;
    readonly session: string | null;
    readonly endsAtMs: number | null;
  },
  atMs: number,
): IdentityStatement {
  const { groups, email, refreshToken, session, endsAtMs } = profile;
  const minutes = (count: number): number => Math.round(count * 60_000);
  const isAsked = provider.type === 'oidc' && refreshToken !== null;
  const holdsMs = isAsked
    ? minutes(provider.refreshMinutes) + minutes(provider.outageMinutes)
    : minutes(provider.signInMinutes);
  return {
    ...{ groups, email, upstreamSession: session, at: new Date(atMs) },
    ...(refreshToken === undefined ? {} : { refreshToken }),
    nextCheckAt: isAsked ? new Date(atMs + minutes(provider.refreshMinutes)) : null,
    confirmedUntil: new Date(Math.min(atMs + holdsMs, endsAtMs ?? Number.POSITIVE_INFINITY)),
  };
}

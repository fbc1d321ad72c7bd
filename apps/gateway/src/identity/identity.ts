import type { OAuthRepository } from '../store/oauth.ts';
import type { UserRow } from '../store/users.ts';
import { type AccountParts, type Accounts, createAccounts, type NewUser } from './accounts/accounts.ts';
import type { Caller } from './caller.ts';
import { effectiveRoles } from './effective-roles.ts';
import type { AccessTokens, Presented } from './oauth/access-tokens.ts';

/** Accounts, and who is behind a request. */
export interface Identity {
  /** @throws WeirError sign_in_required. */
  authenticate(presented: Presented): Promise<Caller>;
  /** The caller has used a second factor now. */
  steppedUp(tokenId: string): Promise<void>;
  /** Ends the sign-in that the caller's token is of. */
  logout(caller: Caller): Promise<void>;
  /** Adds an account at start if its name is free. */
  ensureUser(user: NewUser): Promise<void>;
  readonly accounts: Accounts;
  /** Told after each change of an account, before the change is answered. */
  onChange(listener: (user: UserRow) => Promise<void>): void;
}

/** What identity stands on. */
export interface IdentityParts extends AccountParts {
  readonly oauth: Pick<OAuthRepository, 'markGrant' | 'revokeGrant'>;
  readonly accessTokens: AccessTokens;
  readonly now: () => number;
}

/** Makes the use-cases. */
export function createIdentity(parts: IdentityParts): Identity {
  const { oauth, audit, now } = parts;
  const accounts = createAccounts(parts);
  return {
    authenticate: async (presented) => {
      const { signIn, tokenId } = await parts.accessTokens.check(presented);
      const { user, authTime, mfaAt, expiresAt } = signIn;
      return {
        ...{ id: user.id, name: user.name, kind: 'person', personId: user.person_id, tokenId, expiresAt },
        groups: user.groups,
        roles: effectiveRoles(user, parts.roleGroups),
        authTimeMs: authTime.getTime(),
        mfaAtMs: mfaAt?.getTime() ?? null,
        clientAddress: presented.address ?? null,
      };
    },
    steppedUp: (tokenId) => oauth.markGrant(Buffer.from(tokenId, 'hex'), new Date(now())),
    logout: async (caller) => {
      await audit.append({ actor: caller.name, action: 'logout', subject: caller.name });
      await oauth.revokeGrant(Buffer.from(caller.tokenId, 'hex'));
    },
    ensureUser: (user) => accounts.ensure(user),
    accounts,
    onChange: (listener) => accounts.changes.onChange(listener),
  };
}

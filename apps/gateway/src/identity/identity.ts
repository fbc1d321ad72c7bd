import { WeirError } from '@weir/errors';
import type { OAuthRepository } from '../store/oauth.ts';
import type { MachineSignIn, SignInRow, UserRow } from '../store/users.ts';
import { type AccountParts, type Accounts, createAccounts, type NewUser } from './accounts/accounts.ts';
import type { Caller } from './caller.ts';
import { effectiveRoles } from './effective-roles.ts';
import type { AccessTokens, Presented } from './oauth/access-tokens.ts';
import type { MachineStanding } from './workload/machine-standing.ts';

/** Accounts, and who is behind a request. */
export interface Identity {
  /** @throws WeirError sign_in_required. */
  authenticate(presented: Presented): Promise<Caller>;
  /** Who is behind a sign-in of a program, as it stands now; `tokenId` names it. @throws WeirError sign_in_required when it has ended. */
  ofSignIn(tokenId: string, address: string | null): Promise<Caller>;
  /** Ends the sign-in that the caller's token is of. */
  logout(caller: Caller): Promise<void>;
  /** Adds an account at start if its name is free. */
  ensureUser(user: NewUser): Promise<void>;
  readonly accounts: Accounts;
  /** Told after each change of an account, before the change is answered. */
  onChange(listener: (user: UserRow) => Promise<void>): void;
}

/** How a service or an AI agent is bounded, and for whom it acts. @throws WeirError sign_in_required when what it signed in by holds no longer. */
async function boundsOf(
  { users, machineStanding }: IdentityParts,
  user: UserRow,
  machine: MachineSignIn,
): Promise<Pick<Caller, 'machine' | 'actingFor'>> {
  const standing = await machineStanding.of(user.name, machine);
  const behind = machine.behindId === null ? null : await users.findById(machine.behindId);
  if (standing.problem !== undefined || behind === undefined) {
    throw new WeirError('sign_in_required', 'You are not signed in.', {
      why: `What you signed in by holds no longer: ${standing.problem ?? 'the person for whom it acts is gone'}.`,
      fix: 'Run: weir login --ci',
    });
  }
  const bounded = { ...machine, endsAt: new Date(standing.endsAtMs) };
  if (behind === null) return { machine: bounded };
  return { machine: bounded, actingFor: { id: behind.id, name: behind.name, groups: behind.groups } };
}

/** What identity stands on. */
export interface IdentityParts extends AccountParts {
  readonly oauth: Pick<OAuthRepository, 'revokeGrant'>;
  readonly accessTokens: AccessTokens;
  readonly machineStanding: MachineStanding;
  readonly now: () => number;
}

/** Makes the use-cases. */
export function createIdentity(parts: IdentityParts): Identity {
  const { oauth, audit } = parts;
  const accounts = createAccounts(parts);
  const callerOf = async (signIn: SignInRow, tokenId: string, address: string | null): Promise<Caller> => {
    const { user, authTime, mfaAt, expiresAt, machine } = signIn;
    const { kind } = user;
    return {
      ...{ id: user.id, name: user.name, kind, tokenId, expiresAt },
      personId: kind === 'person' ? user.person_id : null,
      groups: user.groups.filter((group) => machine?.groups?.includes(group) ?? true),
      ...(machine === null ? {} : await boundsOf(parts, user, machine)),
      roles: effectiveRoles(user, parts.roleGroups),
      authTimeMs: authTime.getTime(),
      mfaAtMs: mfaAt?.getTime() ?? null,
      clientAddress: address,
    };
  };
  return {
    authenticate: async (presented) => {
      const { signIn, tokenId } = await parts.accessTokens.check(presented);
      return callerOf(signIn, tokenId, presented.address ?? null);
    },
    ofSignIn: async (tokenId, address) => {
      const signIn = await parts.users.findBySignIn(Buffer.from(tokenId, 'hex'), new Date(parts.now()));
      if (signIn !== undefined) return callerOf(signIn, tokenId, address);
      throw new WeirError('sign_in_required', 'You are not signed in.', { why: 'The sign-in was ended.' });
    },
    logout: async (caller) => {
      const detail = { before: { signIn: 'active' }, after: { signIn: 'ended' } };
      await audit.append({ actor: caller.name, action: 'logout', subject: caller.name, detail });
      await oauth.revokeGrant(Buffer.from(caller.tokenId, 'hex'));
    },
    ensureUser: (user) => accounts.ensure(user),
    accounts,
    onChange: (listener) => accounts.changes.onChange(listener),
  };
}

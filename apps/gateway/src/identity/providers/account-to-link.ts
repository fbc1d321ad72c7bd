import { WeirError } from '@weir/errors';
import type { ProviderConfig } from '../../config/provider-schema.ts';
import type { IdentityRepository } from '../../store/identities.ts';
import type { UserRepository, UserRow } from '../../store/users.ts';
import type { UpstreamProfile } from './profile.ts';

/** The account that a new identity belongs to, when the provider may link: the directory's, or the one with the same address. @throws WeirError not_permitted when it is disabled. */
export async function accountToLink(
  { users, identities }: { readonly users: UserRepository; readonly identities: IdentityRepository },
  provider: ProviderConfig,
  profile: UpstreamProfile,
): Promise<UserRow | undefined> {
  const found = (await sameDirectoryId(users, profile)) ?? (await sameVerifiedAddress(users, provider, profile));
  if (found === undefined) return undefined;
  // Otherwise whoever is disabled would be somebody new.
  if (found.disabled) throw new WeirError('not_permitted', 'Your account at the gateway is disabled.');
  // Addresses and ids are given to somebody else one day: the account stays with the one who has it.
  const has = await identities.listByUser(found.id);
  return has.some((identity) => identity.provider === provider.name) ? undefined : found;
}

async function sameDirectoryId(users: UserRepository, { directoryId }: UpstreamProfile): Promise<UserRow | undefined> {
  if (directoryId === null) return undefined;
  const user = await users.findByExternalId(directoryId);
  return user?.source === 'scim' ? user : undefined;
}

/** The one account with the same address, when both are verified. */
async function sameVerifiedAddress(
  users: UserRepository,
  provider: ProviderConfig,
  { email, isEmailVerified }: UpstreamProfile,
): Promise<UserRow | undefined> {
  if (provider.type !== 'oidc' || !provider.linkByVerifiedEmail || !isEmailVerified || email === null) return undefined;
  const address = email.toLowerCase();
  const [one, ...others] = (await users.list()).filter(
    (user) => user.email_verified && user.email?.toLowerCase() === address,
  );
  return others.length === 0 ? one : undefined;
}

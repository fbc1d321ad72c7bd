import {
  type Authorizer,
  createTokenHolder,
  type DpopKey,
  discover,
  loadDpopKey,
  refresh,
  type Tokens,
} from '@weir/api';
import { WeirError } from '@weir/errors';
import type { Cli } from '../cli.ts';
import { configFolder } from './config-folder.ts';
import { withProfileLock } from './profile-lock.ts';
import { type Profile, readProfiles, writeProfiles } from './profile-store.ts';
import type { Gateway } from './resolve-gateway.ts';

/** Adds or replaces the profile of a gateway and makes it the current one; undefined removes it. */
export function storeProfile(cli: Cli, key: string, profile: Profile | undefined): Promise<void> {
  const folder = configFolder(cli.env);
  return withProfileLock(folder, async () => {
    const { current, profiles } = readProfiles(folder);
    const { [key]: _old, ...others } = profiles;
    if (profile === undefined) {
      writeProfiles(folder, { version: 1, current: current === key ? null : current, profiles: others });
    } else writeProfiles(folder, { version: 1, current: key, profiles: { ...others, [key]: profile } });
  });
}

/** The sign-in that is stored for a gateway; undefined when there is none. Renewed tokens are stored before they are used. */
export function authorizerOf(cli: Cli, gateway: Gateway): Authorizer | undefined {
  const signIn = gateway.profile?.signIn;
  if (signIn === undefined) return undefined;
  const folder = configFolder(cli.env);
  const renew = (old: Tokens, key: DpopKey): Promise<Tokens> =>
    withProfileLock(folder, async () => {
      const set = readProfiles(folder);
      const profile = set.profiles[gateway.key];
      if (profile?.signIn === undefined || profile.signIn.key.d !== signIn.key.d) {
        throw new WeirError('sign_in_required', 'You have signed out or in again meanwhile.', { fix: 'Run it again.' });
      }
      // Another command was faster: its tokens are ours, too.
      if (profile.signIn.tokens.accessToken !== old.accessToken) return profile.signIn.tokens;
      const tokens = await refresh(await discover(gateway.api), old, key);
      const renewed = { ...profile, signIn: { ...profile.signIn, tokens } };
      writeProfiles(folder, { ...set, profiles: { ...set.profiles, [gateway.key]: renewed } });
      return tokens;
    });
  const holder = (async () => {
    const key = await loadDpopKey(signIn.key);
    return createTokenHolder({ key, tokens: signIn.tokens, renew: (old) => renew(old, key) });
  })();
  // Whoever uses it hears of a broken key.
  holder.catch(() => undefined);
  return {
    authorize: async (method, url) => (await holder).authorize(method, url),
    renew: async () => (await holder).renew(),
  };
}

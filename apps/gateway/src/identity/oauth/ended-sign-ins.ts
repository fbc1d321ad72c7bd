import type { OAuthRepository } from '../../store/oauth.ts';
import type { UserRepository } from '../../store/users.ts';

/** Which sign-ins were ended: one, by its id in the tokens (`sid`), or all of an account. */
export type EndedSignIns = { readonly tokenId: string } | { readonly userId: string };

/** The two repositories that end sign-ins, and who is told of it. */
export interface SignInEnds {
  readonly oauth: OAuthRepository;
  readonly users: UserRepository;
  /** Told after sign-ins were ended before their time, and before that is answered. */
  onEnded(listener: (ended: EndedSignIns) => Promise<void>): void;
  /** Was this sign-in ended before its time? */
  isEnded(tokenId: string): Promise<boolean>;
}

/** Wraps them, so that whatever ends a sign-in (its owner, a reused token, a disabled account) is heard of. */
export function createSignInEnds(parts: Pick<SignInEnds, 'oauth' | 'users'>): SignInEnds {
  const listeners: ((ended: EndedSignIns) => Promise<void>)[] = [];
  const tell = async (ended: EndedSignIns): Promise<void> => {
    await Promise.all(listeners.map((listener) => listener(ended)));
  };
  const { oauth, users } = parts;
  return {
    oauth: {
      ...oauth,
      revokeGrant: async (hash) => {
        await oauth.revokeGrant(hash);
        await tell({ tokenId: hash.toString('hex') });
      },
    },
    users: {
      ...users,
      endSignIns: async (userId) => {
        await users.endSignIns(userId);
        await tell({ userId });
      },
    },
    onEnded: (listener) => {
      listeners.push(listener);
    },
    isEnded: async (tokenId) => {
      const grant = await oauth.findGrant(Buffer.from(tokenId, 'hex'));
      return grant !== undefined && grant.revoked_at !== null;
    },
  };
}

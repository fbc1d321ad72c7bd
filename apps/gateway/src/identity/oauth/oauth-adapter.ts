import { type Adapter, type AdapterPayload, errors } from 'oidc-provider';
import { hashOfId, type OAuthKey, type OAuthPayload, type OAuthRepository } from '../../store/oauth.ts';

/** Things without an end of their own are kept this long, seconds. */
const longestSeconds = 86_400;

/** What the adapter tells. */
export interface AdapterNews {
  /** A code or refresh token came a second time: a copy of it exists. The grant has been revoked. */
  onReuse(model: string, grantHash: Buffer): void;
}

/** oidc-provider's storage on the store. Clients are those of the configuration, so none are stored. */
export function createOAuthAdapter(oauth: OAuthRepository, news: AdapterNews): (model: string) => Adapter {
  return (model) => {
    const find = async (key: OAuthKey): Promise<AdapterPayload | undefined> =>
      model === 'Client' ? undefined : ((await oauth.find(model, key)) as AdapterPayload | undefined);
    return {
      upsert: async (id, payload, expiresIn) => {
        const expiresAt = new Date(Date.now() + (expiresIn || longestSeconds) * 1000);
        const isOnce = model === 'ReplayDetection';
        const isStored = await oauth.put(model, id, payload as OAuthPayload, expiresAt, isOnce);
        if (!isStored) throw new errors.InvalidGrant('DPoP proof JWT Replay detected');
      },
      find: (id) => find({ id }),
      findByUid: (uid) => find({ uid }),
      findByUserCode: (userCode) => find({ userCode }),
      consume: async (id) => {
        // Two at once have both read it as unused: only one may go on, and the other shows that a copy exists.
        const grantId = (await oauth.find(model, { id }))?.grantId;
        if (await oauth.consume(model, id)) return;
        if (grantId !== undefined) {
          await oauth.revokeGrant(hashOfId(grantId));
          news.onReuse(model, hashOfId(grantId));
        }
        throw new errors.InvalidGrant('it was used before');
      },
      destroy: async (id) => {
        if (model === 'Grant') await oauth.revokeGrant(hashOfId(id));
        await oauth.remove(model, id);
      },
      revokeByGrantId: (grantId) => oauth.removeByGrant(model, grantId),
    };
  };
}

import Provider, { type Configuration, errors, interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider';
import { html } from '../../pages/html.ts';
import { hashOfId, type OAuthRepository } from '../../store/oauth.ts';
import type { UserRepository } from '../../store/users.ts';
import { tryAuthentication } from './authentication.ts';
import { type ConfiguredClient, clientsOf, isFirstParty } from './clients.ts';
import { type DeviceSources, deviceSourcesOf } from './device-pages.ts';
import { type AdapterNews, createOAuthAdapter } from './oauth-adapter.ts';
import { showPage } from './show-page.ts';
import { type SigningKeys, signingAlgorithm } from './signing-keys.ts';
import { registerTokenExchange, type SignMachineIn } from './token-exchange.ts';

/** Life of an access token, seconds. */
export const accessTokenLifeSeconds = 600;
/** Life of a sign-in with all its refresh tokens, seconds: after that the person signs in again. */
export const signInLifeSeconds = 12 * 3600;
/** The one scope: the gateway's API. What its holder may do there is said by roles and policy. */
export const apiScope = 'api';

/** Name of the API as a resource (RFC 8707) for clients that name none. It stays when the gateway's address changes, and with it the audience. Clients may name the audience, too. */
const apiResource = 'urn:weir:api';

/** What the provider is made of. */
export interface ProviderParts {
  readonly issuer: string;
  readonly clients: readonly ConfiguredClient[];
  /** May devices be signed in by their code? */
  readonly deviceFlow: boolean;
  readonly keys: SigningKeys;
  readonly oauth: OAuthRepository;
  readonly users: Pick<UserRepository, 'findById'>;
  readonly news: AdapterNews;
  readonly signMachineIn: SignMachineIn;
  /** Somebody typed a code of a device that is none. */
  readonly onWrongCode: (ctx: KoaContextWithOIDC) => void;
  readonly now: () => number;
}

/** The audience of access tokens. */
export function audienceOf(issuer: string): string {
  return `${issuer}/api`;
}

/** Makes oidc-provider for one issuer and one set of keys. Nothing is kept in it, so it can be replaced while it runs. */
export function createProvider(parts: ProviderParts): Provider {
  const { issuer, keys, oauth, news } = parts;
  const provider = new Provider(issuer, {
    adapter: createOAuthAdapter(oauth, news),
    clients: clientsOf(parts.clients, parts.deviceFlow),
    jwks: keys.jwks as NonNullable<Configuration['jwks']>,
    responseTypes: ['code'],
    scopes: ['openid'],
    claims: {},
    pkce: { required: () => true },
    clientDefaults: { id_token_signed_response_alg: signingAlgorithm },
    enabledJWA: { idTokenSigningAlgValues: [signingAlgorithm], dPoPSigningAlgValues: [signingAlgorithm] },
    routes: routesOf(),
    cookies: cookiesOf(issuer),
    features: featuresOf(issuer, parts.deviceFlow ? deviceSourcesOf(parts.onWrongCode) : undefined),
    interactions: {
      policy: policyOf(),
      url: (_ctx, { uid, prompt }) => `/${prompt.name === 'login' ? 'sign-in' : 'consent'}/${uid}`,
    },
    rotateRefreshToken: true,
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    expiresWithSession: async () => false,
    loadExistingGrant: (ctx) => loadGrant(parts, ctx),
    findAccount: async (_ctx, id) => {
      const user = await parts.users.findById(id);
      if (user === undefined || user.disabled) return undefined;
      return { accountId: id, claims: async () => ({ sub: id }) };
    },
    extraTokenClaims: async (_ctx, token) =>
      'grantId' in token && token.grantId !== undefined ? { sid: hashOfId(token.grantId).toString('hex') } : undefined,
    formats: { customizers: { jwt: (_ctx, _token, jwt) => stampTimes(jwt.payload, parts.now()) } },
    renderError: (ctx, out) => renderRefusal(ctx, out),
    ttl: {
      AccessToken: accessTokenLifeSeconds,
      AuthorizationCode: 60,
      DeviceCode: 600,
      Grant: signInLifeSeconds,
      Interaction: 600,
      IdToken: accessTokenLifeSeconds,
      Session: 8 * 3600,
      // A rotated token lives no longer than the one before: rotation never extends a sign-in.
      RefreshToken: (ctx) => Math.max(1, ctx.oidc.entities.RotatedRefreshToken?.remainingTTL ?? signInLifeSeconds),
    },
  });
  registerTokenExchange(provider, {
    signIn: parts.signMachineIn,
    ...{ resource: apiResource, scope: apiScope, info: resourceServerOf(issuer) },
  });
  // The mount has set these headers to those of the issuer, and to the address that the API knows; what a client sent is gone.
  provider.proxy = true;
  return provider;
}

function routesOf(): NonNullable<Configuration['routes']> {
  return {
    authorization: '/auth',
    token: '/token',
    jwks: '/jwks',
    revocation: '/revoke',
    device_authorization: '/device/auth',
    code_verification: '/device',
  };
}

function cookiesOf(issuer: string): NonNullable<Configuration['cookies']> {
  const { protocol, port } = new URL(issuer);
  const suffix = protocol === 'https:' ? '' : `-${port || '80'}`;
  const options = { httpOnly: true, sameSite: 'lax', overwrite: true } as const;
  return {
    names: {
      session: `weir-oauth${suffix}`,
      interaction: `weir-interaction${suffix}`,
      resume: `weir-resume${suffix}`,
    },
    long: options,
    short: options,
  };
}

/** The API as resource server (RFC 8707). */
function resourceServerOf(issuer: string) {
  return {
    scope: apiScope,
    audience: audienceOf(issuer),
    accessTokenTTL: accessTokenLifeSeconds,
    accessTokenFormat: 'jwt',
    jwt: { sign: { alg: signingAlgorithm } },
  } as const;
}

function featuresOf(issuer: string, deviceSources: DeviceSources | undefined): NonNullable<Configuration['features']> {
  const audience = audienceOf(issuer);
  return {
    devInteractions: { enabled: false },
    userinfo: { enabled: false },
    rpInitiatedLogout: { enabled: false },
    pushedAuthorizationRequests: { enabled: false },
    revocation: {
      enabled: true,
      allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId,
    },
    dPoP: { enabled: true },
    deviceFlow: deviceSources === undefined ? { enabled: false } : { enabled: true, ...deviceSources },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => apiResource,
      useGrantedResource: () => true,
      getResourceServerInfo: (_ctx, resource) => {
        if (resource !== apiResource && resource !== audience) throw new errors.InvalidTarget();
        return resourceServerOf(issuer);
      },
    },
  };
}

/** The `weir` command asks for a fresh sign-in each time, all others for consent each time: no program of the computer gets a token unseen (RFC 8252 section 8.6). */
function policyOf() {
  const { Check, base } = interactionPolicy;
  const policy = base();
  policy
    .get('login')
    ?.checks.add(
      new Check('fresh_sign_in', 'a fresh sign-in is needed', 'login_required', (ctx) =>
        isFirstParty(ctx.oidc.client?.clientId ?? '') && ctx.oidc.result?.login === undefined
          ? Check.REQUEST_PROMPT
          : Check.NO_NEED_TO_PROMPT,
      ),
    );
  const consent = policy.get('consent');
  consent?.checks.clear();
  consent?.checks.add(
    new Check('consent_missing', 'the person has to consent', 'consent_required', (ctx) =>
      isFirstParty(ctx.oidc.client?.clientId ?? '') || ctx.oidc.result?.consent !== undefined
        ? Check.NO_NEED_TO_PROMPT
        : Check.REQUEST_PROMPT,
    ),
  );
  return policy;
}

/** Each sign-in of the `weir` command is a grant of its own: ending one does not end the others. Other clients get theirs with the consent. */
async function loadGrant(parts: ProviderParts, ctx: KoaContextWithOIDC) {
  const { result, session, client, provider } = ctx.oidc;
  const { Grant } = provider;
  const grantId = result?.consent?.grantId;
  if (grantId !== undefined) return Grant.find(grantId);
  if (client === undefined || session?.accountId === undefined || result?.login === undefined) return undefined;
  if (!isFirstParty(client.clientId)) return undefined;
  const { acr, amr = [], accountId } = session;
  const saved = await storeGrant(parts, provider, { clientId: client.clientId, accountId, acr, amr });
  return Grant.find(saved);
}

/** Stores a grant for a client of a person who has been authenticated. @throws AccessDenied when the account changed meanwhile. @returns its id */
export async function storeGrant(
  { oauth, issuer, now }: Pick<ProviderParts, 'oauth' | 'issuer' | 'now'>,
  provider: Provider,
  session: {
    readonly clientId: string;
    readonly accountId: string;
    readonly acr: string | undefined;
    readonly amr: readonly string[];
  },
): Promise<string> {
  const { clientId, accountId, amr } = session;
  const authentication = tryAuthentication(session.acr);
  if (authentication === undefined) throw new errors.AccessDenied('the sign-in is of another version');
  const grant = new provider.Grant({ accountId, clientId });
  for (const resource of [apiResource, audienceOf(issuer)]) grant.addResourceScope(resource, apiScope);
  const grantId = await grant.save();
  const isStored = await oauth.insertGrant({
    ...{ grantId, clientId, userId: accountId, epoch: authentication.epoch, amr },
    authTime: new Date(authentication.authTimeMs),
    mfaAt: authentication.mfaAtMs === null ? null : new Date(authentication.mfaAtMs),
    expiresAt: new Date(now() + signInLifeSeconds * 1000),
  });
  if (isStored) return grantId;
  await grant.destroy();
  throw new errors.AccessDenied('the account changed during the sign-in');
}

/** Times by the gateway's clock, which is also what checks them. */
function stampTimes(payload: Record<string, unknown>, nowMs: number): void {
  const life = Number(payload['exp']) - Number(payload['iat']);
  payload['iat'] = Math.floor(nowMs / 1000);
  payload['exp'] = Number(payload['iat']) + life;
}

function renderRefusal(ctx: KoaContextWithOIDC, out: { error: string; error_description?: string | undefined }): void {
  showPage(ctx, {
    title: 'This cannot go on',
    body: html`<p class="error" role="alert">${out.error_description ?? out.error}</p>
<p>Nothing was granted. Go back to the program that sent you here and start again.</p>
<p>Code: ${out.error}</p>`,
  });
}

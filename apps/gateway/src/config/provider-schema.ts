import { nameSchema } from '@weir/api';
import { z } from 'zod';
import { type SecretReference, secretReferenceSchema } from './secret-reference.ts';

const isSafeAddress = (text: string): boolean => {
  const { protocol, hostname } = new URL(text);
  return protocol === 'https:' || ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
};
const addressSchema = z
  .url({ protocol: /^https?$/ })
  .refine(isSafeAddress, { error: 'plain http is for loopback addresses only: write https://…' });
/** A claim's name, or names with dots between where claims hold claims. */
const claimSchema = z.string().min(1).max(200);

/** How groups are read from what a provider says. Names that are no group names here (a-z, 0-9, dot, dash, underscore) are put into that form. */
const groupsSchema = z.strictObject({
  /** OIDC: path of the claim, such as `groups` or `realm_access.roles`. SAML: name of the attribute. */
  claim: claimSchema,
  /** Put before each name that `map` does not name, so that groups of two providers cannot be taken for one another. */
  prefix: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]{0,30}$/, 'use a-z, 0-9, dot, dash and underscore')
    .optional(),
  /** Names as the provider writes them, and the groups that they are here. */
  map: z.record(z.string().min(1).max(500), nameSchema).default({}),
  /** Only these groups, as they are called here, are taken. Default: all. */
  only: z.array(nameSchema).optional(),
});

const common = {
  name: nameSchema,
  /** Text of the button. */
  label: z.string().min(1).max(60).optional(),
  groups: groupsSchema.optional(),
  /**
   * Claim or attribute with the id that a directory gives its users (SCIM's `externalId`), such as `sub` at Okta or `oid` at Entra. A first sign-in then
   * belongs to the account that the directory has made.
   */
  linkByDirectoryId: claimSchema.optional(),
  /** Makes an account for whoever the provider lets in and has none. Without it, only people whose sign-in can be linked get in. */
  newAccounts: z.boolean().default(true),
};
/** How long what a provider said holds where it cannot be asked again, minutes. */
const signInMinutes = z.int().min(5).max(1440).default(480);

const oidcSchema = z.strictObject({
  ...common,
  type: z.literal('oidc'),
  issuer: addressSchema,
  clientId: z.string().min(1).max(500),
  clientSecret: secretReferenceSchema,
  /** How the client shows its secret at the token endpoint. */
  clientAuthentication: z.enum(['basic', 'post']).default('basic'),
  scopes: z.array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/)).default(['openid', 'profile', 'email']),
  /** More parameters of the request, such as `access_type: offline` or `prompt: consent`. */
  parameters: z.record(z.string().regex(/^[a-z_]{1,40}$/), z.string().max(500)).default({}),
  /** Claims that a person must have with exactly this value, such as `hd: example.com` at Google. */
  requiredClaims: z.record(claimSchema, z.string().min(1).max(500)).default({}),
  nameClaim: claimSchema.default('preferred_username'),
  emailClaim: claimSchema.default('email'),
  /** Gives an identity whose e-mail address the provider has verified to the one account that has the same verified address. */
  linkByVerifiedEmail: z.boolean().default(false),
  /** The provider asks the person again when that is longer ago, minutes. Default: as the provider likes. */
  reauthenticateMinutes: z.int().min(0).max(1440).optional(),
  /** Values of `amr` that count as a second factor here, when the provider says when it was used (`auth_time`). */
  secondFactor: z.array(z.string().min(1).max(100)).default([]),
  /** How often the provider is asked whether the person is still there, minutes. */
  refreshMinutes: z.number().min(0.05).max(15).default(15),
  /** How long its last word holds beyond that when it does not answer, minutes. */
  outageMinutes: z.number().min(0).max(1440).default(60),
  signInMinutes,
  /** Difference between the clocks that is borne, seconds. */
  clockSkewSeconds: z.int().min(0).max(300).default(30),
});

const samlSchema = z.strictObject({
  ...common,
  type: z.literal('saml'),
  /** Metadata of the identity provider: a file or an address. Instead of it: `entityId`, `entryPoint` and `certificateFiles`. */
  metadataFile: z.string().min(1).optional(),
  metadataUrl: addressSchema.optional(),
  entityId: z.string().min(1).max(1024).optional(),
  entryPoint: addressSchema.optional(),
  certificateFiles: z.array(z.string().min(1)).min(1).max(5).optional(),
  /** Wants the answer signed as a whole, too; the assertion in it must be signed in any case. */
  signedResponses: z.boolean().default(false),
  /** The provider asks the person again at each sign-in (`ForceAuthn`). */
  reauthenticate: z.boolean().default(false),
  /** Attribute that names the person for good; without it, the NameID, which must then not be a transient one. */
  subjectAttribute: claimSchema.optional(),
  /** Attribute for the account's name; default: the NameID. */
  nameAttribute: claimSchema.optional(),
  emailAttribute: claimSchema.optional(),
  signInMinutes,
  clockSkewSeconds: z.int().min(0).max(300).default(30),
});

const hasKeys = (provider: z.output<typeof samlSchema>): boolean => {
  const explicit = [provider.entityId, provider.entryPoint, provider.certificateFiles].filter(
    (part) => part !== undefined,
  );
  const metadata = [provider.metadataFile, provider.metadataUrl].filter((part) => part !== undefined);
  return (explicit.length === 3 && metadata.length === 0) || (explicit.length === 0 && metadata.length === 1);
};

/** `identity.providers` of the configuration file. */
export const providersSchema = z
  .array(z.discriminatedUnion('type', [oidcSchema, samlSchema]))
  .max(20)
  .superRefine((providers, context) => {
    const seen = new Set<string>();
    for (const [index, provider] of providers.entries()) {
      if (seen.has(provider.name))
        context.addIssue({ code: 'custom', path: [index, 'name'], message: 'two providers have the same name' });
      // These words say where an account came from.
      if (['local', 'scim'].includes(provider.name))
        context.addIssue({ code: 'custom', path: [index, 'name'], message: 'choose another name' });
      seen.add(provider.name);
      if (provider.type === 'saml' && !hasKeys(provider)) {
        const message = 'give metadataFile, or metadataUrl, or all of entityId, entryPoint and certificateFiles';
        context.addIssue({ code: 'custom', path: [index], message });
      }
      if (provider.type === 'oidc' && !provider.scopes.includes('openid'))
        context.addIssue({ code: 'custom', path: [index, 'scopes'], message: 'openid must be among them' });
      const own = provider.type === 'oidc' ? Object.keys(provider.parameters).filter((name) => ours.has(name)) : [];
      if (own.length > 0)
        context.addIssue({ code: 'custom', path: [index, 'parameters'], message: `${own.join(', ')} is set by Weir` });
    }
  })
  .default([]);

/** Parameters of an authorization request that protect it. */
const ours = new Set([
  ...['client_id', 'redirect_uri', 'response_type', 'response_mode', 'scope', 'state', 'nonce'],
  ...['code_challenge', 'code_challenge_method', 'request', 'request_uri', 'claims', 'max_age'],
]);

export type ProviderConfig = z.output<typeof providersSchema>[number];
export type OidcProviderConfig = Extract<ProviderConfig, { type: 'oidc' }>;
export type SamlProviderConfig = Extract<ProviderConfig, { type: 'saml' }>;
export type GroupsConfig = NonNullable<ProviderConfig['groups']>;

/** The same with absolute paths; `at` makes them. */
export function providersAt(providers: readonly ProviderConfig[], at: (path: string) => string): ProviderConfig[] {
  const secret = (reference: SecretReference): SecretReference =>
    reference.from === 'file' ? { ...reference, path: at(reference.path) } : reference;
  return providers.map((provider) =>
    provider.type === 'oidc'
      ? { ...provider, clientSecret: secret(provider.clientSecret) }
      : {
          ...provider,
          metadataFile: provider.metadataFile === undefined ? undefined : at(provider.metadataFile),
          certificateFiles: provider.certificateFiles?.map(at),
        },
  );
}

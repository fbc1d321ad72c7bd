import { nameSchema } from '@weir/api';
import { workloadTrustSchema } from '@weir/policy';
import { z } from 'zod';

const isSafeAddress = (text: string): boolean => {
  const { protocol, hostname, username, password } = new URL(text);
  const isLoopback = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  return username === '' && password === '' && (protocol === 'https:' || (protocol === 'http:' && isLoopback));
};
const addressSchema = z
  .url({ protocol: /^https?$/ })
  .refine(isSafeAddress, { error: 'plain http is for loopback addresses only: write https://…' });
const audienceSchema = z
  .string()
  .min(1)
  .max(500)
  .regex(/^[^*?\s]+$/, 'the audience is compared as it is: no globs');

const common = {
  /** For the audit log. */
  name: nameSchema,
  /** The pool that agents join by this rule. */
  pool: nameSchema,
};

const claimSchema = z.union([z.string().min(1).max(500), z.number(), z.boolean()]);

const oidcSchema = z.strictObject({
  ...common,
  type: z.literal('oidc'),
  /** As tokens name it (`iss`). Its keys are found by OpenID Connect Discovery, or at `jwksUri`. */
  issuer: z.string().min(1).max(500),
  audience: audienceSchema,
  jwksUri: z.string().min(1).max(500).optional(),
  /** What claims must be, at least one of them; with globs as in WorkloadTrust documents of the policy. */
  claims: z.record(z.string().min(1).max(200), z.union([claimSchema, z.array(claimSchema).min(1)])),
});

const serviceAccount = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\/[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;
const kubernetesSchema = z.strictObject({
  ...common,
  type: z.literal('kubernetes'),
  /** As tokens of the cluster name it (`iss`): tokens of other issuers are never sent to its API server. */
  issuer: z.string().min(1).max(500).default('https://kubernetes.default.svc.cluster.local'),
  /** The cluster's API server, which is asked about each token (TokenReview). */
  apiServer: addressSchema.default('https://kubernetes.default.svc'),
  /** CA of the API server, PEM. */
  caFile: z.string().min(1).optional(),
  /** Token of a service account that may create `tokenreviews`; read anew each time. Absent: no credential is sent. */
  tokenFile: z.string().min(1).optional(),
  audience: audienceSchema,
  /** Service accounts that may join, as `namespace/name`. */
  serviceAccounts: z.array(z.string().regex(serviceAccount, 'write namespace/name, without globs')).min(1).max(100),
});

/** A rule of `agents.platforms`: agents of which platform join which pool. */
export const platformSchema = z
  .discriminatedUnion('type', [oidcSchema, kubernetesSchema])
  .superRefine((rule, context) => {
    if (rule.type !== 'oidc') return;
    const { issuer, audience, claims, jwksUri } = rule;
    const spec = { issuer, audience, claims, ...(jwksUri === undefined ? {} : { jwksUri }), identity: 'agent' };
    const checked = workloadTrustSchema.safeParse(spec);
    for (const { path, message } of checked.error?.issues ?? []) {
      context.addIssue({ code: 'custom', path: path as PropertyKey[], message });
    }
  });
export type PlatformRule = z.output<typeof platformSchema>;
export type OidcPlatform = Extract<PlatformRule, { type: 'oidc' }>;
export type KubernetesPlatform = Extract<PlatformRule, { type: 'kubernetes' }>;

/** The rules with absolute paths. */
export function platformsAt(rules: readonly PlatformRule[], at: (path: string) => string): PlatformRule[] {
  return rules.map((rule) => {
    if (rule.type !== 'kubernetes') return rule;
    const { caFile, tokenFile } = rule;
    return {
      ...rule,
      ...(caFile === undefined ? {} : { caFile: at(caFile) }),
      ...(tokenFile === undefined ? {} : { tokenFile: at(tokenFile) }),
    };
  });
}

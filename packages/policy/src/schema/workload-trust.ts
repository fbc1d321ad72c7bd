import { z } from 'zod';
import { tryDuration } from '../duration.ts';
import { trustedTriggers } from '../workload/triggers.ts';
import { durationText } from './approvers.ts';
import { list, oneOf, section, text } from './field.ts';

/** Longest life of what a token is exchanged for, ms. */
export const maxWorkloadLifeMs = 6 * 3_600_000;

const isLoopback = (host: string): boolean => ['localhost', '127.0.0.1', '[::1]'].includes(host);

/** An address whose answers can be believed: TLS, except on this computer. */
const addressText = text(500).refine(
  (value) => {
    if (!URL.canParse(value)) return false;
    const { protocol, hostname, username, password, hash } = new URL(value);
    const isPlain = username === '' && password === '' && hash === '';
    return isPlain && (protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname)));
  },
  {
    error: (issue) =>
      `"${String(issue.input)}" is not an address such as https://token.example.com; plain http is for loopback only.`,
  },
);

const accountName = text(63).regex(/^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/, {
  error: 'Use a-z, 0-9, dot, dash and underscore, at most 63 characters.',
});

/** What one claim must be: a text with globs, a number, true or false; or any of several. */
const claimPattern = z.union([text(500), z.number(), z.boolean()], {
  error: 'Expected a text with globs, a number, true or false.',
});
const claimSchema = z.union([claimPattern, list(claimPattern)], {
  error: 'Expected a text with globs, a number, true or false, or a list of these.',
});
export type ClaimPattern = z.output<typeof claimPattern>;

/** Issuers that serve everybody, and the claims of which one at least has to say whose job it is. */
const publicIssuers: Readonly<Record<string, readonly string[]>> = {
  'https://token.actions.githubusercontent.com': [
    ...['sub', 'repository', 'repository_id', 'repository_owner', 'repository_owner_id'],
  ],
  'https://gitlab.com': ['sub', 'project_path', 'project_id', 'namespace_path', 'namespace_id'],
};

/** Claims that the verification itself looks at. */
const ownClaims = ['iss', 'aud', 'exp', 'nbf', 'iat', 'jti'];

const publicKeySchema = z
  .looseObject({ kty: oneOf(['RSA', 'EC', 'OKP']) })
  .refine((key) => !['d', 'p', 'q', 'k'].some((part) => Object.hasOwn(key, part)), {
    error: 'This is a private key: only public ones belong into a policy.',
  });

/** `spec` of a WorkloadTrust document: tokens of which issuer, with which claims, are exchanged for which identity. */
export const workloadTrustSchema = section({
  issuer: addressText,
  audience: text(500).refine((audience) => !/[*?]/.test(audience), {
    error: 'The audience is compared as it is: no globs.',
  }),
  claims: z
    .record(text(200), claimSchema, { error: 'Expected claims as "name: value".' })
    .refine((claims) => Object.keys(claims).length > 0, {
      error: 'Name at least one claim: without one, everybody at the issuer is meant.',
    }),
  identity: accountName,
  kind: oneOf(['service', 'ai-agent']).default('service'),
  groups: list(accountName).optional(),
  roles: list(oneOf(['admin', 'policy-editor', 'auditor'])).optional(),
  life: durationText
    .refine((life) => (tryDuration(life) ?? 0) <= maxWorkloadLifeMs, { error: 'At most 6h.' })
    .default('15m'),
  singleUse: z.boolean({ error: 'Expected true or false.' }).default(true),
  /** Where the issuer's keys are, when its discovery document does not say so, or they are elsewhere. */
  jwksUri: addressText.optional(),
  /** The keys themselves, for an issuer that the gateway cannot reach. */
  jwks: section({ keys: list(publicKeySchema) }).optional(),
}).superRefine((spec, context) => {
  const fail = (path: string[], message: string): void => context.addIssue({ code: 'custom', path, message });
  if (spec.jwks !== undefined && spec.jwksUri !== undefined) fail(['jwks'], 'Give "jwks" or "jwksUri", not both.');
  for (const claim of Object.keys(spec.claims)) {
    if (ownClaims.includes(claim)) fail(['claims', claim], `"${claim}" is checked by itself: leave it out here.`);
  }
  const wanted = Object.hasOwn(publicIssuers, spec.issuer) ? publicIssuers[spec.issuer] : undefined;
  if (wanted?.some((claim) => isOwner(spec.claims[claim])) === false) {
    const message = `This issuer serves everybody: say whose jobs are meant by ${wanted.join(', ')}, with an owner that is no glob.`;
    fail(['claims'], message);
  }
  for (const claim of Object.keys(trustedTriggers)) {
    if (isEverything(spec.claims[claim])) fail(['claims', claim], 'Name the triggers that you trust.');
  }
});
export type WorkloadTrustSpec = z.output<typeof workloadTrustSchema>;

/** Does every pattern begin with a fixed owner? `repo:acme/…` does, a glob in the place of the owner does not. */
function isOwner(patterns: ClaimPattern | readonly ClaimPattern[] | undefined): boolean {
  if (patterns === undefined) return false;
  return [patterns].flat().every((pattern) => {
    if (typeof pattern !== 'string') return typeof pattern === 'number';
    if (!/[*?]/.test(pattern)) return true;
    const path = pattern.replace(/^(repo|project_path|user):/, '');
    const end = path.search(/[/:]/);
    return end > 0 && !/[*?]/.test(path.slice(0, end));
  });
}

function isEverything(patterns: ClaimPattern | readonly ClaimPattern[] | undefined): boolean {
  return (
    patterns !== undefined &&
    [patterns].flat().some((pattern) => typeof pattern === 'string' && /^[*?]+$/.test(pattern))
  );
}

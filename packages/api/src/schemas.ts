import { z } from 'zod';
import { nameSchema } from './name-schema.ts';

export * from './connection-schemas.ts';
export { nameSchema };

/** Roles of people at the gateway itself; `member` is everybody and is not listed. */
export const roleSchema = z.enum(['admin', 'policy-editor', 'approver', 'auditor']);

/** Items of one page of a list. */
export const pageLimitSchema = z.coerce.number<string | number>().int().min(1).max(200).default(100);
/** Query of every list; lists with filters extend it. */
export const listQuerySchema = z.strictObject({
  limit: pageLimitSchema,
  /** Of the link to the next page; opaque. */
  cursor: z.string().max(2000).optional(),
});

export const healthSchema = z.object({ ok: z.boolean() });
/** The API's own description, OpenAPI 3.1. */
export const openapiSchema = z.looseObject({ openapi: z.string(), paths: z.record(z.string(), z.unknown()) });

export const whoamiSchema = z.object({
  user: nameSchema,
  groups: z.array(nameSchema),
  roles: z.array(roleSchema),
  expiresAt: z.iso.datetime(),
  /** When a second factor was last used in this sign-in. */
  mfaAt: z.iso.datetime().nullable().default(null),
});

/** An account as administrators and auditors see it. */
export const userSchema = z.object({
  /** Stays the same for the life of the account. */
  id: z.string(),
  name: nameSchema,
  displayName: z.string().nullable(),
  email: z.string().nullable(),
  /** Who made the account: local, scim or the name of an upstream provider. */
  source: z.string(),
  /** Given to the account itself; `effectiveGroups` has those of a directory and of upstream identities, too. */
  groups: z.array(nameSchema),
  effectiveGroups: z.array(nameSchema),
  /** Given to the account itself; `effectiveRoles` has those that groups give, too. */
  roles: z.array(roleSchema),
  effectiveRoles: z.array(roleSchema),
  disabled: z.boolean(),
  hasPassword: z.boolean(),
  /** Signs in also when local accounts are switched off; each sign-in is told. */
  emergency: z.boolean().default(false),
  /** Other accounts of the same person. */
  linkedTo: z.array(nameSchema),
  createdAt: z.iso.datetime(),
  lastSignInAt: z.iso.datetime().nullable(),
});
/** Adds an account (password needed) or changes what is given; with `only`, the one alone. */
export const putUserRequestSchema = z.strictObject({
  only: z.enum(['add', 'change']).optional(),
  password: z.string().min(1).max(1024).optional(),
  groups: z.array(nameSchema).max(200).optional(),
  roles: z.array(roleSchema).optional(),
  disabled: z.boolean().optional(),
  displayName: z.string().max(200).nullable().optional(),
  email: z.email().max(254).nullable().optional(),
  emergency: z.boolean().optional(),
});
/** Says that two accounts belong to one person. */
export const linkUserRequestSchema = z.strictObject({ to: nameSchema });
/** Who an account is at an identity provider, and what that gives it. */
export const identitySchema = z.object({
  provider: z.string(),
  issuer: z.string(),
  /** The provider's own name of the person. */
  subject: z.string(),
  groups: z.array(nameSchema),
  email: z.string().nullable(),
  lastSignInAt: z.iso.datetime(),
  /** When the provider last said so, and until when that holds. */
  checkedAt: z.iso.datetime(),
  confirmedUntil: z.iso.datetime(),
});
/** Where the caller proves himself by a passkey, and until when. */
export const stepUpSchema = z.object({ url: z.url(), expiresAt: z.iso.datetime() });
/** A person's own new password. */
export const changePasswordRequestSchema = z.strictObject({
  current: z.string().min(1).max(1024),
  password: z.string().min(1).max(1024),
});

export const sessionSchema = z.object({
  id: z.string(),
  connection: nameSchema,
  principal: nameSchema,
  /** The person for whom the principal acts. */
  actingFor: nameSchema.nullable().default(null),
  via: z.enum(['native', 'connect']),
  state: z.enum(['active', 'ended']),
  openedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
  endReason: z.string().nullable(),
  channels: z.int(),
  statements: z.int(),
  denied: z.int(),
  clientAddress: z.string().nullable(),
  recording: z.enum(['open', 'sealed', 'broken']),
});

export const killSessionRequestSchema = z.strictObject({ reason: z.string().max(500).default('') });
/** One line of a session's events: packages/recording's RecordEntry; `event.event` names its kind. */
export const sessionEventSchema = z.object({
  session: z.string(),
  channel: z.int(),
  sequence: z.int(),
  receivedAtMs: z.number(),
  event: z.looseObject({ event: z.string(), atMs: z.number() }),
});

export const requestStateSchema = z.enum(['pending', 'approved', 'denied', 'expired', 'withdrawn', 'used']);
export const approvalRequestSchema = z.object({
  id: z.string(),
  session: z.string(),
  connection: nameSchema,
  principal: nameSchema,
  /** The person for whom the principal acts. */
  actingFor: nameSchema.nullable().default(null),
  statement: z.string(),
  parameters: z.array(z.string().nullable()),
  database: z.string(),
  role: z.string(),
  tables: z.array(z.string()),
  kind: z.string(),
  rule: z.string(),
  reason: z.string(),
  approvers: z.array(nameSchema),
  /** `one-of` the groups decides, or `all-of` them, each by a person of its own; at least `people` different people. */
  require: z.enum(['one-of', 'all-of']).default('one-of'),
  people: z.int().default(1),
  /** What the target's planner says; `rows` null = unknown, with `why`. Null for the person who asked, and where nobody asked the planner. */
  estimate: z.object({ rows: z.number().nullable(), why: z.string().nullable() }).nullable().default(null),
  decisions: z
    .array(
      z.object({ by: nameSchema, decision: z.enum(['approve', 'deny']), reason: z.string(), at: z.iso.datetime() }),
    )
    .default([]),
  mode: z.enum(['wait', 'retry']),
  state: requestStateSchema,
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  decidedAt: z.iso.datetime().nullable(),
  decidedBy: nameSchema.nullable(),
  decisionReason: z.string().nullable(),
});
/** One request with what helps to decide it. */
export const requestDetailsSchema = approvalRequestSchema.extend({
  /** May the caller decide it now? If not although it is open, `whyNot` says why. */
  mayDecide: z.boolean(),
  whyNot: z.string().nullable(),
  /** Of the person who asked: requests before this one, and totals of the sessions of so many days. */
  history: z.object({
    requests: z.array(
      z.object({
        id: z.string(),
        connection: nameSchema,
        kind: z.string(),
        tables: z.array(z.string()),
        rule: z.string(),
        state: requestStateSchema,
        createdAt: z.iso.datetime(),
        decidedBy: nameSchema.nullable(),
      }),
    ),
    days: z.int(),
    sessions: z.int(),
    statements: z.int(),
    denied: z.int(),
  }),
});
export const decideRequestSchema = z.strictObject({
  decision: z.enum(['approve', 'deny']),
  reason: z.string().max(2000).default(''),
});

const budgetAmountSchema = z.object({ used: z.number(), max: z.number().nullable() });
export const budgetSchema = z.object({
  principal: nameSchema,
  rule: z.string(),
  per: z.enum(['hour', 'day']),
  mode: z.enum(['enforce', 'observe']),
  /** `max` null = not bounded. What running statements may still deliver counts as used. */
  rows: budgetAmountSchema,
  bytes: budgetAmountSchema,
  resetsAt: z.iso.datetime(),
});

export const policyDocumentSetSchema = z.object({
  version: z.string(),
  appliedAt: z.iso.datetime(),
  appliedBy: z.string(),
  text: z.string(),
});
export const applyPolicyRequestSchema = z.strictObject({ text: z.string().max(1_048_576) });

/** For one agent of this name, or for as many agents of a pool as it has uses; `pool` of a named agent is its own name unless told otherwise. */
export const joinTokenRequestSchema = z
  .strictObject({
    agent: nameSchema.optional(),
    pool: nameSchema.optional(),
    uses: z.int().min(1).max(1000).default(1),
    ttlSeconds: z.int().min(60).max(86_400).default(1800),
  })
  .refine(({ agent, pool }) => agent !== undefined || pool !== undefined, 'name an agent or a pool')
  .refine(({ agent, uses }) => agent === undefined || uses === 1, 'a token for an agent of this name is good once');
export const joinTokenResponseSchema = z.object({ token: z.string(), expiresAt: z.iso.datetime() });
/** A join token as lists show it, without its secret. `id` = first 12 hexadecimal digits of its hash. */
export const joinTokenSchema = z.object({
  id: z.string(),
  /** Null: for agents of the pool, which get names of their own. */
  agent: nameSchema.nullable(),
  pool: nameSchema,
  uses: z.int(),
  usedCount: z.int(),
  createdBy: z.string(),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  /** Used up. */
  used: z.boolean(),
});
export const joinTokenIdSchema = z.string().regex(/^[0-9a-f]{12}$/, 'use the id of a join token');
export const agentSchema = z.object({
  id: z.string(),
  name: nameSchema,
  /** Whose connections it may serve. */
  pool: nameSchema,
  online: z.boolean(),
  version: z.string().nullable(),
  capabilities: z.array(z.string()),
  lastSeenAt: z.iso.datetime().nullable(),
  channels: z.int(),
  /** Refused until an administrator unlocks it; null = it is not locked. */
  locked: z.object({ at: z.iso.datetime(), reason: z.string() }).nullable(),
});
/** A CA of the gateway. `current` signs agents; `leaving` is trusted until `retiresAt`; `agents` = those whose certificate is of it, when another one is current. */
export const authoritySchema = z.object({
  /** SHA-256 of its certificate, as join tokens pin it. */
  id: z.string(),
  state: z.enum(['current', 'leaving', 'dropped']),
  createdBy: z.string(),
  createdAt: z.iso.datetime(),
  retiresAt: z.iso.datetime().nullable(),
  agents: z.array(z.string()),
});
/** How long both CAs are trusted, seconds: what was not connected in this time must enrol anew. */
export const rotateAuthorityRequestSchema = z.strictObject({
  overlapSeconds: z.int().min(10).max(31_536_000).default(604_800),
});
export const lockAgentRequestSchema = z.strictObject({ reason: z.string().max(500).default('') });

export const auditEventSchema = z.object({
  id: z.string(),
  at: z.iso.datetime(),
  actor: z.string(),
  action: z.string(),
  subject: z.string(),
  detail: z.record(z.string(), z.unknown()),
  /** Hash of the entry's chain, hexadecimal: it covers this entry and all before. */
  hash: z.string(),
});
/** Anchors of recordings: what the store says that each file must be. `weir audit verify` compares files with these. */
export const recordingAnchorSchema = z.object({
  session: z.string(),
  entries: z.int(),
  bytes: z.int(),
  headHash: z.string(),
  sealed: z.boolean(),
  publicKey: z.string(),
  file: z.string(),
});
/** Query strings of the lists. Newest first, except audit, which is oldest first after the id `after`. */
export const listSessionsQuerySchema = listQuerySchema.extend({
  state: z.enum(['active', 'ended']).optional(),
  connection: nameSchema.optional(),
});
export const listRequestsQuerySchema = listQuerySchema.extend({
  state: requestStateSchema.optional(),
});
export const listAuditQuerySchema = listQuerySchema.extend({
  after: z
    .string()
    .regex(/^\d{1,18}$/, 'use the id of an audit event')
    .optional(),
  action: z.string().max(100).optional(),
  actor: z.string().max(100).optional(),
});

export const listDeliveriesQuerySchema = listQuerySchema.extend({
  state: z.enum(['pending', 'sent', 'dead']).optional(),
});
/** A message to one channel; `dead` = it was given up. */
export const deliverySchema = z.object({
  id: z.string(),
  channel: z.string(),
  event: z.string(),
  title: z.string(),
  state: z.enum(['pending', 'sent', 'dead']),
  attempts: z.int(),
  error: z.string().nullable(),
  createdAt: z.iso.datetime(),
  nextAt: z.iso.datetime().nullable(),
  settledAt: z.iso.datetime().nullable(),
});

export const statusSchema = z.object({
  version: z.string(),
  startedAt: z.iso.datetime(),
  agents: z.array(agentSchema),
  sessions: z.int(),
  pendingRequests: z.int(),
  /** Reviews of break-glass that are not done, and how many of them are overdue. */
  reviews: z.object({ open: z.int(), overdue: z.int() }).default({ open: 0, overdue: 0 }),
  policyVersion: z.string(),
  journal: z.object({ healthy: z.boolean(), entries: z.int() }),
});

/** Body of every error answer of the API: problem details (RFC 9457, application/problem+json). */
export const problemSchema = z.object({
  /** `urn:weir:error:<code>`. */
  type: z.string(),
  /** The same for all problems of this code. */
  title: z.string(),
  /** HTTP status of the answer. */
  status: z.int(),
  /** What is wrong, in one sentence. */
  detail: z.string(),
  /** `urn:weir:request:<id>`: the id that the answer's header x-request-id and the gateway's log have, too. */
  instance: z.string(),
  /** A code of packages/errors. */
  code: z.string(),
  why: z.string().nullable(),
  fix: z.string(),
});

import { z } from 'zod';
import { nameSchema } from './schemas.ts';

/** Globs of connections. */
const patterns = z.array(z.string().min(1).max(200)).min(1).max(200);
const groups = z.array(nameSchema).max(200);

/** An account of a service or an AI agent: of people who answer for it, or of a trust rule. */
export const serviceAccountSchema = z.object({
  id: z.string(),
  name: nameSchema,
  kind: z.enum(['service', 'ai-agent']),
  description: z.string().nullable(),
  /** The person who answers for it. Null: of a trust rule, or he is gone, and its keys open nothing. */
  owner: nameSchema.nullable(),
  /** The trust rule that made it. */
  rule: z.string().nullable(),
  groups: z.array(nameSchema),
  disabled: z.boolean(),
  createdAt: z.iso.datetime(),
  lastSignInAt: z.iso.datetime().nullable(),
});
/** PUT /service-accounts/:name: adds an account, or changes what is given. The owner of a new one is the caller, unless another is named. */
export const putServiceAccountRequestSchema = z.strictObject({
  only: z.enum(['add', 'change']).optional(),
  kind: z.enum(['service', 'ai-agent']).optional(),
  owner: nameSchema.optional(),
  groups: groups.optional(),
  description: z.string().max(200).nullable().optional(),
  disabled: z.boolean().optional(),
});

/** A key, without the key itself. */
export const serviceKeySchema = z.object({
  id: z.string(),
  label: z.string(),
  /** Of the account's groups, these alone; null = all. */
  groups: z.array(nameSchema).nullable(),
  /** Globs of the connections that it is for; null = all. */
  connections: z.array(z.string()).nullable(),
  createdBy: z.string(),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  lastUsedAt: z.iso.datetime().nullable(),
  /** Address that it was last used from. */
  lastUsedFrom: z.string().nullable(),
  state: z.enum(['active', 'expired', 'revoked']),
});
/** A new key. It is shown this once. */
export const newServiceKeySchema = serviceKeySchema.extend({ key: z.string() });
/** POST /service-accounts/:name/keys. `seconds`: life, an hour to 90 days. */
export const createServiceKeyRequestSchema = z.strictObject({
  label: z.string().trim().min(1).max(100),
  seconds: z.int().min(3600).max(7_776_000).default(2_592_000),
  groups: groups.min(1).optional(),
  connections: patterns.optional(),
});
/** POST …/rotate: a new key like the old one. `overlapSeconds`: how long the old one still works. */
export const rotateServiceKeyRequestSchema = z.strictObject({
  seconds: z.int().min(3600).max(7_776_000).optional(),
  overlapSeconds: z.int().min(0).max(604_800).default(3600),
});

/** A person lets a service or an AI agent act for him. */
export const delegationSchema = z.object({
  id: z.string(),
  person: nameSchema,
  service: nameSchema,
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
});
/** POST /delegations: the caller lets `to` act for him, for a minute to 30 days. */
export const createDelegationRequestSchema = z.strictObject({
  to: nameSchema,
  seconds: z.int().min(60).max(2_592_000),
});

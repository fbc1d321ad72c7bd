import { z } from 'zod';
import { listQuerySchema, nameSchema } from './schemas.ts';

const reason = z.string().trim().max(2000).default('');
const ticket = z
  .string()
  .trim()
  .regex(/^[\x21-\x7e]{1,100}$/, 'use a word of printable ASCII, at most 100 characters')
  .optional();
/** Up to 7 days; the rule says how long in each case. */
const seconds = z.int().min(1).max(604_800);

export const accessRequestStateSchema = z.enum(['pending', 'approved', 'denied', 'expired', 'cancelled', 'outdated']);
/** POST /access-requests: the caller asks for himself. `rule` chooses among several rules that fit. */
export const newAccessRequestSchema = z.strictObject({
  connection: nameSchema,
  seconds,
  reason,
  ticket,
  rule: z.string().max(63).optional(),
});
const decisionSchema = z.object({
  by: nameSchema,
  decision: z.enum(['approve', 'deny']),
  reason: z.string(),
  at: z.iso.datetime(),
});
/** A request for a grant. */
export const accessRequestSchema = z.object({
  id: z.string(),
  connection: nameSchema,
  principal: nameSchema,
  seconds: z.int(),
  reason: z.string(),
  ticket: z.string().nullable(),
  rule: z.string(),
  approvers: z.array(z.string()),
  require: z.enum(['one-of', 'all-of']),
  people: z.int(),
  decisions: z.array(decisionSchema),
  state: accessRequestStateSchema,
  createdAt: z.iso.datetime(),
  /** Nobody can decide it after this. */
  expiresAt: z.iso.datetime(),
  decidedAt: z.iso.datetime().nullable(),
  /** Who decided last; `policy` = its condition for approval at once. */
  decidedBy: z.string().nullable(),
  decisionReason: z.string().nullable(),
  grant: z.string().nullable(),
  /** May the caller decide it now? If not although it is open, `whyNot` says why. */
  mayDecide: z.boolean(),
  whyNot: z.string().nullable(),
});
export const listAccessRequestsQuerySchema = listQuerySchema.extend({ state: accessRequestStateSchema.optional() });

/** POST /grants/break-glass */
export const breakGlassRequestSchema = z.strictObject({
  connection: nameSchema,
  reason: z.string().trim().min(1, 'say why').max(2000),
  ticket,
  /** As long as the rule allows when it is left out. */
  seconds: seconds.optional(),
  rule: z.string().max(63).optional(),
});
/** A grant. `state`: `void` = neither ended nor revoked, but the policy or the connection changed so that it opens nothing. */
export const grantSchema = z.object({
  id: z.string(),
  kind: z.enum(['request', 'break-glass']),
  connection: nameSchema,
  principal: nameSchema,
  rule: z.string(),
  request: z.string().nullable(),
  reason: z.string(),
  ticket: z.string().nullable(),
  from: z.iso.datetime(),
  until: z.iso.datetime(),
  state: z.enum(['active', 'void', 'ended', 'revoked']),
  revoked: z.object({ by: z.string(), at: z.iso.datetime(), reason: z.string() }).nullable(),
  /** Of break-glass, which is looked at afterwards. */
  review: z
    .object({
      by: z.array(z.string()),
      dueAt: z.iso.datetime(),
      state: z.enum(['open', 'overdue', 'done']),
      verdict: z.enum(['justified', 'not-justified']).nullable(),
      reviewedBy: z.string().nullable(),
      reviewedAt: z.iso.datetime().nullable(),
      comment: z.string().nullable(),
    })
    .nullable(),
});
export const listGrantsQuerySchema = listQuerySchema.extend({
  /** `active` also holds those that are void now; `to-review`: break-glass whose review is open or overdue. */
  state: z.enum(['active', 'ended', 'revoked', 'to-review']).optional(),
});
export const revokeGrantRequestSchema = z.strictObject({ reason });
export const reviewGrantRequestSchema = z.strictObject({
  verdict: z.enum(['justified', 'not-justified']),
  comment: z.string().trim().min(1, 'say what you found').max(2000),
});

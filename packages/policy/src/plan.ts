import { z } from 'zod';
import { maxApprovers } from './approval-rule.ts';
import { maxDurationMs } from './duration.ts';
import { conditionSchema } from './schema/access.ts';
import { budgetWindows } from './schema/budget.ts';
import { count, list, oneOf, pathGlob, section, text } from './schema/field.ts';
import { rowsSchema, sqlMatchSchema } from './schema/guardrail.ts';
import { stances } from './schema/masking.ts';
import { principalKinds } from './schema/selector.ts';
import { windowSchema } from './schema/window.ts';
import { planSshAccessSchema, sshPlanSchema } from './ssh-plan.ts';
import { sshKinds } from './ssh-statement.ts';
import { influenceWays, statementKinds } from './statement.ts';
import { contentTypes, transforms } from './verdict.ts';

/** Version of the plan format; a reader refuses any other. */
export const planFormat = 1;

/** What a reader of a plan must be able to do (capability names of the tunnel's contract). */
export const planCapabilities = ['postgres/1', 'ssh/1', 'plan/1', 'approval/1', 'budget/1', 'acting-for/1'] as const;
export type PlanCapability = (typeof planCapabilities)[number];

const ruleName = text(63);

const accessRuleSchema = section({
  rule: ruleName,
  /** null = every kind of SQL; for SSH they are all named. */
  kinds: list(oneOf([...statementKinds, ...sshKinds])).nullable(),
  opaque: oneOf(['deny', 'allow']),
  maxRows: z.int().min(1).nullable(),
  allowSettings: z.array(text(200)),
  trustedFunctions: z.array(pathGlob('schema.function')),
  /** Of SSH connections only. */
  ssh: planSshAccessSchema.optional(),
  window: windowSchema.nullable(),
  when: conditionSchema.nullable(),
});
export type AccessRule = z.output<typeof accessRuleSchema>;

/** How people are asked; null = deny. */
const planApprovalSchema = section({
  approvers: list(text(200)),
  require: oneOf(['one-of', 'all-of']),
  people: z.int().min(1).max(maxApprovers),
  mode: oneOf(['auto', 'wait', 'retry']),
  timeoutMs: z.int().min(1000).max(maxDurationMs),
}).nullable();

const guardrailRuleSchema = section({
  rule: ruleName,
  match: sqlMatchSchema,
  window: windowSchema.nullable(),
  when: conditionSchema.nullable(),
  rows: rowsSchema.nullable(),
  approval: planApprovalSchema,
  reason: text(500).nullable(),
  hint: text(500).nullable(),
  mode: oneOf(['enforce', 'observe']),
});
export type GuardrailRule = z.output<typeof guardrailRuleSchema>;

/** The ways of influence that masking rules take a stance on; `expression` = a value that is computed with the column is in the answer. */
export const influenceScopes = [...influenceWays, 'expression'] as const;
export type InfluenceScope = (typeof influenceScopes)[number];

const maskRuleSchema = section({
  rule: ruleName,
  columns: list(pathGlob('schema.table.column')),
  transform: oneOf(transforms).nullable(),
  contentType: oneOf(contentTypes).nullable(),
  detect: z.array(oneOf(contentTypes)),
  influence: z.record(oneOf(influenceScopes), oneOf(stances)),
  /** null = an aggregate over the column is masked like the column. */
  minGroupSize: z.int().min(2).nullable(),
  writeBack: oneOf(stances),
});
export type MaskRule = z.output<typeof maskRuleSchema>;

const budgetRuleSchema = section({
  rule: ruleName,
  tables: list(pathGlob('schema.table')),
  /** null = not bounded; one of the two is. */
  rows: count(1).nullable(),
  bytes: count(1).nullable(),
  per: oneOf(budgetWindows),
  approval: planApprovalSchema,
  reason: text(500).nullable(),
  hint: text(500).nullable(),
  mode: oneOf(['enforce', 'observe']),
});
export type BudgetRule = z.output<typeof budgetRuleSchema>;

const sshSchema = sshPlanSchema(planApprovalSchema);
export type SshPlan = z.output<typeof sshSchema>;
export type SshGuardrailRule = SshPlan['guardrails'][number];

/** Schema of a plan as it travels; closed at every level. */
export const planSchema = section({
  format: z.literal(planFormat),
  version: z.string().regex(/^[0-9a-f]{32}$/),
  policyVersion: z.string().max(200),
  principal: section({
    id: z.string(),
    name: z.string(),
    kind: oneOf(principalKinds),
    groups: z.array(z.string()),
    actingFor: section({ id: z.string(), name: z.string(), groups: z.array(z.string()) }).optional(),
  }),
  connection: section({
    name: z.string(),
    protocol: oneOf(['postgres', 'ssh']),
    labels: z.record(z.string(), z.string()),
  }),
  /** What does not change while the session lives; null = no condition reads it. */
  session: section({
    clientAddress: text(100).nullable(),
    /** When the person last used a second factor, milliseconds since the epoch. */
    mfaAtMs: z.int().min(0).nullable(),
    ticket: text(200).nullable(),
  }).nullable(),
  allowed: z.boolean(),
  reason: z.string().nullable(),
  requires: z.array(oneOf(planCapabilities)),
  access: z.array(accessRuleSchema),
  /** Access of the person for whom the principal acts; a statement needs both. Absent when it acts for itself. */
  accessBehind: z.array(accessRuleSchema).optional(),
  guardrails: z.array(guardrailRuleSchema),
  masks: z.array(maskRuleSchema),
  budgets: z.array(budgetRuleSchema),
  /** Of SSH connections, whose `guardrails`, `masks` and `budgets` for SQL are empty. */
  ssh: sshSchema.optional(),
})
  .refine((plan) => (plan.connection.protocol === 'ssh') === (plan.ssh !== undefined), {
    error: 'A plan has a section "ssh" for SSH connections, and for these only.',
  })
  .refine((plan) => (plan.principal.actingFor === undefined) === (plan.accessBehind === undefined), {
    error: 'A principal that acts for a person needs the access of both.',
  });

/**
 * The policy for one principal on one connection, as plain JSON. `version` is the fingerprint of all of it but itself and `policyVersion`, so a
 * policy change that does not concern this pair leaves it the same. `allowed` false: no access rule names this pair, `reason` says so.
 */
export type Plan = z.output<typeof planSchema>;

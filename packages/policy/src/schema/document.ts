import { z } from 'zod';
import { type AccessSpec, accessSchema } from './access.ts';
import { type AccessRequestSpec, accessRequestSchema } from './access-request.ts';
import { type BudgetSpec, budgetSchema } from './budget.ts';
import { oneOf, section, text } from './field.ts';
import { type GuardrailSpec, guardrailSchema } from './guardrail.ts';
import { type MaskingSpec, maskingSchema } from './masking.ts';
import { type WorkloadTrustSpec, workloadTrustSchema } from './workload-trust.ts';

/** Version of the document format. */
export const policyApiVersion = 'weir.dev/v1';

/** Kinds of policy documents. */
export const documentKinds = ['Access', 'Guardrail', 'Masking', 'Budget', 'AccessRequest', 'WorkloadTrust'] as const;
export type DocumentKind = (typeof documentKinds)[number];

/** Names that verdicts give to built-in decisions; documents cannot take them. */
export const builtInRules = {
  noAccess: 'default',
  unknown: 'unknown-statement',
  opaque: 'opaque-statement',
  setting: 'unsafe-setting',
  variable: 'unsafe-variable',
  copy: 'protected-copy',
  influence: 'protected-influence',
  writeBack: 'masked-write-back',
  approvers: 'no-common-approver',
} as const;

const reserved: readonly string[] = Object.values(builtInRules);

const metadataSchema = section({
  name: text(63)
    .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, {
      error: 'A name has lower-case letters, digits and dashes, and begins and ends with a letter or digit.',
    })
    .refine((name) => !reserved.includes(name), {
      error: (issue) => `"${String(issue.input)}" is the name of a built-in rule.`,
    }),
  description: text(1000).optional(),
});

const envelope = <Kind extends DocumentKind, Spec extends z.ZodType>(kind: Kind, spec: Spec) =>
  section({ apiVersion: oneOf([policyApiVersion]), kind: z.literal(kind), metadata: metadataSchema, spec });

/** Schema of each kind of document. */
export const documentSchemas = {
  Access: envelope('Access', accessSchema),
  Guardrail: envelope('Guardrail', guardrailSchema),
  Masking: envelope('Masking', maskingSchema),
  Budget: envelope('Budget', budgetSchema),
  AccessRequest: envelope('AccessRequest', accessRequestSchema),
  WorkloadTrust: envelope('WorkloadTrust', workloadTrustSchema),
} as const;

interface DocumentBase {
  /** Unique among all documents of a policy, whatever their kind: verdicts name rules by it. */
  readonly name: string;
  readonly description: string | undefined;
  /** Where the document begins: file (or other source) and line, from 1. */
  readonly source: { readonly name: string; readonly line: number };
}
export interface AccessDocument extends DocumentBase {
  readonly kind: 'Access';
  readonly spec: AccessSpec;
}
export interface GuardrailDocument extends DocumentBase {
  readonly kind: 'Guardrail';
  readonly spec: GuardrailSpec;
}
export interface MaskingDocument extends DocumentBase {
  readonly kind: 'Masking';
  readonly spec: MaskingSpec;
}
export interface BudgetDocument extends DocumentBase {
  readonly kind: 'Budget';
  readonly spec: BudgetSpec;
}
export interface AccessRequestDocument extends DocumentBase {
  readonly kind: 'AccessRequest';
  readonly spec: AccessRequestSpec;
}
export interface WorkloadTrustDocument extends DocumentBase {
  readonly kind: 'WorkloadTrust';
  readonly spec: WorkloadTrustSpec;
}
/** One checked policy document. */
export type PolicyDocument =
  | AccessDocument
  | GuardrailDocument
  | MaskingDocument
  | BudgetDocument
  | AccessRequestDocument
  | WorkloadTrustDocument;

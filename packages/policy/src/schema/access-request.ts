import type { z } from 'zod';
import { conditionSchema } from './access.ts';
import { approversSchema, durationText } from './approvers.ts';
import { list, oneOf, section, text } from './field.ts';
import { connectionsSchema, whoSchema } from './selector.ts';

const names = list(text(200));
const need = oneOf(['required', 'optional']);

/** Who may take access at once in an emergency, for how long, and who looks at it afterwards. */
const breakGlassSchema = section({
  who: whoSchema.optional(),
  longest: durationText,
  review: section({
    by: section({ groups: names }),
    within: durationText,
    overdue: oneOf(['warn', 'block']).default('warn'),
  }),
});

/** `spec` of an AccessRequest document: who may ask for a grant on which connections, for how long, and who decides. */
export const accessRequestSchema = section({
  who: whoSchema.refine((who) => who.groups !== undefined || who.principals !== undefined, {
    error: 'A rule for requests must name "groups" or "principals".',
  }),
  connections: connectionsSchema,
  longest: durationText,
  reason: need.default('required'),
  ticket: need.default('optional'),
  approvers: approversSchema.optional(),
  timeout: durationText.default('4h'),
  autoApprove: conditionSchema.optional(),
  never: section({ groups: names.optional(), principals: names.optional() })
    .refine((never) => never.groups !== undefined || never.principals !== undefined, {
      error: 'Name "groups" or "principals" that may neither ask nor decide.',
    })
    .optional(),
  breakGlass: breakGlassSchema.optional(),
}).superRefine((spec, context) => {
  if (spec.approvers !== undefined || spec.autoApprove !== undefined || spec.breakGlass !== undefined) return;
  const message = 'Nothing gives a grant here: name "approvers", "autoApprove" or "breakGlass".';
  context.addIssue({ code: 'custom', path: [], message });
});
export type AccessRequestSpec = z.output<typeof accessRequestSchema>;

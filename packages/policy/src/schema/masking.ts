import type { z } from 'zod';
import { contentTypes, transforms } from '../verdict.ts';
import { conditionSchema } from './access.ts';
import { list, oneOf, pathGlob, section } from './field.ts';
import { connectionsSchema, exemptSchema, whoSchema } from './selector.ts';

/** `spec` of a Masking document: which columns leave masked, how, and who is exempt. */
export const maskingSchema = section({
  who: whoSchema.optional(),
  connections: connectionsSchema.optional(),
  columns: list(pathGlob('schema.table.column')),
  transform: oneOf(transforms).optional(),
  contentType: oneOf(contentTypes).optional(),
  detect: list(oneOf(contentTypes)).optional(),
  exempt: exemptSchema.optional(),
  when: conditionSchema.optional(),
}).superRefine((spec, context) => {
  if (spec.transform === undefined && spec.detect === undefined) {
    const message = 'A masking rule needs "transform" (mask the value) or "detect" (mask what is found in free text).';
    context.addIssue({ code: 'custom', path: [], message });
  }
  if (spec.transform === undefined && spec.contentType !== undefined) {
    context.addIssue({
      code: 'custom',
      path: ['contentType'],
      message: '"contentType" steers "transform", which is missing.',
    });
  }
});
export type MaskingSpec = z.output<typeof maskingSchema>;

import type { z } from 'zod';
import { statementKinds } from '../statement.ts';
import { count, list, oneOf, section, text } from './field.ts';
import { connectionsSchema, whoSchema } from './selector.ts';
import { windowSchema } from './window.ts';

/** Longest CEL condition, characters. */
export const maxConditionLength = 2000;

/** A CEL condition; what it says is checked apart. */
export const conditionSchema = text(maxConditionLength);

/** `spec` of an Access document: who may open which connections, and with which statements. Access rules add up. */
export const accessSchema = section({
  who: whoSchema.refine((who) => who.groups !== undefined || who.principals !== undefined, {
    error: 'An access rule must name "groups" or "principals".',
  }),
  connections: connectionsSchema,
  statements: section({ kinds: list(oneOf(statementKinds)).optional() }).optional(),
  opaque: oneOf(['deny', 'allow']).default('deny'),
  maxRows: count(1).optional(),
  allowSettings: list(text(200)).optional(),
  window: windowSchema.optional(),
  when: conditionSchema.optional(),
});
export type AccessSpec = z.output<typeof accessSchema>;

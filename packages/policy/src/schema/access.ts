import { z } from 'zod';
import { sshKinds } from '../ssh-statement.ts';
import { statementKinds } from '../statement.ts';
import { count, list, oneOf, pathGlob, section, text } from './field.ts';
import { connectionsSchema, whoSchema } from './selector.ts';
import { sshAccessSchema } from './ssh.ts';
import { windowSchema } from './window.ts';

/** Longest CEL condition, characters. */
export const maxConditionLength = 2000;

/** A CEL condition; what it says is checked apart. */
export const conditionSchema = text(maxConditionLength);

/** `schema.function` as the catalog spells it: no globs, every overload. */
const exactFunction = pathGlob('schema.function').refine((name) => !/[*?]/.test(name), {
  error: 'Name each function in full; a function is trusted by its name alone.',
});

/** `spec` of an Access document: who may open which connections, and with which statements. Access rules add up. */
export const accessSchema = section({
  who: whoSchema.refine((who) => who.groups !== undefined || who.principals !== undefined, {
    error: 'An access rule must name "groups" or "principals".',
  }),
  connections: connectionsSchema,
  statements: section({ kinds: list(oneOf([...statementKinds, ...sshKinds])).optional() }).optional(),
  opaque: oneOf(['deny', 'allow']).default('deny'),
  maxRows: count(1).optional(),
  allowSettings: list(text(200)).optional(),
  trustedFunctions: list(exactFunction).optional(),
  ssh: sshAccessSchema.optional(),
  window: windowSchema.optional(),
  when: conditionSchema.optional(),
  /** Only with a grant: of any rule that hands them out, or of the rules with these names. */
  grant: z
    .union([z.literal('required'), list(text(63))], {
      error: 'Expected the word "required" or a list of names of AccessRequest documents.',
    })
    .optional(),
}).superRefine((spec, context) => {
  if (spec.trustedFunctions === undefined || (spec.when === undefined && spec.window === undefined)) return;
  const message =
    'Statements are analysed before a condition can be asked: trust functions in a rule without "when" and "window".';
  context.addIssue({ code: 'custom', path: ['trustedFunctions'], message });
});
export type AccessSpec = z.output<typeof accessSchema>;

import { z } from 'zod';
import { list, oneOf, section, text } from './field.ts';

/** Kinds of principals that rules can name. */
export const principalKinds = ['person', 'service', 'ai-agent'] as const;

const names = list(text(200));

/** Whom a rule is about: any of the groups or principals (none named = everyone), of the kinds, without the exceptions. Names are globs. */
export const whoSchema = section({
  groups: names.optional(),
  principals: names.optional(),
  kinds: list(oneOf(principalKinds)).optional(),
  exceptGroups: names.optional(),
  exceptPrincipals: names.optional(),
  /** Only those who act for a person (`required`), or who act for themselves (`none`). */
  actingFor: oneOf(['required', 'none']).optional(),
});
export type Who = z.output<typeof whoSchema>;

/** Which connections a rule is about: any of the names (globs) and all of the labels (values are globs). Absent = all. */
export const connectionsSchema = section({
  names: names.optional(),
  labels: z
    .record(text(200), text(200), { error: 'Expected labels as "key: value" with text values.' })
    .refine((labels) => Object.keys(labels).length > 0, { error: 'Name at least one label.' })
    .optional(),
}).refine((connections) => connections.names !== undefined || connections.labels !== undefined, {
  error: 'Name connections by "names" or by "labels".',
});
export type Connections = z.output<typeof connectionsSchema>;

/** Who sees the columns of a masking rule in clear: any of the groups or principals (globs). */
export const exemptSchema = section({ groups: names.optional(), principals: names.optional() }).refine(
  (exempt) => exempt.groups !== undefined || exempt.principals !== undefined,
  { error: 'Name "groups" or "principals" that see these columns in clear.' },
);
export type Exempt = z.output<typeof exemptSchema>;

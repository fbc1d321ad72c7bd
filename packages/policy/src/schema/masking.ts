import { z } from 'zod';
import { type InfluenceWay, influenceWays } from '../statement.ts';
import { contentTypes, transforms } from '../verdict.ts';
import { conditionSchema } from './access.ts';
import { count, list, oneOf, pathGlob, section } from './field.ts';
import { connectionsSchema, exemptSchema, whoSchema } from './selector.ts';
import { outputStreams } from './ssh.ts';

/** What a rule does about something: let it be, write it to the record, or deny it. */
export const stances = ['allow', 'audit', 'deny'] as const;
export type Stance = (typeof stances)[number];
const stance = oneOf(stances);

/** One word for all ways, or a word for each way that is named (`expression` = computing with the column in an output); the others are allowed. */
const influenceStanceSchema = z.union(
  [
    stance,
    section({
      ...(Object.fromEntries(influenceWays.map((way) => [way, stance.optional()])) as Record<
        InfluenceWay,
        z.ZodOptional<typeof stance>
      >),
      expression: stance.optional(),
    }),
  ],
  {
    error: `Expected allow, audit or deny, or one of these words for each of ${influenceWays.join(', ')}, expression.`,
  },
);

/** `spec` of a Masking document: which columns leave masked, how, and who is exempt. */
export const maskingSchema = section({
  who: whoSchema.optional(),
  connections: connectionsSchema.optional(),
  columns: list(pathGlob('schema.table.column')).optional(),
  /** Instead of columns: what SSH shows. */
  output: list(oneOf(outputStreams)).optional(),
  transform: oneOf(transforms).optional(),
  contentType: oneOf(contentTypes).optional(),
  detect: list(oneOf(contentTypes)).optional(),
  influence: influenceStanceSchema.default('allow'),
  aggregates: section({ minGroupSize: count(2) }).optional(),
  writeBack: stance.default('deny'),
  exempt: exemptSchema.optional(),
  when: conditionSchema.optional(),
}).superRefine((spec, context) => {
  const fail = (path: string[], message: string): void => context.addIssue({ code: 'custom', path, message });
  if ((spec.columns === undefined) === (spec.output === undefined)) {
    fail([], 'A masking rule names "columns" of databases or "output" of SSH, one of the two.');
  }
  if (spec.output !== undefined) {
    if (spec.detect === undefined) fail(['output'], 'Output has no columns: say by "detect" what is masked in it.');
    for (const key of ['transform', 'contentType', 'aggregates'] as const) {
      if (spec[key] !== undefined) fail([key], `"${key}" is about columns; output is masked by "detect".`);
    }
    return;
  }
  if (spec.transform === undefined && spec.detect === undefined) {
    const message = 'A masking rule needs "transform" (mask the value) or "detect" (mask what is found in free text).';
    context.addIssue({ code: 'custom', path: [], message });
  }
  if (spec.transform === undefined && spec.aggregates !== undefined) {
    const message = '"aggregates" is about columns that are masked as a whole; "transform" is missing.';
    context.addIssue({ code: 'custom', path: ['aggregates'], message });
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

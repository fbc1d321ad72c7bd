import { z } from 'zod';
import { conditionSchema } from './schema/access.ts';
import { list, oneOf, section, text } from './schema/field.ts';
import { outputStreams, sshMatchSchema } from './schema/ssh.ts';
import { windowSchema } from './schema/window.ts';
import { sshKinds } from './ssh-statement.ts';
import { contentTypes } from './verdict.ts';

const ruleName = text(63);

/** What an access rule says of SSH alone. */
export const planSshAccessSchema = section({
  /** Globs of the variables that a client may set. */
  env: z.array(text(200)),
  recordInput: z.boolean(),
});

/** Who must watch; null = nobody. */
const planWatcherSchema = section({
  groups: list(text(200)),
  timeoutMs: z.int().min(1000),
}).nullable();

const planStreamMaskSchema = section({
  rule: ruleName,
  output: list(oneOf(outputStreams)),
  detect: list(oneOf(contentTypes)),
});
export type StreamMaskRule = z.output<typeof planStreamMaskSchema>;

/** The part of a plan that is for SSH connections; its access rules are the plan's. `approval` is the shape of the plan's other rules. */
export function sshPlanSchema<Approval extends z.ZodType>(approval: Approval) {
  return section({
    guardrails: z.array(
      section({
        rule: ruleName,
        /** null = every kind. */
        kinds: list(oneOf(sshKinds)).nullable(),
        /** The operations on files in sftp and scp are meant, too. */
        files: z.boolean(),
        commands: list(text(200)).nullable(),
        match: sshMatchSchema,
        window: windowSchema.nullable(),
        when: conditionSchema.nullable(),
        approval,
        watcher: planWatcherSchema,
        reason: text(500).nullable(),
        hint: text(500).nullable(),
        mode: oneOf(['enforce', 'observe']),
      }),
    ),
    masks: z.array(planStreamMaskSchema),
  });
}

import { z } from 'zod';
import { sshKinds } from '../ssh-statement.ts';
import { influenceWays, statementKinds } from '../statement.ts';
import { conditionSchema } from './access.ts';
import { approversSchema, durationText } from './approvers.ts';
import { count, list, oneOf, pathGlob, section, text } from './field.ts';
import { connectionsSchema, whoSchema } from './selector.ts';
import { sshMatchSchema, watcherSchema } from './ssh.ts';
import { windowSchema } from './window.ts';

/** Effects on a relation that rules can name, as packages/sql reports them. */
export const tableEffects = ['read', 'insert', 'update', 'delete', 'truncate', 'ddl', 'lock'] as const;

/** `protected` (every column that is masked for this principal) or globs `schema.table.column`. */
const columnsSchema = z.union([z.literal('protected'), list(pathGlob('schema.table.column'))], {
  error: 'Expected the word "protected" or a list of schema.table.column globs.',
});

/** Columns that shape the answer, of any way or of those in `by`. */
const influenceSchema = z.union([columnsSchema, section({ columns: columnsSchema, by: list(oneOf(influenceWays)) })], {
  error: 'Expected the word "protected", a list of schema.table.column globs, or "columns" with "by".',
});

/** Conditions of both SQL and SSH. */
const commonMatch = { commands: list(text(200)).optional() };

/** Conditions on SQL statements. */
const sqlMatch = {
  tables: list(pathGlob('schema.table')).optional(),
  effects: list(oneOf(tableEffects)).optional(),
  where: oneOf(['none', 'ineffective']).optional(),
  limit: z
    .union([z.literal('missing'), section({ over: count(0) })], {
      error: 'Expected the word "missing" or "over: NUMBER".',
    })
    .optional(),
  functions: list(pathGlob('schema.function')).optional(),
  settings: list(text(200)).optional(),
  roles: list(text(200)).optional(),
  outputs: columnsSchema.optional(),
  influence: influenceSchema.optional(),
  copies: columnsSchema.optional(),
  multiStatement: z.literal(true, { error: 'Expected true; leave the key out otherwise.' }).optional(),
};

/** Keys of `match` that only SQL statements can meet. */
export const sqlOnlyKeys = Object.keys(sqlMatch) as readonly (keyof typeof sqlMatch)[];

/** Conditions on a statement: all named ones must hold; within a list any entry will do. None named = every statement. */
export const matchSchema = section({
  kinds: list(oneOf([...statementKinds, ...sshKinds])).optional(),
  ...commonMatch,
  ...sqlMatch,
  ssh: sshMatchSchema.optional(),
}).superRefine((match, context) => {
  const sql = sqlOnlyKeys.find((key) => match[key] !== undefined);
  if (sql === undefined || match.ssh === undefined) return;
  const message = `"${sql}" is about SQL, "ssh" about SSH: nothing is both. Write two rules.`;
  context.addIssue({ code: 'custom', path: ['ssh'], message });
});
/** `match` of a document. */
export type DocumentMatch = z.output<typeof matchSchema>;

/** `match` of a plan's guardrail for SQL statements. */
export const sqlMatchSchema = section({ kinds: list(oneOf(statementKinds)).optional(), ...commonMatch, ...sqlMatch });
export type Match = z.output<typeof sqlMatchSchema>;

/** How approval is asked for, as written in a document. */
export const approvalSchema = section({
  approvers: approversSchema,
  mode: oneOf(['auto', 'wait', 'retry']).default('auto'),
  timeout: durationText.default('10m'),
});

/** Bounds that are watched while a statement runs, in rows of each statement. */
export const rowsSchema = section({
  affected: section({ over: count(0) }).optional(),
  returned: section({ over: count(1) }).optional(),
}).refine((rows) => rows.affected !== undefined || rows.returned !== undefined, {
  error: 'Name "affected" or "returned".',
});

/** `spec` of a Guardrail document: what is denied or needs a second person, for whom and where. */
export const guardrailSchema = section({
  who: whoSchema.optional(),
  connections: connectionsSchema.optional(),
  match: matchSchema.optional(),
  window: windowSchema.optional(),
  when: conditionSchema.optional(),
  rows: rowsSchema.optional(),
  action: oneOf(['deny', 'require-approval', 'require-watcher']),
  approval: approvalSchema.optional(),
  watcher: watcherSchema.optional(),
  reason: text(500).optional(),
  hint: text(500).optional(),
  mode: oneOf(['enforce', 'observe']).default('enforce'),
}).superRefine((spec, context) => {
  if (spec.action === 'require-approval' && spec.approval === undefined) {
    context.addIssue({
      code: 'custom',
      path: ['action'],
      message: 'require-approval needs "approval" with approvers.',
    });
  }
  const fail = (path: string[], message: string): void => context.addIssue({ code: 'custom', path, message });
  if (spec.action === 'deny' && spec.approval !== undefined) {
    fail(['approval'], 'A rule that denies cannot ask for approval.');
  }
  if (spec.action === 'require-watcher' && spec.approval !== undefined) {
    fail(['approval'], 'Somebody watches or decides: write a second rule for the other.');
  }
  if ((spec.action === 'require-watcher') !== (spec.watcher !== undefined)) {
    fail(['watcher'], 'require-watcher needs "watcher" with groups, and nothing else has it.');
  }
  if (spec.action === 'require-watcher' && spec.match !== undefined) {
    const sql = sqlOnlyKeys.find((key) => spec.match?.[key] !== undefined);
    if (sql !== undefined) fail(['match', sql], 'Watchers are for shells and commands of SSH.');
    const other = spec.match.kinds?.find((kind) => kind !== 'shell' && kind !== 'exec');
    if (other !== undefined) fail(['match', 'kinds'], `Watchers are for shell and exec, not for ${other}.`);
  }
  if (spec.rows !== undefined && spec.action !== 'deny') {
    const message = 'A bound on rows can only deny: they are counted while the statement runs.';
    context.addIssue({ code: 'custom', path: ['action'], message });
  }
  if (spec.match === undefined && spec.when === undefined && spec.window === undefined) {
    const message = 'A guardrail needs "match", "when" or "window"; write "match: {}" for every statement.';
    context.addIssue({ code: 'custom', path: [], message });
  }
});
export type GuardrailSpec = z.output<typeof guardrailSchema>;

import { z } from 'zod';
import { count, list, oneOf, section, text } from './schema/field.ts';
import { contentTypes } from './verdict.ts';

const command = text(100_000);
const path = text(4096).optional();
const yes = z.literal(true, { error: 'Expected true; leave the key out otherwise.' }).optional();

/** What a case can ask for; each has one of these keys. */
const actions = {
  exec: command.optional(),
  shell: yes,
  /** A line that is typed at a shell. */
  typed: command.optional(),
  subsystem: text(200).optional(),
  get: path,
  put: path,
  list: path,
  remove: path,
  env: text(200).optional(),
  /** `host:port`, or the path of a socket. */
  forward: text(300).optional(),
  listen: text(300).optional(),
  agent: yes,
  x11: yes,
};
const actionKeys = Object.keys(actions) as readonly (keyof typeof actions)[];

const actionSchema = section({
  ...actions,
  login: text(200).default('deploy'),
  terminal: z.boolean({ error: 'Expected true or false.' }).default(false),
  /** Of a file that is got or put, if it is known before (scp). */
  size: count(0).optional(),
  /** What detectors find in it. */
  content: list(oneOf(contentTypes)).optional(),
}).refine((asked) => actionKeys.filter((key) => asked[key] !== undefined).length === 1, {
  error: `Name one of ${actionKeys.join(', ')}.`,
});
export type SshCase = z.output<typeof actionSchema>;

/** What somebody does by SSH: a command, or one of the actions with what is around it. */
export const sshCaseSchema = z.union(
  [command.transform((exec): SshCase => ({ exec, login: 'deploy', terminal: false })), actionSchema],
  { error: `Expected a command, or one of ${actionKeys.join(', ')} with "login", "terminal", "size", "content".` },
);

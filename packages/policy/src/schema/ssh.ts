import { z } from 'zod';
import { tryDestinationGlob } from '../destination.ts';
import { contentTypes } from '../verdict.ts';
import { durationText } from './approvers.ts';
import { count, list, oneOf, section, text } from './field.ts';

/** Ways of files that rules can name. */
export const fileDirections = ['upload', 'download', 'list', 'change'] as const;

const yes = z.literal(true, { error: 'Expected true; leave the key out otherwise.' }).optional();

const destinationGlob = text(300).refine((value) => tryDestinationGlob(value) !== undefined, {
  error: (issue) =>
    `"${String(issue.input)}" is not a destination such as db.internal:5432, 10.0.0.0/8:*, [fd00::/8]:22 or /run/app.sock.`,
});

/** Conditions on what an SSH client asks for: all named ones must hold; within a list any entry will do. */
export const sshMatchSchema = section({
  /** Base names of programs, wherever they stand in the command; wrappers such as sudo count, too. */
  programs: list(text(200)).optional(),
  /** Of the same program; a pattern with a space is held against all of its arguments together. */
  arguments: list(text(500)).optional(),
  paths: list(text(500)).optional(),
  directions: list(oneOf(fileDirections)).optional(),
  /** Bytes of one file. */
  sizeOver: count(0).optional(),
  content: list(oneOf(contentTypes)).optional(),
  opaque: yes,
  destructive: yes,
  destinations: list(destinationGlob).optional(),
  variables: list(text(200)).optional(),
  logins: list(text(200)).optional(),
});
export type SshMatch = z.output<typeof sshMatchSchema>;

/** `ssh` of an Access document. */
export const sshAccessSchema = section({
  /** Variables that a client may set at the target. */
  env: list(text(200)).optional(),
  recordInput: z.boolean({ error: 'Expected true or false.' }).default(false),
});

/** Variables that every access rule allows unless it names its own: the ones that Debian's sshd takes, too. */
export const usualVariables: readonly string[] = ['LANG', 'LC_*'];

/** Who has to watch, and how long a session waits for somebody. */
export const watcherSchema = section({ groups: list(text(200)), timeout: durationText.default('10m') });

/** Streams that output rules can name: a terminal, or a command without one. */
export const outputStreams = ['terminal', 'exec'] as const;
export type OutputStreamKind = (typeof outputStreams)[number];

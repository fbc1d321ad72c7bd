import { nameSchema } from '@weir/api';
import { z } from 'zod';
import { type SecretReference, secretReferenceSchema } from './secret-reference.ts';

/** `identity.scim` of the configuration file: a directory that provisions accounts and groups. */
export const scimSchema = z.strictObject({
  /** The directory's bearer token, 32 characters or more; a second one while one replaces the other. */
  tokens: z.array(secretReferenceSchema).min(1).max(2),
  groups: z
    .strictObject({
      /** Put before each name that `map` does not name, so that groups of the directory cannot be taken for others. */
      prefix: z
        .string()
        .regex(/^[a-z0-9][a-z0-9._-]{0,30}$/, 'use a-z, 0-9, dot, dash and underscore')
        .optional(),
      /** Names as the directory writes them, and the groups that they are here. */
      map: z.record(z.string().min(1).max(500), nameSchema).default({}),
    })
    .default({ map: {} }),
});
export type ScimConfig = z.output<typeof scimSchema>;

/** The same with absolute paths; `at` makes them. */
export function scimAt(scim: ScimConfig, at: (path: string) => string): ScimConfig {
  const tokenAt = (token: SecretReference): SecretReference =>
    token.from === 'file' ? { ...token, path: at(token.path) } : token;
  return { ...scim, tokens: scim.tokens.map(tokenAt) };
}

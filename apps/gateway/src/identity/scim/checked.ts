import type { z } from 'zod';
import { badRequest } from './scim-refusal.ts';

/** The value as a schema wants it. @throws ScimRefusal invalidValue that names what is wrong. */
export function checked<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const why = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`).join('; ');
  throw badRequest('invalidValue', why.slice(0, 1000));
}

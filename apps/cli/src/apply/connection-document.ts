import { type ConnectionSpec, connectionSpecSchema, nameSchema } from '@weir/api';
import { WeirError } from '@weir/errors';
import { policyApiVersion } from '@weir/policy';
import { z } from 'zod';

const documentSchema = z.strictObject({
  apiVersion: z.literal(policyApiVersion),
  kind: z.literal('Connection'),
  metadata: z.strictObject({ name: nameSchema }),
  spec: connectionSpecSchema.omit({ name: true }),
});
const namedSchema = z.object({ metadata: z.object({ name: z.string() }) });

/** A document of kind Connection as the API takes it. @throws WeirError invalid_request with file and document. */
export function readConnection(value: unknown, file: string): ConnectionSpec {
  const parsed = documentSchema.safeParse(value);
  if (parsed.success) return { name: parsed.data.metadata.name, ...parsed.data.spec };
  const named = namedSchema.safeParse(value);
  const name = named.success ? named.data.metadata.name : 'without a name';
  throw new WeirError('invalid_request', `The connection ${name} in ${file} has errors.`, {
    why: parsed.error.issues.map((issue) => `${issue.path.join('.') || 'document'}: ${issue.message}`).join('\n'),
    fix: 'Correct them; docs/cli.md has an example.',
  });
}

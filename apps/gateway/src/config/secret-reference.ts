import { z } from 'zod';

/** Where a secret is: never in the configuration file itself. */
export const secretReferenceSchema = z.discriminatedUnion('from', [
  z.strictObject({ from: z.literal('env'), name: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/) }),
  z.strictObject({ from: z.literal('file'), path: z.string().min(1) }),
]);
export type SecretReference = z.output<typeof secretReferenceSchema>;

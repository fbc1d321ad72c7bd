import { WeirError } from '@weir/errors';
import { z } from 'zod';

const base64url = z
  .string()
  .regex(/^[A-Za-z0-9_-]+$/)
  .max(10_000);
const common = {
  id: base64url.max(1400),
  rawId: base64url.max(1400),
  type: z.literal('public-key'),
  authenticatorAttachment: z
    .enum(['platform', 'cross-platform'])
    .nullish()
    .transform((value) => value ?? undefined),
  clientExtensionResults: z.object({}).default({}),
};
const registrationSchema = z.object({
  ...common,
  response: z.object({
    clientDataJSON: base64url,
    attestationObject: base64url,
    transports: z.array(z.string().max(30)).max(10).optional(),
  }),
});
const assertionSchema = z.object({
  ...common,
  response: z.object({
    clientDataJSON: base64url,
    authenticatorData: base64url,
    signature: base64url,
    userHandle: base64url.nullish().transform((value) => value ?? undefined),
  }),
});

/** A browser's answer to a challenge, as `PublicKeyCredential.toJSON()` writes it. */
export type Registration = z.output<typeof registrationSchema>;
export type Assertion = z.output<typeof assertionSchema>;

/** Reads what a form brings. @throws WeirError invalid_request. */
export const readRegistration = (text: string): Registration => read(registrationSchema, text);
/** Reads what a form brings. @throws WeirError invalid_request. */
export const readAssertion = (text: string): Assertion => read(assertionSchema, text);

function read<S extends z.ZodType>(schema: S, text: string): z.output<S> {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new WeirError('invalid_request', 'The answer of the passkey cannot be read.', {
      fix: 'Open the page again; allow scripts of this address.',
      cause,
    });
  }
}

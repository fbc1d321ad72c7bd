import { z } from 'zod';
import { canonical, groupKind, type ScimDocument } from './attributes.ts';
import { checked } from './checked.ts';

const groupSchema = z.object({
  displayName: z.string().trim().min(1).max(255),
  externalId: z.string().trim().min(1).max(255).optional(),
  members: z
    .array(
      z.object({
        value: z.string().min(1).max(100),
        type: z
          .string()
          .optional()
          .refine((type) => type === undefined || type.toLowerCase() === 'user', 'groups in groups are not supported'),
      }),
    )
    .default([]),
});

/** A group as the directory says it is; members by their id here, each once. */
export interface GroupDocument {
  readonly displayName: string;
  readonly externalId?: string | undefined;
  readonly members: readonly string[];
}

/** Reads a group from a body or a patched document. @throws ScimRefusal invalidValue. */
export function readGroup(body: ScimDocument): GroupDocument {
  const { members, ...rest } = checked(groupSchema, canonical(body, groupKind.attributes));
  return { ...rest, members: [...new Set(members.map(({ value }) => value))] };
}

import { z } from 'zod';
import type { UserRow } from '../../store/users.ts';
import { canonical, enterpriseUrn, type ScimDocument, userKind } from './attributes.ts';
import { checked } from './checked.ts';

const text = z.string().trim().min(1).max(500);
/** Entra writes truth values as texts unless it is told otherwise. */
const flag = z.union([
  z.boolean(),
  z
    .string()
    .transform((word) => word.toLowerCase())
    .pipe(z.enum(['true', 'false']))
    .transform((word) => word === 'true'),
]);

const userSchema = z.object({
  userName: text.max(255),
  externalId: text.max(255).optional(),
  active: flag,
  displayName: text.optional(),
  title: text.optional(),
  userType: text.optional(),
  name: z.object({ formatted: text.optional(), familyName: text.optional(), givenName: text.optional() }).optional(),
  emails: z
    .array(
      z.object({
        value: text.max(320),
        display: text.optional(),
        type: text.optional(),
        primary: flag.optional(),
      }),
    )
    .max(20)
    .optional(),
  [enterpriseUrn]: z.object({ employeeNumber: text.optional(), department: text.optional() }).optional(),
});

/** A user as the directory says he is. `active` is the directory's word; an administrator here may have disabled the account besides. */
export type UserDocument = z.output<typeof userSchema>;

/** Reads a user from a body or a patched document. `active` stays as it is when nobody says. @throws ScimRefusal invalidValue. */
export function readUser(body: ScimDocument, isActive: boolean): UserDocument {
  return checked(userSchema, { active: isActive, ...withoutBlanks(canonical(body, userKind.attributes)) });
}

/** Directories send empty texts for what they do not have. */
function withoutBlanks(document: ScimDocument): ScimDocument {
  return Object.fromEntries(
    Object.entries(document)
      .filter(([, value]) => value !== '')
      .map(([name, value]) => [
        name,
        typeof value === 'object' && value !== null && !Array.isArray(value)
          ? withoutBlanks(value as ScimDocument)
          : value,
      ]),
  );
}

/** Had an administrator here disabled the account before the directory did? */
export function isDisabledHere({ directory_profile }: Pick<UserRow, 'directory_profile'>): boolean {
  return directory_profile?.['disabledHere'] === true;
}

/** The user of an account. */
export function userOf(row: UserRow): UserDocument {
  const { disabledHere: _ours, ...profile } = row.directory_profile ?? {};
  return {
    active: !row.disabled,
    ...(profile as Partial<UserDocument>),
    userName: row.directory_name ?? row.name,
    ...(row.external_id === null ? {} : { externalId: row.external_id }),
  };
}

/** What of a user goes into which column. `disabledHere`: an administrator had disabled the account before the directory did. */
export function columnsOf(user: UserDocument, disabledHere = false) {
  const { userName, externalId, ...profile } = user;
  return {
    directory_name: userName,
    external_id: externalId ?? null,
    directory_profile: JSON.stringify(disabledHere ? { ...profile, disabledHere } : profile),
    display_name: shownName(user),
    email: addressOf(user),
    // The directory answers for its addresses: sign-ins by a provider that verifies addresses may be linked by them.
    email_verified: addressOf(user) !== null,
  };
}

function shownName({ displayName, name }: UserDocument): string | null {
  const parts = [name?.givenName, name?.familyName].filter((part) => part !== undefined).join(' ');
  return (displayName ?? name?.formatted ?? parts) || null;
}

function addressOf({ emails = [] }: UserDocument): string | null {
  const chosen = emails.find(({ primary }) => primary) ?? emails.find(({ type }) => type === 'work') ?? emails[0];
  return chosen?.value ?? null;
}

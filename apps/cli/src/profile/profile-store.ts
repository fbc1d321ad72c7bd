import { randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WeirError } from '@weir/errors';
import { z } from 'zod';

const profileSchema = z.object({
  /** Base URL of the API. */
  api: z.string(),
  /** host:port of the front door, when the user or the checkout named it. */
  front: z.string().nullable(),
  /** PEM of the gateway's CA. */
  ca: z.string().nullable(),
  /** Folder of the checkout that address and CA come from; null = named by the user. */
  checkout: z.string().nullable(),
  user: z.string(),
  /** When the sign-in ends, however often its tokens are renewed. */
  expiresAt: z.string(),
  /** Absent: a sign-in of an earlier version, which has ended. */
  signIn: z
    .object({
      /** The private key that the tokens are bound to. */
      key: z.object({
        kty: z.literal('EC'),
        crv: z.literal('P-256'),
        x: z.string(),
        y: z.string(),
        d: z.string(),
      }),
      tokens: z.object({ accessToken: z.string(), refreshToken: z.string().nullable(), expiresAtMs: z.number() }),
    })
    .optional(),
});
/** A sign-in at one gateway. */
export type Profile = z.output<typeof profileSchema>;

const storeSchema = z.object({
  version: z.literal(1),
  /** Key of the profile in use. */
  current: z.string().nullable(),
  profiles: z.record(z.string(), profileSchema),
});
/** All sign-ins. A key is the gateway's URL, or `checkout:FOLDER`. */
export type ProfileSet = z.output<typeof storeSchema>;

const noProfiles: ProfileSet = { version: 1, current: null, profiles: {} };

/** Path of the file with tokens. */
export function profileFile(folder: string): string {
  return join(folder, 'profiles.json');
}

/** Reads the profiles; empty when there are none. @throws WeirError invalid_request when the file is damaged or cannot be read. */
export function readProfiles(folder: string): ProfileSet {
  const path = profileFile(folder);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (isAbsent(cause)) return noProfiles;
    throw new WeirError('invalid_request', `The file ${path} cannot be read.`, {
      why: cause instanceof Error ? cause.message : String(cause),
      fix: 'Make it readable for you, or choose another folder with WEIR_HOME.',
      cause,
    });
  }
  try {
    return storeSchema.parse(JSON.parse(text));
  } catch (cause) {
    const fix = `Remove it and sign in again: rm ${path} && weir login`;
    throw new WeirError('invalid_request', `The file ${path} is damaged.`, { fix, cause });
  }
}

/** Writes the profiles, mode 0600 in a folder of mode 0700; readers see the old or the new file, never half of one. */
export function writeProfiles(folder: string, profiles: ProfileSet): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = profileFile(folder);
  const aside = `${path}.${randomUUID()}`;
  writeFileSync(aside, `${JSON.stringify(profiles, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  // The umask can only take bits away; this gives back what it took from the owner.
  chmodSync(aside, 0o600);
  renameSync(aside, path);
}

/** A warning when group or others can read the tokens; undefined when all is well or there is no file. */
export function permissionWarning(folder: string): string | undefined {
  const path = profileFile(folder);
  try {
    const mode = statSync(path).mode & 0o777;
    if ((mode & 0o077) === 0) return undefined;
    return `warning: ${path} has mode ${mode.toString(8)}: other accounts may read your token. Run: chmod 600 ${path}`;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

function isAbsent(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
}

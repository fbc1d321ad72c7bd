import { timingSafeEqual } from 'node:crypto';
import type { SessionVerifier } from '../../dataplane/ports.ts';
import { createScramVerifier } from '../../sessions/scram-verifier.ts';

/** Longest password that is looked at. */
const maxLength = 1_024;
const nobody: Promise<SessionVerifier> = createScramVerifier('');

/** Is it the password of the session? Without a session it takes as long, and is not. */
export async function isSessionPassword(verifier: SessionVerifier | undefined, password: string): Promise<boolean> {
  const { salt, storedKey } = verifier ?? (await nobody);
  const derived = await createScramVerifier(password.slice(0, maxLength), salt);
  return timingSafeEqual(derived.storedKey, storedKey) && verifier !== undefined && password.length <= maxLength;
}

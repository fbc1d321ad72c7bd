import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import type { SessionVerifier } from '../dataplane/ports.ts';

/** PostgreSQL's own default. Session passwords are random, so more rounds would protect nothing. */
const iterations = 4096;
const derive = promisify(pbkdf2);

/** SCRAM-SHA-256 verifier of a password (RFC 5802 section 3). The password must be printable ASCII, on which SASLprep changes nothing. */
export async function createScramVerifier(password: string, salt: Buffer = randomBytes(16)): Promise<SessionVerifier> {
  const saltedPassword = await derive(password, salt, iterations, 32, 'sha256');
  const mac = (text: string): Buffer => createHmac('sha256', saltedPassword).update(text).digest();
  const storedKey = createHash('sha256').update(mac('Client Key')).digest();
  return { salt, iterations, storedKey, serverKey: mac('Server Key') };
}

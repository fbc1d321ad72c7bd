import { timingSafeEqual } from 'node:crypto';
import { WeirError } from '@weir/errors';
import { hash, hmac, saltPassword, scramSha256, scramSha256Plus, tryAttributes, xor } from './scram.ts';

/** A target that asks for more would make us compute for it. PostgreSQL's default is 4,096. */
const maxIterations = 500_000;

/** Options of one sign-in at a target. */
export interface ScramClientOptions {
  readonly password: string;
  /** Fresh random text of printable ASCII without comma. */
  readonly nonce: string;
  readonly mechanisms: readonly string[];
  /** Hash of the target's TLS certificate (tls-server-end-point); absent = no TLS. */
  readonly tlsServerEndPointHash?: Buffer;
}

/** The client's side of SCRAM-SHA-256(-PLUS). Every method throws WeirError when the target misbehaves. */
export interface ScramClient {
  readonly mechanism: string;
  readonly first: Buffer;
  /** @returns the client-final message */
  onServerFirst(data: Buffer): Buffer;
  /** Verifies the server's signature. */
  onServerFinal(data: Buffer): void;
}

function refuse(why: string): WeirError {
  return new WeirError('target_unavailable', 'the target does not sign in correctly by SCRAM', { why });
}

/** Chooses the mechanism and makes the first message. @throws WeirError when the target offers none that we speak */
export function createScramClient(options: ScramClientOptions): ScramClient {
  const { mechanisms, tlsServerEndPointHash: binding } = options;
  const isBound = binding !== undefined && mechanisms.includes(scramSha256Plus);
  if (!isBound && !mechanisms.includes(scramSha256)) throw refuse(`it offers only ${mechanisms.join(', ')}`);
  const gs2Header = isBound ? 'p=tls-server-end-point,,' : binding !== undefined ? 'y,,' : 'n,,';
  const bare = `n=,r=${options.nonce}`;
  const channel = Buffer.concat([Buffer.from(gs2Header), isBound ? binding : Buffer.alloc(0)]).toString('base64');
  let expectedSignature: Buffer | null = null;
  return {
    mechanism: isBound ? scramSha256Plus : scramSha256,
    first: Buffer.from(gs2Header + bare),
    onServerFirst(data) {
      const serverFirst = data.toString('utf8');
      const { nonce, salt, iterations } = readServerFirst(serverFirst, options.nonce);
      const salted = saltPassword(options.password, salt, iterations);
      const clientKey = hmac(salted, 'Client Key');
      const withoutProof = `c=${channel},r=${nonce}`;
      const authMessage = `${bare},${serverFirst},${withoutProof}`;
      const proof = xor(clientKey, hmac(hash(clientKey), authMessage));
      expectedSignature = hmac(hmac(salted, 'Server Key'), authMessage);
      return Buffer.from(`${withoutProof},p=${proof.toString('base64')}`);
    },
    onServerFinal(data) {
      const text = data.toString('utf8');
      const signature = Buffer.from(/^v=([^,]*)/.exec(text)?.[1] ?? '', 'base64');
      if (expectedSignature === null || signature.length !== 32 || !timingSafeEqual(signature, expectedSignature)) {
        throw refuse('its signature is wrong: it does not know the password');
      }
    },
  };
}

function readServerFirst(text: string, clientNonce: string): { nonce: string; salt: Buffer; iterations: number } {
  const attributes = tryAttributes(text);
  if (attributes?.[0]?.[0] !== 'r' || attributes[1]?.[0] !== 's' || attributes[2]?.[0] !== 'i')
    throw refuse('its first message is malformed');
  const nonce = attributes[0][1];
  const salt = Buffer.from(attributes[1][1], 'base64');
  const iterations = /^[0-9]{1,9}$/.test(attributes[2][1]) ? Number(attributes[2][1]) : 0;
  if (!nonce.startsWith(clientNonce) || nonce.length === clientNonce.length)
    throw refuse('its nonce does not extend ours');
  if (iterations < 1 || iterations > maxIterations)
    throw refuse(`it asks for ${iterations} iterations; at most ${maxIterations} are taken`);
  if (salt.length === 0) throw refuse('it sends no salt');
  return { nonce, salt, iterations };
}

import { timingSafeEqual } from 'node:crypto';
import { WeirError } from '@weir/errors';
import {
  encodeAuthenticationOk,
  encodeAuthenticationSasl,
  encodeAuthenticationSaslContinue,
  encodeAuthenticationSaslFinal,
} from './encode-backend.ts';
import { MessageReader } from './message-reader.ts';
import { hash, hmac, scramSha256, scramSha256Plus, tryAttributes, xor } from './scram.ts';
import type { ScramVerifier } from './scram-verifier.ts';

/** Options of one sign-in. */
export interface ScramServerOptions {
  /** Of the user, or a mock verifier when there is no such user: both take the same path. */
  readonly verifier: ScramVerifier;
  /** Fresh random text of printable ASCII without comma, at least 18 characters. */
  readonly nonce: string;
  /** Hash of our TLS certificate (tls-server-end-point, RFC 5929); present = SCRAM-SHA-256-PLUS is offered, too. */
  readonly tlsServerEndPointHash?: Buffer;
}

/** What to send after a message of the client. `ok` includes AuthenticationOk; after `failed` the door sends a FATAL error. */
export type ScramStep =
  | { readonly kind: 'continue'; readonly send: Buffer }
  | { readonly kind: 'ok'; readonly send: Buffer }
  | { readonly kind: 'failed'; readonly error: WeirError };

/** One sign-in by SCRAM-SHA-256 (RFC 5802, RFC 7677; PostgreSQL "SASL Authentication"). */
export interface ScramServer {
  /** AuthenticationSASL. */
  start(): Buffer;
  /** @param body of the client's 'p' message */
  receive(body: Buffer): ScramStep;
}

interface ClientFirst {
  readonly gs2Header: string;
  readonly bare: string;
  readonly binding: 'none' | 'bound';
  readonly serverFirst: string;
  readonly nonce: string;
}

function violation(why: string): WeirError {
  return new WeirError('protocol_violation', 'the SCRAM exchange is malformed', { why });
}

/** Makes the server's side of one sign-in. */
export function createScramServer(options: ScramServerOptions): ScramServer {
  let first: ClientFirst | null = null;
  let isOver = false;
  const fail = (error: unknown): ScramStep => {
    isOver = true;
    if (error instanceof WeirError) return { kind: 'failed', error };
    return { kind: 'failed', error: new WeirError('internal', 'the sign-in failed inside the gate', { cause: error }) };
  };
  return {
    start: () =>
      encodeAuthenticationSasl(options.tlsServerEndPointHash ? [scramSha256Plus, scramSha256] : [scramSha256]),
    receive(body) {
      try {
        if (isOver) throw violation('a message behind the end of the exchange');
        if (first === null) {
          first = readClientFirst(body, options);
          return { kind: 'continue', send: encodeAuthenticationSaslContinue(Buffer.from(first.serverFirst)) };
        }
        isOver = true;
        const signature = checkClientFinal(body, first, options);
        const final = encodeAuthenticationSaslFinal(Buffer.from(`v=${signature.toString('base64')}`));
        return { kind: 'ok', send: Buffer.concat([final, encodeAuthenticationOk()]) };
      } catch (error) {
        return fail(error);
      }
    },
  };
}

function readClientFirst(body: Buffer, options: ScramServerOptions): ClientFirst {
  const reader = new MessageReader(body, 0, body.length);
  const mechanism = reader.cstring('latin1');
  const length = reader.int32();
  const text = reader.slice(length).toString('utf8');
  reader.finish();
  const hasPlus = options.tlsServerEndPointHash !== undefined;
  if (mechanism !== scramSha256 && !(mechanism === scramSha256Plus && hasPlus))
    throw violation(`the mechanism "${mechanism}" was not offered`);
  const match = /^(n|y|p=[A-Za-z0-9.-]+),(a=[^,]*)?,(.*)$/s.exec(text);
  if (match === null) throw violation('the client-first message has no GS2 header');
  const [, flag = '', authzid, bare = ''] = match;
  if (authzid !== undefined)
    throw new WeirError('feature_not_supported', 'SCRAM with an authorization identity is not supported');
  const isBound = mechanism === scramSha256Plus;
  if (isBound !== flag.startsWith('p=')) throw violation('the channel-binding flag does not fit the mechanism');
  if (isBound && flag !== 'p=tls-server-end-point')
    throw violation('only the channel binding tls-server-end-point is supported');
  if (flag === 'y' && hasPlus)
    throw violation('the client was told that no channel binding is possible; somebody may sit between');
  const attributes = tryAttributes(bare);
  const clientNonce = attributes?.[1]?.[1];
  if (
    attributes?.[0]?.[0] !== 'n' ||
    attributes[1]?.[0] !== 'r' ||
    !clientNonce ||
    !/^[\x21-\x7e]+$/.test(clientNonce)
  ) {
    throw violation('the client-first message has no name or nonce');
  }
  const nonce = clientNonce + options.nonce;
  const { salt, iterations } = options.verifier;
  const serverFirst = `r=${nonce},s=${salt.toString('base64')},i=${iterations}`;
  return { gs2Header: `${flag},,`, bare, binding: isBound ? 'bound' : 'none', serverFirst, nonce };
}

/** @returns the server's signature */
function checkClientFinal(body: Buffer, first: ClientFirst, options: ScramServerOptions): Buffer {
  const text = body.toString('utf8');
  const proofAt = text.lastIndexOf(',p=');
  const attributes = tryAttributes(text);
  if (proofAt < 0 || attributes?.[0]?.[0] !== 'c' || attributes[1]?.[0] !== 'r')
    throw violation('the client-final message has no proof');
  const bindingData = first.binding === 'bound' ? options.tlsServerEndPointHash! : Buffer.alloc(0);
  const expected = Buffer.concat([Buffer.from(first.gs2Header), bindingData]).toString('base64');
  if (attributes[0][1] !== expected) throw violation('the channel binding does not match this TLS connection');
  if (attributes[1][1] !== first.nonce) throw violation('the nonce does not match');
  const { verifier } = options;
  const authMessage = `${first.bare},${first.serverFirst},${text.slice(0, proofAt)}`;
  const proof = Buffer.from(text.slice(proofAt + 3), 'base64');
  const clientSignature = hmac(verifier.storedKey, authMessage);
  const clientKey = proof.length === 32 ? xor(proof, clientSignature) : Buffer.alloc(32);
  const isEqual = timingSafeEqual(hash(clientKey), verifier.storedKey);
  if (!isEqual || verifier.isMock || proof.length !== 32)
    throw new WeirError('wrong_password', 'password authentication failed');
  return hmac(verifier.serverKey, authMessage);
}

import { createPublicKey } from 'node:crypto';
import type { RecordingHeader, WrappedKey } from './format.ts';

/** A session's name as it may stand in a recording and in its file's name. */
export const sessionPattern = /^[A-Za-z0-9][A-Za-z0-9_~-]{0,99}$/;

function text(value: unknown, pattern: RegExp, what: string): string {
  if (typeof value !== 'string' || !pattern.test(value)) throw new Error(`the header's ${what} is not valid`);
  return value;
}

function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${what} is not an object`);
  return value as Record<string, unknown>;
}

const base64 = /^[A-Za-z0-9+/]{1,200}={0,2}$/;

function parseWrappedKey(value: unknown): WrappedKey {
  const key = record(value, "the header's data key");
  return {
    master: text(key['master'], base64, 'master key name'),
    nonce: text(key['nonce'], base64, 'data key nonce'),
    key: text(key['key'], base64, 'data key'),
    tag: text(key['tag'], base64, 'data key tag'),
  };
}

/**
 * Reads the JSON of a header.
 * @throws Error with a reason when a field is missing or malformed or the version is unknown.
 */
export function parseHeader(json: Buffer): RecordingHeader {
  const value = record(JSON.parse(json.toString('utf8')), 'the header');
  if (value['format'] !== 1) throw new Error(`format ${String(value['format'])} is not known to this version`);
  const createdAtMs = value['createdAtMs'];
  if (typeof createdAtMs !== 'number' || !Number.isSafeInteger(createdAtMs)) {
    throw new Error("the header's time is not valid");
  }
  const publicKey = text(value['publicKey'], base64, 'public key');
  const key = createPublicKey({ key: Buffer.from(publicKey, 'base64'), format: 'der', type: 'spki' });
  if (key.asymmetricKeyType !== 'ed25519') throw new Error("the header's public key is not an Ed25519 key");
  return {
    format: 1,
    session: text(value['session'], sessionPattern, 'session'),
    chain: text(value['chain'], /^[0-9a-f]{32}$/, 'chain'),
    createdAtMs,
    publicKey,
    dataKey: parseWrappedKey(value['dataKey']),
  };
}

import { createHash, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { BlobReader } from './blob-reader.ts';
import { lengthAnd, positive } from './blob-writer.ts';
import { unreadable } from './refusal.ts';

/** Kinds of keys that Weir takes: RFC 8709, RFC 5656, RFC 4253, OpenSSH PROTOCOL.u2f. */
export type SshKeyType =
  | 'ssh-ed25519'
  | 'ecdsa-sha2-nistp256'
  | 'ecdsa-sha2-nistp384'
  | 'ecdsa-sha2-nistp521'
  | 'ssh-rsa'
  | 'sk-ssh-ed25519@openssh.com'
  | 'sk-ecdsa-sha2-nistp256@openssh.com';

/** A public key whose numbers were checked. */
export interface SshPublicKey {
  readonly type: SshKeyType;
  /** As it is sent and hashed, with its type in front. */
  readonly blob: Buffer;
  /** Names of the signatures that are taken from it; SHA-1 is not among them. */
  readonly algorithms: readonly string[];
  readonly key: KeyObject;
  /** What a security key was made for (`ssh:` by default); undefined = no security key. */
  readonly application: string | undefined;
}

/** Largest blob that is looked at; an RSA key of 16384 bits has 2070 bytes, a certificate of one, signed by another, some 10,000. */
export const maxBlobBytes = 32_768;
const rsaBits = { least: 2048, most: 16_384 };

const curves = {
  nistp256: { crv: 'P-256', bytes: 32 },
  nistp384: { crv: 'P-384', bytes: 48 },
  nistp521: { crv: 'P-521', bytes: 66 },
} as const;

/** All kinds of keys that are taken. */
export const sshKeyTypes: readonly SshKeyType[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'ssh-rsa',
  'sk-ssh-ed25519@openssh.com',
  'sk-ecdsa-sha2-nistp256@openssh.com',
];

/** Reads a public key. @throws WeirError invalid_request when it is malformed, weak or of a kind that is not taken */
export function parsePublicKey(blob: Uint8Array): SshPublicKey {
  if (blob.length > maxBlobBytes) throw unreadable('it is too long');
  const reader = new BlobReader(blob);
  const type = keyTypeOf(reader.text());
  const key = readKeyFields(type, reader);
  reader.finish();
  return key;
}

/** @throws WeirError invalid_request when keys of this kind are not taken */
export function keyTypeOf(name: string): SshKeyType {
  const type = sshKeyTypes.find((known) => known === name);
  if (type === undefined) throw unreadable(`keys of the kind ${JSON.stringify(name.slice(0, 60))} are not taken`);
  return type;
}

/** Reads what follows the type of a key; certificates have the same fields. */
export function readKeyFields(type: SshKeyType, reader: BlobReader): SshPublicKey {
  const application = (): string => reader.text();
  switch (type) {
    case 'ssh-ed25519':
      return fromEd25519(type, reader.bytes());
    case 'sk-ssh-ed25519@openssh.com':
      return fromEd25519(type, reader.bytes(), application());
    case 'ssh-rsa':
      return fromRsa(reader.positive(), reader.positive());
    case 'sk-ecdsa-sha2-nistp256@openssh.com':
      return fromEcdsa(type, reader.text(), reader.bytes(), application);
    default:
      return fromEcdsa(type, reader.text(), reader.bytes());
  }
}

/** The public half of a key (ed25519, P-256, P-384, P-521 or RSA). @throws WeirError invalid_request for others */
export function publicKeyOf(key: KeyObject): SshPublicKey {
  const { kty, crv, x = '', y = '', e = '', n = '' } = key.export({ format: 'jwk' });
  const bytes = (text: string) => Buffer.from(text, 'base64url');
  if (kty === 'OKP' && crv === 'Ed25519') return fromEd25519('ssh-ed25519', bytes(x));
  if (kty === 'RSA') return fromRsa(bytes(e), bytes(n));
  const curve = (['nistp256', 'nistp384', 'nistp521'] as const).find((name) => curves[name].crv === crv);
  if (curve === undefined) throw unreadable(`keys of the kind ${kty} ${crv ?? ''} are not taken`);
  return fromEcdsa(`ecdsa-sha2-${curve}`, curve, Buffer.concat([Buffer.of(4), bytes(x), bytes(y)]));
}

/** `SHA256:…` as ssh-keygen -l shows it, of a key or of the key inside a certificate. */
export function fingerprintOf(key: Pick<SshPublicKey, 'blob'>): string {
  return `SHA256:${createHash('sha256').update(key.blob).digest('base64').replaceAll('=', '')}`;
}

function fromEd25519(
  type: 'ssh-ed25519' | 'sk-ssh-ed25519@openssh.com',
  point: Buffer,
  application?: string,
): SshPublicKey {
  if (point.length !== 32) throw unreadable('an ed25519 key has 32 bytes');
  const key = importKey({ kty: 'OKP', crv: 'Ed25519', x: point.toString('base64url') });
  const fields = [lengthAnd(type), lengthAnd(point), ...(application === undefined ? [] : [lengthAnd(application)])];
  return { type, key, application, algorithms: [type], blob: Buffer.concat(fields) };
}

function fromEcdsa(type: SshKeyType, curve: string, point: Buffer, application?: () => string): SshPublicKey {
  const expected = type.includes('nistp256') ? 'nistp256' : type.includes('nistp384') ? 'nistp384' : 'nistp521';
  if (curve !== expected) throw unreadable('an ecdsa key is on another curve than its type says');
  const { crv, bytes } = curves[expected];
  if (point.length !== 1 + 2 * bytes || point[0] !== 4) throw unreadable('the point of an ecdsa key has a wrong form');
  const x = point.subarray(1, 1 + bytes).toString('base64url');
  const y = point.subarray(1 + bytes).toString('base64url');
  const key = importKey({ kty: 'EC', crv, x, y });
  const made = application?.();
  const fields = [
    lengthAnd(type),
    lengthAnd(curve),
    lengthAnd(point),
    ...(made === undefined ? [] : [lengthAnd(made)]),
  ];
  return { type, key, application: made, algorithms: [type], blob: Buffer.concat(fields) };
}

function fromRsa(exponent: Buffer, modulus: Buffer): SshPublicKey {
  const bits = modulus.length * 8 - Math.clz32(modulus[0] ?? 0) + 24;
  if (bits < rsaBits.least || bits > rsaBits.most) throw unreadable('an RSA key has from 2048 to 16384 bits');
  if (exponent.length > 8 || ((exponent.at(-1) ?? 0) & 1) === 0 || (exponent.length === 1 && exponent[0] === 1)) {
    throw unreadable('the exponent of an RSA key is odd, larger than 1 and has at most 64 bits');
  }
  const key = importKey({ kty: 'RSA', e: exponent.toString('base64url'), n: modulus.toString('base64url') });
  const blob = Buffer.concat([lengthAnd('ssh-rsa'), positive(exponent), positive(modulus)]);
  return { type: 'ssh-rsa', key, application: undefined, algorithms: ['rsa-sha2-512', 'rsa-sha2-256'], blob };
}

function importKey(jwk: JsonWebKey): KeyObject {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' });
  } catch (cause) {
    throw unreadable('its numbers are no key', cause);
  }
}

import { BlobReader, textOf } from './blob-reader.ts';
import { lengthAnd, uint32, uint64 } from './blob-writer.ts';
import {
  keyTypeOf,
  maxBlobBytes,
  parsePublicKey,
  readKeyFields,
  type SshKeyType,
  type SshPublicKey,
} from './public-key.ts';
import { unreadable } from './refusal.ts';

/** What a certificate says (OpenSSH PROTOCOL.certkeys). Its signature is not part of that: checkCertificate looks at it. */
export interface CertificateClaims {
  readonly kind: 'user' | 'host';
  readonly key: SshPublicKey;
  readonly serial: bigint;
  /** Free text of the authority; it stands in the logs of servers. */
  readonly keyId: string;
  /** User or host names. None = everybody in OpenSSH, nobody in Weir. */
  readonly principals: readonly string[];
  /** Seconds since the epoch; from this one on. */
  readonly validAfter: bigint;
  /** Seconds since the epoch; before this one. */
  readonly validBefore: bigint;
  /** Name and content (without its length): whoever does not know one of them must refuse the certificate. */
  readonly criticalOptions: ReadonlyMap<string, string>;
  /** Names of extensions; what nobody knows is ignored. */
  readonly extensions: readonly string[];
}

/** A certificate whose fields were read, and whose signature was not looked at. */
export interface SshCertificate extends CertificateClaims {
  /** E.g. `ssh-ed25519-cert-v01@openssh.com`. */
  readonly type: string;
  readonly blob: Buffer;
  readonly authority: SshPublicKey;
  /** What the authority signed. */
  readonly signed: Buffer;
  readonly signature: Buffer;
}

const suffix = '-cert-v01@openssh.com';
const most = { principals: 256, options: 64, nonce: 64 };
const kinds = { 1: 'user', 2: 'host' } as const;

/** Is this the name of a certificate's type (or of a signature algorithm as certificates are offered with, like `rsa-sha2-512-cert-v01@openssh.com`)? */
export function isCertificateType(name: string): boolean {
  return name.endsWith(suffix);
}

/** The name of the algorithm behind that of a certificate: `ssh-ed25519` of `ssh-ed25519-cert-v01@openssh.com`. Other names as they are. */
export function plainTypeOf(name: string): string {
  if (!isCertificateType(name)) return name;
  const plain = name.slice(0, -suffix.length);
  return plain.startsWith('sk-') ? `${plain}@openssh.com` : plain;
}

/** The name of the type of certificates for keys of this type. */
export function certificateTypeOf(type: SshKeyType): string {
  return `${type.replace('@openssh.com', '')}${suffix}`;
}

/** Reads a certificate; says nothing about who signed it. @throws WeirError invalid_request when it is malformed or its keys are not taken */
export function parseCertificate(bytes: Uint8Array): SshCertificate {
  if (bytes.length > maxBlobBytes) throw unreadable('it is too long');
  const blob = Buffer.from(bytes);
  const reader = new BlobReader(blob);
  const type = reader.text();
  if (!isCertificateType(type)) throw unreadable('it is no certificate');
  const keyType = keyTypeOf(plainTypeOf(type));
  if (reader.bytes().length > most.nonce) throw unreadable('its nonce is too long');
  const key = readKeyFields(keyType, reader);
  const serial = reader.uint64();
  const kind = kinds[reader.uint32() as 1 | 2];
  if (kind === undefined) throw unreadable('it is neither for a user nor for a host');
  const keyId = reader.text();
  const principals = readPrincipals(reader.bytes());
  const validAfter = reader.uint64();
  const validBefore = reader.uint64();
  const criticalOptions = readOptions(reader.bytes());
  const extensions = [...readOptions(reader.bytes()).keys()];
  reader.bytes();
  const authority = parsePublicKey(reader.bytes());
  const signed = blob.subarray(0, reader.position);
  const signature = reader.bytes();
  reader.finish();
  const claims = { kind, key, serial, keyId, principals, validAfter, validBefore, criticalOptions, extensions };
  return { ...claims, type, blob, authority, signed, signature };
}

/**
 * Makes a certificate.
 * @param nonce 32 random bytes
 * @param sign signs with the authority's key; the signature has its algorithm's name in front (signWith)
 */
export function issueCertificate(
  claims: CertificateClaims,
  authority: SshPublicKey,
  nonce: Uint8Array,
  sign: (data: Buffer) => Buffer,
): Buffer {
  const { key, keyId, principals, criticalOptions, extensions } = claims;
  const keyFields = key.blob.subarray(4 + Buffer.byteLength(key.type));
  const names = (all: Iterable<string>) => [...all].sort();
  const signed = Buffer.concat([
    lengthAnd(certificateTypeOf(key.type)),
    lengthAnd(nonce),
    keyFields,
    uint64(claims.serial),
    uint32(claims.kind === 'user' ? 1 : 2),
    lengthAnd(keyId),
    lengthAnd(Buffer.concat(principals.map(lengthAnd))),
    uint64(claims.validAfter),
    uint64(claims.validBefore),
    lengthAnd(
      Buffer.concat(
        names(criticalOptions.keys()).map((name) => {
          const value = criticalOptions.get(name) ?? '';
          return Buffer.concat([lengthAnd(name), lengthAnd(value === '' ? '' : lengthAnd(value))]);
        }),
      ),
    ),
    lengthAnd(Buffer.concat(names(extensions).map((name) => Buffer.concat([lengthAnd(name), lengthAnd('')])))),
    lengthAnd(''),
    lengthAnd(authority.blob),
  ]);
  return Buffer.concat([signed, lengthAnd(sign(signed))]);
}

function readPrincipals(bytes: Buffer): string[] {
  const reader = new BlobReader(bytes);
  const principals: string[] = [];
  while (!reader.isDone) {
    if (principals.length === most.principals) throw unreadable('it has too many principals');
    principals.push(reader.text());
  }
  return principals;
}

/** Name and content pairs; a content is empty or one string. */
function readOptions(bytes: Buffer): Map<string, string> {
  const reader = new BlobReader(bytes);
  const options = new Map<string, string>();
  while (!reader.isDone) {
    if (options.size === most.options) throw unreadable('it has too many options');
    const name = reader.text();
    if (options.has(name)) throw unreadable('an option stands in it twice');
    options.set(name, contentOf(reader.bytes()));
  }
  return options;
}

function contentOf(bytes: Buffer): string {
  if (bytes.length === 0) return '';
  const reader = new BlobReader(bytes);
  const content = reader.bytes();
  reader.finish();
  return textOf(content);
}

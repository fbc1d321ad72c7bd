import { isCertificateType, parseCertificate, plainTypeOf, type SshCertificate } from './certificate.ts';
import { parsePublicKey, type SshPublicKey, sshKeyTypes } from './public-key.ts';
import { unreadable } from './refusal.ts';

/** A public key as a line of text (`ssh-ed25519 AAAA… comment`), a line of authorized_keys without its options, or a certificate in a `-cert.pub` file. */
export interface KeyLine {
  /** The key; of a certificate, the key inside. */
  readonly key: SshPublicKey;
  readonly certificate: SshCertificate | undefined;
  readonly comment: string;
}

/** Longest line that is looked at, in characters. */
const maxLineLength = 50_000;

/** Reads such a line. @throws WeirError invalid_request when it is none */
export function parseKeyLine(line: string): KeyLine {
  if (line.length > maxLineLength) throw unreadable('the line is too long');
  const match = /^\s*(\S+)[ \t]+([A-Za-z0-9+/]+={0,2})(?:[ \t]+([^\r\n]*))?\s*$/.exec(line);
  const [, type = '', base64 = '', comment = ''] = match ?? [];
  if (match === null || !isKeyName(type))
    throw unreadable('the line does not begin with a type of key and its base64 text');
  const blob = Buffer.from(base64, 'base64');
  const certificate = isCertificateType(type) ? parseCertificate(blob) : undefined;
  const key = certificate?.key ?? parsePublicKey(blob);
  if ((certificate?.type ?? key.type) !== type) throw unreadable('the line names another type than the key');
  return { key, certificate, comment: comment.trim() };
}

/** A key or certificate as a line. */
export function formatKeyLine(type: string, blob: Uint8Array, comment = ''): string {
  const line = `${type} ${Buffer.from(blob).toString('base64')}`;
  return comment === '' ? line : `${line} ${comment}`;
}

/** A line of authorized_keys (sshd(8)). */
export interface AuthorizedKey extends KeyLine {
  /** As written, e.g. `cert-authority`, `command="…"`. */
  readonly options: readonly string[];
}

/** Reads a line of authorized_keys; undefined for an empty one or a comment. @throws WeirError invalid_request when it is none */
export function parseAuthorizedKey(line: string): AuthorizedKey | undefined {
  const text = line.trim();
  if (text === '' || text.startsWith('#')) return undefined;
  if (text.length > maxLineLength) throw unreadable('the line is too long');
  const [first = ''] = text.split(/[ \t]/, 1);
  if (isKeyName(first)) return { ...parseKeyLine(text), options: [] };
  const options = /^(?:[^\s",=]+(?:="(?:[^"\\]|\\.)*")?)(?:,[^\s",=]+(?:="(?:[^"\\]|\\.)*")?)*/.exec(text)?.[0];
  if (options === undefined) throw unreadable('the options of the line are not understood');
  const parsed = parseKeyLine(text.slice(options.length));
  return { ...parsed, options: options.match(/[^\s",=]+(?:="(?:[^"\\]|\\.)*")?/g) ?? [] };
}

/** A line of known_hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). */
export interface KnownHost extends KeyLine {
  readonly marker: 'cert-authority' | 'revoked' | undefined;
  /** Names and patterns, or one hashed name (`|1|…`). */
  readonly hosts: readonly string[];
}

/** Reads a line of known_hosts; undefined for an empty one or a comment. @throws WeirError invalid_request when it is none */
export function parseKnownHost(line: string): KnownHost | undefined {
  const text = line.trim();
  if (text === '' || text.startsWith('#')) return undefined;
  if (text.length > maxLineLength) throw unreadable('the line is too long');
  const match = /^(?:@(cert-authority|revoked)[ \t]+)?([^\s@]\S*)[ \t]+(.*)$/.exec(text);
  if (match === null) throw unreadable('the line has no hosts or an unknown marker');
  const [, marker, hosts = '', rest = ''] = match;
  return { ...parseKeyLine(rest), marker: marker as KnownHost['marker'], hosts: hosts.split(',') };
}

/** A line of known_hosts. */
export function formatKnownHost(
  hosts: readonly string[],
  key: Pick<SshPublicKey, 'type' | 'blob'>,
  marker?: 'cert-authority' | 'revoked',
): string {
  return `${marker === undefined ? '' : `@${marker} `}${hosts.join(',')} ${formatKeyLine(key.type, key.blob)}`;
}

/** How known_hosts names a host and port: the port only when it is not 22. */
export function knownHostName(host: string, port: number): string {
  return port === 22 ? host : `[${host}]:${port}`;
}

function isKeyName(name: string): boolean {
  return sshKeyTypes.some((type) => type === plainTypeOf(name));
}

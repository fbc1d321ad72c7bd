/** What the text of a join token says: where to enrol, whom to trust there, and the one-use secret. */
export interface JoinToken {
  /** host:port of the gateway's front port. */
  readonly address: string;
  /** SHA-256 of the gateway's CA certificates (DER), lower-case hexadecimal: one, or two while its CA is being replaced. */
  readonly caPins: readonly string[];
  /** The secret that the enrolment request carries. */
  readonly secret: string;
}

const prefix = 'weir-join.';

/** Writes a join token as one word: `weir-join.` and base64url of its JSON. */
export function joinTokenText(token: JoinToken): string {
  const { address, caPins, secret } = token;
  return prefix + Buffer.from(JSON.stringify([address, caPins.join(' '), secret])).toString('base64url');
}

/** Reads a join token, white space around it ignored; undefined when the text is not one. */
export function tryJoinToken(text: string): JoinToken | undefined {
  const word = text.trim();
  if (!word.startsWith(prefix) || word.length > 4096) return undefined;
  let parts: unknown;
  try {
    parts = JSON.parse(Buffer.from(word.slice(prefix.length), 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
  if (!Array.isArray(parts) || parts.length !== 3) return undefined;
  const [address, pins, secret] = parts as unknown[];
  if (typeof address !== 'string' || !/^\S+:\d{1,5}$/.test(address)) return undefined;
  if (typeof pins !== 'string' || !/^[0-9a-f]{64}( [0-9a-f]{64}){0,3}$/.test(pins)) return undefined;
  if (typeof secret !== 'string' || secret.length < 16) return undefined;
  return { address, caPins: pins.split(' '), secret };
}

import { WeirError } from '@weir/errors';
import type { Call } from './transport.ts';

/** Something with the version that the gateway has of it. */
export interface Versioned<T> {
  readonly value: T;
  readonly version: string;
}

/** What must be so for a change to be made; else it fails with precondition_failed. `version`: the newest is this one; `absent`: there is none. */
export type OnlyIf = { readonly version: string } | { readonly absent: true };

/** Headers of a call with a condition (RFC 9110 section 13.1). */
export function headersOf(onlyIf: OnlyIf | undefined): Pick<Call, 'headers'> {
  if (onlyIf === undefined) return {};
  return { headers: 'absent' in onlyIf ? { 'if-none-match': '*' } : { 'if-match': `"${onlyIf.version}"` } };
}

/** The version of what an answer shows. @throws WeirError protocol_violation when it has none. */
export function versionOf(response: Response): string {
  // A proxy that compresses makes strong tags weak ones.
  const [, version] = /^(?:W\/)?"([\x21\x23-\x7e]+)"$/.exec(response.headers.get('etag') ?? '') ?? [];
  if (version !== undefined) return version;
  throw new WeirError('protocol_violation', 'The answer has no version.', {
    why: 'The header etag is missing or cannot be read.',
    fix: 'Check that client and gateway have the same version, and that no proxy takes the header away.',
  });
}

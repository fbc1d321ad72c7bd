import type { IncomingHttpHeaders } from 'node:http';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { WeirError } from '@weir/errors';
import type { FastifyRequest } from 'fastify';

/** Entity tags that a header names (RFC 9110 section 8.8.3), or `*`. */
type Tags = '*' | readonly { readonly version: string; readonly isWeak: boolean }[];

/** What must be so for a request to be carried out: If-Match and If-None-Match (RFC 9110 section 13.1). */
export interface Precondition {
  readonly match?: Tags;
  readonly noneMatch?: Tags;
}

/** The version of something that exists, and what is known of its last change. */
export interface Version {
  readonly version: string;
  readonly changedAt: Date;
  readonly changedBy: string | null;
  /** What changed between the version that the request knows and this one, for people; empty = not known. */
  readonly changes: readonly string[];
}

/** Reads the headers. @throws WeirError invalid_request when they are not entity tags. */
export function preconditionOf(headers: IncomingHttpHeaders): Precondition {
  const match = tagsOf('if-match', headers['if-match']);
  const noneMatch = tagsOf('if-none-match', headers['if-none-match']);
  return { ...(match && { match }), ...(noneMatch && { noneMatch }) };
}

/** The versions that If-Match names. */
export function versionsIn({ match }: Precondition): string[] {
  return match === undefined || match === '*' ? [] : match.map(({ version }) => version);
}

/** Does the client have this version already (If-None-Match on GET)? */
export function isKnown({ noneMatch }: Precondition, version: string): boolean {
  return noneMatch !== undefined && (noneMatch === '*' || noneMatch.some((tag) => tag.version === version));
}

/** Holds a change to its precondition. `what` names the thing, e.g. `The connection orders`. @throws WeirError precondition_failed. */
export function requirePrecondition(precondition: Precondition, current: Version | undefined, what: string): void {
  const { match } = precondition;
  if (current !== undefined && isKnown(precondition, current.version)) {
    throw new WeirError('precondition_failed', `${what} exists already.`, {
      why: `${lastChangeOf(current)} The request was to add it.`,
      fix: `Read it, then send the change with if-match: "${current.version}"`,
    });
  }
  if (match === undefined) return;
  if (current === undefined) {
    throw new WeirError('precondition_failed', `${what} does not exist any more, or never did.`, {
      why: 'The request was to change a version of it.',
      fix: 'Send the request without if-match to add it.',
    });
  }
  if (match === '*' || match.some((tag) => !tag.isWeak && tag.version === current.version)) return;
  throw new WeirError('precondition_failed', `${what} was changed since you read it.`, {
    why: `${lastChangeOf(current)} It is at version "${current.version}" now.`,
  });
}

/** Parameter of a handler: the request's precondition. */
export const OnlyIf = createParamDecorator(
  (_data: unknown, context: ExecutionContext): Precondition =>
    preconditionOf(context.switchToHttp().getRequest<FastifyRequest>().headers),
);

const tagPattern = /^\s*(W\/)?"([\x21\x23-\x7e]{0,200})"\s*(?:,|$)/;

function tagsOf(header: string, text: string | undefined): Tags | undefined {
  if (text === undefined) return undefined;
  if (text.trim() === '*') return '*';
  const tags: { version: string; isWeak: boolean }[] = [];
  let rest = text;
  while (rest.trim() !== '' && tags.length < 50) {
    const [whole, weak, version] = tagPattern.exec(rest) ?? [];
    if (whole === undefined || version === undefined) break;
    tags.push({ version, isWeak: weak !== undefined });
    rest = rest.slice(whole.length);
  }
  if (tags.length > 0 && rest.trim() === '') return tags;
  throw new WeirError('invalid_request', `The header ${header} cannot be read.`, {
    why: 'It must be * or versions in quotation marks, as the header etag gives them.',
    fix: `Send for example ${header}: "3-9f86d081"`,
  });
}

function lastChangeOf({ changedAt, changedBy, changes }: Version): string {
  const what = changes.length === 0 ? '' : `: ${changes.join(', ')}`;
  return `${changedBy ?? 'Somebody'} changed it last, at ${changedAt.toISOString()}${what}.`;
}

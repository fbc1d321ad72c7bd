import type { FileOutcome, FileRequest } from '../src/index.ts';

/** A file operation in one line: what, which way, where, and its size where it is told before. */
export function lineOfRequest({ operation, direction, path, absolutePath, to, size }: FileRequest): string {
  const absolute = absolutePath === path ? '' : ` (${absolutePath})`;
  return `${operation} ${direction} ${path}${absolute}${to === null ? '' : ` -> ${to}`}${size === null ? '' : ` ${size} bytes`}`;
}

/** What became of it. */
export function lineOfOutcome(ticket: unknown, { bytesUp, bytesDown, sha256, isWhole, error }: FileOutcome): string {
  const content = `${bytesUp} up ${bytesDown} down ${sha256?.slice(0, 8) ?? '-'}${isWhole ? ' whole' : ''}`;
  return `ended ${String(ticket)}: ${content}${error === null ? '' : ` ${error}`}`;
}

import type { SshGuardrailRule } from '../../plan.ts';
import type { SshStatement } from '../../ssh-statement.ts';
import type { ContentType, SshBounds } from '../../verdict.ts';
import { createPlaceTest, isSingleFile } from './file-match.ts';

/** What a guardrail watches while a file passes. */
export interface FileBound {
  readonly why: string;
  readonly fileSize: SshBounds['fileSize'];
  readonly content: readonly ContentType[];
}

/** null = nothing of this file. */
export type FileBounds = (statement: SshStatement) => FileBound | null;

/**
 * Compiles what `sizeOver` and `content` want to see of a single file whose size or content is not known when it is opened. A file that grows over the
 * bound is refused at that point, also where the rule asks for approval: by then it is too late to ask.
 */
export function createFileBounds({ rule, kinds, files, match }: SshGuardrailRule): FileBounds {
  const { sizeOver, content, destinations, variables, programs } = match;
  const isAboutFiles = destinations === undefined && variables === undefined && programs === undefined;
  if ((sizeOver === undefined && content === undefined) || !isAboutFiles) return () => null;
  const placeOf = createPlaceTest(match);
  return (statement) => {
    const { facts } = statement;
    if (!isSingleFile(facts) || (kinds !== null && !files && !kinds.includes(facts.kind))) return null;
    const file = facts.files.find((found) => placeOf(found, statement) !== null);
    if (file === undefined) return null;
    // Both are wanted of one file: its size decides nothing before its content is known, and the other way round.
    const isSizeOpen = sizeOver !== undefined && file.size === null && content === undefined;
    const isContentOpen = content !== undefined && file.content.length === 0;
    if (!isSizeOpen && !isContentOpen) return null;
    const what = isSizeOpen ? `a file of more than ${sizeOver} bytes is refused` : 'its content is looked at';
    return {
      why: `${what} while it passes`,
      fileSize: isSizeOpen ? { over: sizeOver, rule } : null,
      content: isContentOpen ? content : [],
    };
  };
}

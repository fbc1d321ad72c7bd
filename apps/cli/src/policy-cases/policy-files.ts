import { readFileSync } from 'node:fs';
import { WeirError } from '@weir/errors';
import type { PolicySource } from '@weir/policy';

/** Reads the files of a policy. @throws WeirError invalid_request. */
export function readSources(files: readonly string[]): PolicySource[] {
  return files.map((name) => ({ name, text: readText(name) }));
}

/** Reads a text file. @throws WeirError invalid_request. */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new WeirError('invalid_request', `The file ${path} cannot be read.`, { why, fix: 'Check the path.', cause });
  }
}

/** The texts as one text of YAML documents. */
export function joinSources(sources: readonly PolicySource[]): string {
  return sources.map(({ text }) => (text.endsWith('\n') ? text : `${text}\n`)).join('---\n');
}

/** `policy.cases.yaml` for `policy.yaml`. @throws WeirError invalid_request when there are several files. */
export function defaultCaseFile(files: readonly string[]): string {
  const [only, ...others] = files;
  if (only !== undefined && others.length === 0) return only.replace(/\.(ya?ml|json)$/, '.cases.$1');
  throw new WeirError('invalid_request', 'Which cases?', { fix: 'Name them: weir policy test FILE... --cases FILE' });
}

import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { WeirError } from '@weir/errors';

/** Writes a file with mode 0600 that readers see complete or not at all. */
export function writeStateFile(path: string, text: string): void {
  const aside = `${path}.${randomUUID()}`;
  writeFileSync(aside, text, { mode: 0o600, flag: 'wx' });
  renameSync(aside, path);
}

/** writeStateFile of a value as JSON. */
export function writeStateJson(path: string, value: unknown): void {
  writeStateFile(path, `${JSON.stringify(value, null, 2)}\n`);
}

/** Reads a JSON object; undefined when the file does not exist. Throws WeirError `internal` when it is damaged. */
export function readStateJson(path: string): Readonly<Record<string, unknown>> | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
    throw new SyntaxError('not an object');
  } catch (cause) {
    throw new WeirError('internal', `The file ${path} is damaged.`, { fix: 'Start over: npm run reset', cause });
  }
}

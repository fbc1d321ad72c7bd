import { readdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { WeirError } from '@weir/errors';

const isDocument = (path: string): boolean => /\.(ya?ml|json)$/.test(path) && !/\.cases\.(ya?ml|json)$/.test(path);
const isHidden = (path: string): boolean => path.split(/[/\\]/).some((part) => part.startsWith('.'));

/**
 * Files that the paths name, each once. Of a folder: YAML and JSON in it and below, by name, without hidden ones and cases of `weir policy test`.
 * @throws WeirError invalid_request.
 */
export function findFiles(paths: readonly string[]): string[] {
  const files = new Map<string, string>();
  for (const path of paths) {
    try {
      for (const file of statSync(path).isDirectory() ? filesBelow(path) : [path]) files.set(realpathSync(file), file);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new WeirError('invalid_request', `${path} cannot be read.`, { why, fix: 'Check the path.', cause });
    }
  }
  return [...files.values()];
}

function filesBelow(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => !isHidden(name));
  return names
    .filter(isDocument)
    .sort()
    .map((name) => join(folder, name))
    .filter((file) => statSync(file).isFile());
}

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Cli } from '../cli.ts';

/** @returns the path of a program on PATH, or undefined. */
export function findProgram({ env }: Pick<Cli, 'env'>, name: string): string | undefined {
  return (env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return false;
  }
}

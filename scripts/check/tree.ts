import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A TypeScript file of the repository. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** All TypeScript sources that people write (generated code left out), tracked or new. */
export function sourceFiles(): SourceFile[] {
  const list = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.ts', '*.tsx'], {
    encoding: 'utf8',
  });
  return list
    .split('\n')
    .filter((path) => path !== '' && !/\/gen\/|\.d\.ts$/.test(path))
    .map((path) => ({ path, text: tryRead(path) }))
    .filter((file): file is SourceFile => file.text !== undefined);
}

/** A file that is listed but deleted in the working tree has no text. */
function tryRead(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

import type { FileRequest } from '../ssh-request.ts';

/** What the server is asked to know where a path really leads. */
export interface RealPathQuestion {
  readonly field: 'realPath' | 'realTo';
  readonly path: string;
  /** Last part, which is not followed: the operation is about a link itself, or about what is not there yet. */
  readonly name: string | null;
}

const following = (field: RealPathQuestion['field'], path: string): RealPathQuestion => ({ field, path, name: null });

/** The folder is followed, the last part is not. */
function ofFolder(field: RealPathQuestion['field'], path: string): RealPathQuestion {
  const trimmed = path.replace(/(?<=.)\/+$/, '');
  const slash = trimmed.lastIndexOf('/');
  const name = trimmed.slice(slash + 1);
  if (name === '' || name === '.' || name === '..') return following(field, path);
  return { field, path: slash < 0 ? '.' : trimmed.slice(0, slash + 1), name };
}

/** What to ask before an operation is judged. What only looks at names and attributes is judged by the letters of its path. */
export function realPathQuestions({ operation, path, to, absoluteTo }: FileRequest): readonly RealPathQuestion[] {
  switch (operation) {
    case 'open':
    case 'list':
    case 'setstat':
      return [following('realPath', path)];
    case 'remove':
    case 'rmdir':
    case 'mkdir':
      return [ofFolder('realPath', path)];
    case 'rename':
    case 'hardlink':
      return [ofFolder('realPath', path), ofFolder('realTo', to ?? path)];
    case 'symlink':
      return [ofFolder('realPath', path), following('realTo', absoluteTo ?? to ?? path)];
    default:
      return [];
  }
}

/** The answer with what was not followed. */
export function joinRealPath(folder: string, name: string | null): string {
  if (name === null) return folder;
  return folder.endsWith('/') ? `${folder}${name}` : `${folder}/${name}`;
}

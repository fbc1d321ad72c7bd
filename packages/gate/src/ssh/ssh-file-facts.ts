import { type FileAccess, type SshFacts, type SshKind } from '@weir/policy';
import type { SshFileRequest } from './ssh-request.ts';

type Direction = FileAccess['direction'];

/** Operations that only look at names and attributes. */
const quiet: readonly SshFileRequest['operation'][] = ['stat', 'realpath', 'statvfs', 'readlink'];

/** Words of sftp's own commands. */
const words: Readonly<Record<SshFileRequest['operation'], string>> = {
  open: 'open',
  list: 'list',
  stat: 'stat',
  realpath: 'realpath',
  statvfs: 'df',
  readlink: 'readlink',
  setstat: 'setstat',
  remove: 'rm',
  rename: 'rename',
  mkdir: 'mkdir',
  rmdir: 'rmdir',
  symlink: 'symlink',
  hardlink: 'ln',
  copy: 'copy',
};

/**
 * Text and facts of a file operation. What gives content another name (rename, links, copies) counts as reading the one place and writing the other, so
 * that no rule about either is passed by.
 */
export function describeFile(request: SshFileRequest): { text: string; facts: SshFacts; isQuiet: boolean } {
  const { operation, direction, size } = request;
  const command = operation === 'open' ? openWord(direction) : words[operation];
  const path = request.absolutePath ?? request.path;
  const to = request.to === null ? null : (request.absoluteTo ?? (operation === 'symlink' ? null : request.to));
  const access = (at: string | null, way: Direction): FileAccess => ({ path: at, direction: way, size, content: [] });
  const named = filesOf(request, request.isPathKnown === false ? null : path, to, access);
  const { realPath = null, realTo = null } = request;
  // A rule may be about the name or about the place where it leads through links: both are checked.
  const isLinked = (realPath !== null && realPath !== path) || (realTo !== null && realTo !== to);
  const files = isLinked ? [...named, ...filesOf(request, realPath ?? path, realTo ?? to, access)] : named;
  const kinds = kindsOf(request);
  const destructive = operation === 'remove' || operation === 'rmdir' ? [`${command} removes ${path}.`] : [];
  return {
    text: request.to === null ? `${command} ${path}` : `${command} ${path} ${request.absoluteTo ?? request.to}`,
    facts: {
      ...{ kind: kinds[0], command, kinds, commands: [], files, opaque: [], destructive },
      ...{ destination: null, variables: [] },
    },
    isQuiet: quiet.includes(operation),
  };
}

function openWord(direction: SshFileRequest['direction']): string {
  return direction === 'upload' ? 'put' : direction === 'download' ? 'get' : 'open';
}

function kindsOf({ operation, direction }: SshFileRequest): readonly [SshKind, ...SshKind[]] {
  if (operation !== 'open') return [direction === 'list' || quiet.includes(operation) ? 'file-list' : 'file-change'];
  if (direction === 'both') return ['file-write', 'file-read'];
  return [direction === 'download' ? 'file-read' : 'file-write'];
}

function filesOf(
  { operation, direction }: SshFileRequest,
  path: string | null,
  to: string | null,
  access: (path: string | null, direction: Direction) => FileAccess,
): FileAccess[] {
  switch (operation) {
    case 'open': {
      const places = to === null ? [path] : [path, to];
      const ways: readonly Direction[] = direction === 'both' ? ['upload', 'download'] : [direction];
      return places.flatMap((place) => ways.map((way) => access(place, way)));
    }
    case 'rename':
    case 'hardlink':
    case 'copy':
      return [access(path, 'change'), access(path, 'download'), access(to, 'change'), access(to, 'upload')];
    case 'symlink':
      return [access(path, 'change'), access(to, 'download'), access(to, 'upload')];
    default:
      return [access(path, direction === 'list' || quiet.includes(operation) ? 'list' : 'change')];
  }
}

import type { FileAccess, SshFacts, SshKind } from '@weir/policy';
import type { SshFileRequest } from './ssh-request.ts';

type Direction = FileAccess['direction'];

/** Operations that only look at names and attributes. */
const quiet: readonly SshFileRequest['operation'][] = ['stat', 'realpath', 'statvfs', 'readlink'];

/** Words of sftp's own commands; `open` is put or get. */
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

/** Every path that one end of an operation may stand for; null = one that is not known. */
type Places = readonly (string | null)[];

/**
 * Text and facts of a file operation. Each path counts as it is written and as the target resolves it. What gives content another name (rename, links,
 * copies) counts as reading the one place and writing the other, so that no rule about either is passed by.
 */
export function describeFile(request: SshFileRequest): { text: string; facts: SshFacts; isQuiet: boolean } {
  const { operation, direction, size } = request;
  const command = operation === 'open' ? openWord(direction) : words[operation];
  const { path, to } = writtenPaths(request);
  const from = placesOf(request.isPathKnown === false ? null : path, request.realPath);
  const target = request.to === null ? [] : placesOf(to, request.realTo);
  const kinds = kindsOf(request);
  const destructive = operation === 'remove' || operation === 'rmdir' ? [`${command} removes ${path}.`] : [];
  const files = waysOf(request, from, target).flatMap(({ places, ways }) =>
    places.flatMap((place) => ways.map((way): FileAccess => ({ path: place, direction: way, size, content: [] }))),
  );
  return {
    text: textOf(command, request, path),
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

/** Where a symbolic link leads is relative to the folder of the link, not to the client's. */
function writtenPaths({ operation, path, absolutePath, to, absoluteTo }: SshFileRequest) {
  return { path: absolutePath ?? path, to: absoluteTo ?? (operation === 'symlink' ? null : to) };
}

function placesOf(written: string | null, real: string | null = null): Places {
  if (real === null || real === written) return [written];
  return written === null ? [real] : [written, real];
}

function textOf(command: string, request: SshFileRequest, path: string): string {
  const real = (written: string, found: string | null = null) =>
    found === null || found === written ? written : `${written} (really ${found})`;
  const from = `${command} ${real(path, request.realPath)}`;
  return request.to === null ? from : `${from} ${real(request.absoluteTo ?? request.to, request.realTo)}`;
}

function kindsOf({ operation, direction }: SshFileRequest): readonly [SshKind, ...SshKind[]] {
  if (operation !== 'open') return [isLook({ operation, direction }) ? 'file-list' : 'file-change'];
  if (direction === 'both') return ['file-write', 'file-read'];
  return [direction === 'download' ? 'file-read' : 'file-write'];
}

const isLook = ({ operation, direction }: Pick<SshFileRequest, 'operation' | 'direction'>) =>
  direction === 'list' || quiet.includes(operation);

/** What is done to the places of both ends. */
function waysOf(
  request: SshFileRequest,
  from: Places,
  to: Places,
): readonly { readonly places: Places; readonly ways: readonly Direction[] }[] {
  switch (request.operation) {
    case 'open': {
      const { direction } = request;
      const ways: readonly Direction[] =
        direction === 'both' ? ['upload', 'download'] : [direction === 'download' ? 'download' : 'upload'];
      return [
        { places: from, ways },
        { places: to, ways },
      ];
    }
    case 'rename':
    case 'hardlink':
    case 'copy':
      return [
        { places: from, ways: ['change', 'download'] },
        { places: to, ways: ['change', 'upload'] },
      ];
    case 'symlink':
      return [
        { places: from, ways: ['change'] },
        { places: to, ways: ['download', 'upload'] },
      ];
    default:
      return [{ places: from, ways: [isLook(request) ? 'list' : 'change'] }];
  }
}

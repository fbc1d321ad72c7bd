import { resolvePath } from '../posix-path.ts';
import type { FileRequest, StreamProtocol } from '../ssh-request.ts';
import type { ScpLine } from './scp-line.ts';

type Scp = Extract<StreamProtocol, { name: 'scp' }>;
type Entry = Extract<ScpLine, { type: 'file' | 'folder' }>;

/** A path, as far as it is known. */
interface Place {
  readonly path: string;
  readonly isKnown: boolean;
  /** It may be this one instead. */
  readonly or: string | null;
}

const inside = (folder: string, name: string) => (folder.endsWith('/') ? `${folder}${name}` : `${folder}/${name}`);
const nameIn = (path: string) => path.slice(path.lastIndexOf('/') + 1);

/** Follows the folders of one scp, to know what each name means. */
export class ScpPaths {
  readonly #scp: Scp;
  readonly #within: unknown;
  readonly #folders: Place[] = [];

  constructor(scp: Scp, within: unknown) {
    this.#scp = scp;
    this.#within = within;
  }

  /** Folders that are open. */
  get depth(): number {
    return this.#folders.length;
  }

  /** What an entry asks to do. */
  requestOf(entry: Entry): FileRequest {
    const { path, isKnown, or } = this.#placeOf(entry.name);
    const isSink = this.#scp.mode === 'sink';
    const isFile = entry.type === 'file';
    return {
      ...{ kind: 'file', protocol: 'scp', within: this.#within, path, isPathKnown: isKnown },
      operation: isFile ? 'open' : isSink ? 'mkdir' : 'list',
      direction: isFile ? (isSink ? 'upload' : 'download') : isSink ? 'change' : 'list',
      // The home folder, in which scp begins, is not known.
      absolutePath: isKnown ? resolvePath(path, null) : null,
      to: or,
      absoluteTo: or === null ? null : resolvePath(or, null),
      ...{ realPath: null, realTo: null },
      size: isFile ? entry.size : null,
      mode: entry.mode,
      flags: { truncates: isFile && isSink, appends: false, isExclusive: false },
    };
  }

  /** A folder begins. */
  enter(name: string): void {
    this.#folders.push(this.#placeOf(name));
  }

  leave(): void {
    this.#folders.pop();
  }

  #placeOf(name: string): Place {
    const folder = this.#folders.at(-1);
    if (folder !== undefined) {
      const or = folder.or === null ? null : inside(folder.or, name);
      return { path: inside(folder.path, name), isKnown: folder.isKnown, or };
    }
    const { paths, mode, isFolder } = this.#scp;
    const [path] = paths;
    if (path === undefined || paths.length > 1) return { path: name, isKnown: false, or: null };
    if (mode === 'sink') {
      const isSurelyFolder = isFolder === true || /(^|\/)\.{0,2}$/.test(path);
      return { path: inside(path === '' ? '.' : path, name), isKnown: true, or: isSurelyFolder ? null : path };
    }
    const given = path.replace(/(?<=.)\/+$/, '');
    const isThis = nameIn(given) === name;
    return { path: isThis ? given : name, isKnown: isThis, or: null };
  }
}

/** Where a forward leads, or listens. */
type Place = { readonly host: string; readonly port: number } | { readonly path: string };

/** One operation on a file. */
export interface SshFileRequest {
  readonly kind: 'file';
  readonly protocol: 'sftp' | 'scp';
  /** Ticket of the subsystem or command in which it happens. */
  readonly within: unknown;
  readonly operation:
    | 'open'
    | 'list'
    | 'stat'
    | 'realpath'
    | 'statvfs'
    | 'readlink'
    | 'setstat'
    | 'remove'
    | 'rename'
    | 'mkdir'
    | 'rmdir'
    | 'symlink'
    | 'hardlink'
    | 'copy';
  readonly direction: 'upload' | 'download' | 'both' | 'list' | 'change';
  readonly path: string;
  /** Absolute, `.` and `..` resolved by their letters; null = the folder in which it lies is not known. */
  readonly absolutePath: string | null;
  /** Where it really leads, links followed, as the target says; null or absent = not known. */
  readonly realPath?: string | null;
  readonly realTo?: string | null;
  /** false = only its last part is; absent = it is. */
  readonly isPathKnown?: boolean;
  /** New name, what a link leads to, target of a copy. Of an upload by scp: the path itself, if it should not be a folder. */
  readonly to: string | null;
  readonly absoluteTo: string | null;
  /** Bytes of the whole file, where the protocol tells. */
  readonly size: number | null;
}

/** What an SSH client asks for, as the gate takes it. The requests of packages/wire-ssh have this shape. */
export type SshRequest =
  | { readonly kind: 'shell'; readonly terminal: boolean }
  | { readonly kind: 'exec'; readonly command: string; readonly terminal: boolean }
  | { readonly kind: 'subsystem'; readonly name: string; readonly terminal: boolean }
  | { readonly kind: 'env'; readonly variable: string; readonly value: string }
  | { readonly kind: 'auth-agent' | 'x11' | 'incoming-auth-agent' | 'incoming-x11' }
  | SshFileRequest
  | { readonly kind: 'direct-tcpip' | 'direct-streamlocal'; readonly destination: Place }
  /** `isListening`: the target is asked to listen; otherwise somebody has connected there. */
  | {
      readonly kind: 'forwarded-tcpip' | 'forwarded-streamlocal';
      readonly isListening: boolean;
      readonly destination: Place;
    };

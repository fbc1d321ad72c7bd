import type { Endpoint } from './messages.ts';

/** What is done to a file, in the words of sftp (draft-ietf-secsh-filexfer-02) and scp. */
export type FileOperation =
  /** Opens a file: its content may pass as `direction` says. */
  | 'open'
  /** Opens a directory for its names. */
  | 'list'
  /** Asks for attributes (STAT, LSTAT), for the absolute form of a path (REALPATH, expand-path, home-directory), or for the file system's (statvfs). */
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
  /** The target copies content between two files that are open (copy-data). */
  | 'copy';

/** One operation on a file, judged before the target sees it. */
export interface FileRequest {
  readonly kind: 'file';
  readonly protocol: 'sftp' | 'scp';
  /** Ticket of the subsystem or command in which it happens. */
  readonly within: unknown;
  readonly operation: FileOperation;
  /** `both`: a file is opened for reading and writing. */
  readonly direction: 'upload' | 'download' | 'both' | 'list' | 'change';
  /** As the client sent it (UTF-8; anything else is refused before). */
  readonly path: string;
  /** Absolute, `.` and `..` resolved by their letters (links are not followed); null = the folder in which it lies is not known. */
  readonly absolutePath: string | null;
  /**
   * Where it really leads, as the target says: links are followed, but not the last part of what acts on a link itself. null = not known: what only
   * looks at names and attributes, a folder that is not there, scp.
   */
  readonly realPath: string | null;
  readonly realTo: string | null;
  /** false = only its last part is: the folder is one that the target's shell resolves (scp with wildcards). */
  readonly isPathKnown: boolean;
  /**
   * Where it goes: new name of a rename or hard link, what a symbolic link leads to, target of a copy; `absoluteTo` as absolutePath. For scp -t the
   * path of the command, when only the target knows whether that is a folder (`path` lies in it) or the file itself: both must be allowed.
   */
  readonly to: string | null;
  readonly absoluteTo: string | null;
  /** Bytes of the whole file where the protocol tells before (scp), the new size in setstat. */
  readonly size: number | null;
  /** Permission bits that are set, where they are. */
  readonly mode: number | null;
  /** open: an existing file is emptied, written at its end, or must not exist. */
  readonly flags: { readonly truncates: boolean; readonly appends: boolean; readonly isExclusive: boolean };
}

/** Where a forward leads, or listens. */
export type Destination = Endpoint | { readonly path: string };

/** What a client asks for, as the wire says it: the host judges it. */
export type SshRequest =
  | { readonly kind: 'shell'; readonly terminal: boolean }
  | { readonly kind: 'exec'; readonly command: string; readonly terminal: boolean }
  | { readonly kind: 'subsystem'; readonly name: string; readonly terminal: boolean }
  | { readonly kind: 'env'; readonly variable: string; readonly value: string }
  | { readonly kind: 'auth-agent' }
  | { readonly kind: 'x11' }
  | FileRequest
  /** From the client to a place that the target reaches. */
  | { readonly kind: 'direct-tcpip'; readonly destination: Endpoint; readonly origin: Endpoint | null }
  | { readonly kind: 'direct-streamlocal'; readonly destination: { readonly path: string } }
  /** `isListening`: the target is asked to listen (tcpip-forward); otherwise somebody has connected there. */
  | {
      readonly kind: 'forwarded-tcpip';
      readonly isListening: boolean;
      readonly destination: Endpoint;
      readonly origin: Endpoint | null;
    }
  | {
      readonly kind: 'forwarded-streamlocal';
      readonly isListening: boolean;
      readonly destination: { readonly path: string };
    }
  /** The target opens a channel to the client's agent or display, which was asked for before. */
  | { readonly kind: 'incoming-auth-agent' }
  | { readonly kind: 'incoming-x11'; readonly origin: Endpoint | null };

/** The requests that start something in a session channel: only one of them can be in a channel (RFC 4254, section 6.5). */
export type StartRequest = Extract<SshRequest, { kind: 'shell' | 'exec' | 'subsystem' }>;

/** What passes in a session channel after it was started: bytes as they are, or a protocol whose file operations are judged one by one. */
export type StreamProtocol =
  | { readonly name: 'raw' }
  /** `isByLetters`: the target is not asked where paths really lead (no rule is about paths). Default false. */
  | { readonly name: 'sftp'; readonly isByLetters?: boolean }
  /** The old scp protocol: `sink` = the target takes files (scp -t), `source` = it gives them (scp -f). */
  | {
      readonly name: 'scp';
      readonly mode: 'sink' | 'source';
      /** The one path of the command, without quotes; empty = only the target's shell knows it. */
      readonly paths: readonly string[];
      /** The path is a folder (scp -d). */
      readonly isFolder?: boolean;
    };

/** Refused. `text`: why, for the person, lines separated by LF, the first begins with `weir: `. */
export interface Denied {
  readonly action: 'deny';
  readonly text: string;
}

/** The host's answer. */
export type SshDecision =
  | {
      readonly action: 'forward';
      /** Comes back in later calls about the same thing. */
      readonly ticket: unknown;
      /** shell, exec, subsystem: default raw. */
      readonly protocol?: StreamProtocol;
      /** file: the host wants to see the content, and may refuse the rest of it. */
      readonly wantsContent?: boolean;
      /** file: most bytes that its content may reach; absent or null = no bound. */
      readonly maxBytes?: number | null;
    }
  | Denied;

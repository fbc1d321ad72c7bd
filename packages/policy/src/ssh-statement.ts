import type { ContentType } from './verdict.ts';

/** Channels that an SSH client may ask for (RFC 4254 and OpenSSH's PROTOCOL), and what travels in a session channel under another name than `exec`. Each is a permission of its own. */
export const sshChannelKinds = [
  'shell',
  'exec',
  'scp',
  'rsync',
  'git',
  'sftp',
  'subsystem',
  'direct-tcpip',
  'forwarded-tcpip',
  'direct-streamlocal',
  'forwarded-streamlocal',
  'auth-agent',
  'x11',
  'env',
] as const;

/** What happens inside a channel. `input`: a line typed at a shell, as far as it can be seen; rules about it are advisory. */
export const sshActionKinds = ['file-read', 'file-write', 'file-list', 'file-change', 'input'] as const;

/** The closed list of kinds of what goes over SSH that rules can name. */
export const sshKinds = [...sshChannelKinds, ...sshActionKinds] as const;
export type SshKind = (typeof sshKinds)[number];

/** Kinds that an access rule allows only when it names them: each of them goes past the recording, or past the host. */
export const namedOnlySshKinds: readonly SshKind[] = [
  'subsystem',
  'direct-tcpip',
  'forwarded-tcpip',
  'direct-streamlocal',
  'forwarded-streamlocal',
  'auth-agent',
  'x11',
];

/** One simple command found anywhere in a shell text: in a pipeline, a list, a substitution, or behind a wrapper such as sudo. */
export interface ShellCommand {
  /** Base name of the program when it is a fixed word (`/bin/rm` is `rm`); null = it is computed when it runs. */
  readonly program: string | null;
  /** Words behind the program after quotes are removed; null = computed when it runs. */
  readonly arguments: readonly (string | null)[];
  /** Wrappers in front of it, outermost first: sudo, env, nohup, xargs, … */
  readonly via: readonly string[];
}

/** What happens to a file: by sftp or scp, or by a redirection in a command. */
export interface FileAccess {
  /** As the client or the shell text names it, `.` and `..` resolved where that needs no target; null = computed when it runs. */
  readonly path: string | null;
  /** `upload`: to the target. `change`: rename, remove, mkdir, permissions, links. */
  readonly direction: 'upload' | 'download' | 'list' | 'change';
  /** Bytes, where known. */
  readonly size: number | null;
  /** What detectors found in it, if it is text and has been looked at. */
  readonly content: readonly ContentType[];
}

/** Where a forward leads. */
export type ForwardDestination =
  | { readonly host: string; readonly port: number }
  /** A socket of the target's file system. */
  | { readonly path: string };

/** Facts about one thing that an SSH client asks for. Written by packages/shell and the gate, read by policy. */
export interface SshFacts {
  readonly kind: SshKind;
  /** For sentences: the program, `put`, `direct-tcpip`, … */
  readonly command: string;
  /** All kinds that it amounts to; holds `kind` too. */
  readonly kinds: readonly SshKind[];
  readonly commands: readonly ShellCommand[];
  /** Why its effect cannot be known before it runs, one sentence each (`sh -c`, `base64 -d | sh`, eval, a computed program); empty = understood. */
  readonly opaque: readonly string[];
  /** Why it destroys or stops something, one sentence each; empty = nothing of that kind is known. */
  readonly destructive: readonly string[];
  readonly files: readonly FileAccess[];
  readonly destination: ForwardDestination | null;
  /** Names of environment variables that it sets. */
  readonly variables: readonly string[];
}

/** What one thing is judged with. */
export interface SshStatement {
  /** The command as sent, `put PATH`, `direct-tcpip HOST:PORT`, …: what the record and approvers show. */
  readonly text: string;
  /** User at the target. */
  readonly login: string;
  /** The channel has a terminal. */
  readonly terminal: boolean;
  readonly facts: SshFacts;
}

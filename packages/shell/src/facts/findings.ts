import type { FileAccess, ShellCommand } from '@weir/policy';
import type { ShellAnalysis } from '../analysis.ts';
import type { FoldedWord } from '../fold/fold-word.ts';
import { maxCommands, maxReasonLength } from '../limits.ts';
import { NotUnderstood } from '../parse/syntax.ts';
import { isSystemPath, pathOf } from './path.ts';

/** What has been found in a text so far. */
export class Findings {
  /** A command before has changed the folder: relative paths mean something else. */
  hasMoved = false;
  readonly #commands: ShellCommand[] = [];
  readonly #files: FileAccess[] = [];
  readonly #opaque = new Set<string>();
  readonly #destructive = new Set<string>();

  command(command: ShellCommand): void {
    if (this.#commands.length >= maxCommands) throw new NotUnderstood('It has too many commands.');
    this.#commands.push(command);
  }

  /** `upload` = written at the target; `download` = read there. `by` does it, for sentences. */
  file(word: FoldedWord, direction: FileAccess['direction'], by = this.#commands.at(-1)?.program ?? 'It'): void {
    if (this.#files.length >= maxCommands) throw new NotUnderstood('It names too many files.');
    const path = this.path(word);
    this.#files.push({ path, direction, size: null, content: [] });
    if (direction === 'upload' && path !== null && isSystemPath(path))
      this.destructive(`${by} writes to ${path}, which the system stands on.`);
  }

  /** A file is not there any more under its name, or is another one. */
  replaced(word: FoldedWord): void {
    this.file(word, 'change');
    const path = this.path(word);
    if (path !== null && isSystemPath(path))
      this.destructive(`${this.#commands.at(-1)?.program ?? 'It'} takes away ${path}, which the system stands on.`);
  }

  /** The path of a word, if it is the same wherever the text runs. */
  path(word: FoldedWord): string | null {
    const path = pathOf(word);
    return this.hasMoved && path !== null && !/^[/~]/.test(path) ? null : path;
  }

  opaque(reason: string): void {
    this.#opaque.add(sentence(reason));
  }

  destructive(reason: string): void {
    this.#destructive.add(sentence(reason));
  }

  analysis(): ShellAnalysis {
    return {
      commands: this.#commands,
      files: this.#files,
      opaque: [...this.#opaque],
      destructive: [...this.#destructive],
    };
  }
}

/** Reasons hold words of the text, and are shown on terminals: nothing of it steers them, and none fills a page. */
function sentence(reason: string): string {
  const plain = reason.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');
  return plain.length <= maxReasonLength ? plain : `${plain.slice(0, maxReasonLength)}….`;
}

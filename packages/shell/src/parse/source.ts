import { maxDepth } from '../limits.ts';
import { NotUnderstood } from './syntax.ts';

/** The text while it is read. Outside single quotes and comments a backslash before a newline joins lines, even within an operator. */
export class Source {
  readonly text: string;
  at = 0;
  depth: number;
  /** Reasons to be opaque that do not stop the reading. */
  readonly notes: Set<string>;
  /** Variables whose values arithmetic evaluates. */
  readonly arithmeticNames: Set<string>;

  constructor(text: string, outer?: Source) {
    this.text = text;
    this.depth = outer?.depth ?? 0;
    this.notes = outer?.notes ?? new Set();
    this.arithmeticNames = outer?.arithmeticNames ?? new Set();
  }

  /** The character `ahead` of the next one; '' = the end. */
  peek(ahead = 0): string {
    let at = this.#joined(this.at);
    for (let skipped = 0; skipped < ahead && at < this.text.length; skipped += 1) at = this.#joined(at + 1);
    return this.text.charAt(at);
  }

  /** Takes the next character; '' = the end. */
  next(): string {
    this.at = this.#joined(this.at);
    const character = this.text.charAt(this.at);
    if (character !== '') this.at += 1;
    return character;
  }

  /** Takes the next character as it stands. */
  nextRaw(): string {
    const character = this.text.charAt(this.at);
    if (character !== '') this.at += 1;
    return character;
  }

  /** Takes `expected` when it comes next. */
  take(expected: string): boolean {
    for (let ahead = 0; ahead < expected.length; ahead += 1)
      if (this.peek(ahead) !== expected.charAt(ahead)) return false;
    for (let taken = 0; taken < expected.length; taken += 1) this.next();
    return true;
  }

  /** Runs `read` one level deeper. */
  nested<T>(read: () => T): T {
    if (this.depth >= maxDepth) throw new NotUnderstood('It is nested too deeply.');
    this.depth += 1;
    try {
      return read();
    } finally {
      this.depth -= 1;
    }
  }

  #joined(from: number): number {
    let at = from;
    while (this.text.charAt(at) === '\\' && this.text.charAt(at + 1) === '\n') at += 2;
    return at;
  }
}

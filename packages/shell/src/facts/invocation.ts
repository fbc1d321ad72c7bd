import type { FoldedWord } from '../fold/fold-word.ts';
import type { Findings } from './findings.ts';

/** Where a command's standard input comes from. */
export type Stdin =
  | { readonly type: 'client' }
  | { readonly type: 'pipe' }
  | { readonly type: 'file' }
  /** A here-document or here-string; null = computed. */
  | { readonly type: 'text'; readonly text: string | null };

/** A program with its words, wherever it was found. */
export interface Invocation {
  /** Base name. */
  readonly program: string;
  readonly words: readonly FoldedWord[];
  readonly via: readonly string[];
  readonly stdin: Stdin;
  readonly findings: Findings;
  /** Looks at a command that this one starts: `words` are its program and arguments. None = nothing to say. */
  run(words: readonly FoldedWord[], stdin?: Stdin): void;
  /** Looks at a text that this one gives to a shell. */
  runText(text: string): void;
}

/** Says what a program does with its words. */
export type Handler = (invocation: Invocation) => void;

/** A stretch of a word. */
export type Part =
  | { readonly type: 'text'; readonly text: string; readonly isQuoted: boolean }
  /** `*`, `?` or `[` outside quotes. */
  | { readonly type: 'glob'; readonly text: string }
  /** `{`, `,` or `}` outside quotes: POSIX.1 has no brace expansion, bash has. */
  | { readonly type: 'brace'; readonly text: '{' | ',' | '}' }
  /** Parameter, command substitution, arithmetic: known when it runs. */
  | {
      readonly type: 'computed';
      readonly isQuoted: boolean /** Digits, whatever happens: `$$`, `$?`, `$#`. */;
      readonly isNumber: boolean;
    };

/** A word before its expansions. */
export interface Word {
  readonly parts: readonly Part[];
  /** What its substitutions run. */
  readonly programs: readonly Program[];
}

/** A redirection; `word` is the file, the number, or the text of a here-document or here-string. */
export interface Redirection {
  readonly type: 'read' | 'write' | 'append' | 'read-write' | 'duplicate' | 'text';
  /** Undefined = the operator's own. */
  readonly descriptor: number | undefined;
  readonly word: Word;
}

/** `name=value` in front of a command, or alone. */
export interface Assignment {
  readonly name: string;
  readonly values: readonly Word[];
}

/** A program with its words. */
export interface SimpleCommand {
  readonly type: 'simple';
  readonly assignments: readonly Assignment[];
  readonly words: readonly Word[];
  readonly redirections: readonly Redirection[];
}

/** Commands whose outputs feed each other. */
export interface Pipeline {
  readonly type: 'pipeline';
  readonly stages: readonly Command[];
}

/** A group, subshell, loop or choice: what is in it may run, in this order. */
export interface CompoundCommand {
  readonly type: 'compound';
  /** Words of for, case and [[, which are expanded. */
  readonly words: readonly Word[];
  /** Variable that a loop sets. */
  readonly variable: string | undefined;
  readonly body: Program;
  readonly redirections: readonly Redirection[];
}

/** Gives a name to a command. */
export interface FunctionDefinition {
  readonly type: 'function';
  readonly name: string;
  readonly body: Command;
}

export type Command = SimpleCommand | Pipeline | CompoundCommand | FunctionDefinition;

/** Commands in the order of the text. Which of them run depends on their results: all may. */
export type Program = readonly Command[];

/** The text is no shell text, or means different things to different shells. Becomes a reason to be opaque. */
export class NotUnderstood extends Error {
  override readonly name = 'NotUnderstood';
}

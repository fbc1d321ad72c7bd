/** What is seen in what a person types at a shell. */
export type InputEvent =
  /**
   * A line is about to be entered: for judging it before it goes on. Nothing of it may be kept, unless `isEchoed` or an `entered` follows.
   * `text`: as it was typed, as far as that can be seen; null = nobody knows (history, completion, an editor's keys), or it is hidden.
   * `isCertain` false: it may differ from what the shell runs.
   */
  | { readonly type: 'line'; readonly text: string | null; readonly isCertain: boolean; readonly isEchoed: boolean }
  /** The terminal has echoed a line that was entered: it may be kept. */
  | { readonly type: 'entered'; readonly text: string; readonly isCertain: boolean }
  /** A bracketed paste, whole: its text with LF between lines. For judging, as `line`. `isWhole` false: it was longer than what is kept. */
  | { readonly type: 'paste'; readonly text: string; readonly isWhole: boolean }
  /** ^C, ^D, ^Z or ^\ */
  | { readonly type: 'signal'; readonly key: 'interrupt' | 'end' | 'suspend' | 'quit' }
  /** A full-screen program has begun or ended (alternate screen): no lines are seen in between. */
  | { readonly type: 'full-screen'; readonly isOn: boolean };

/**
 * Follows what a person types and what comes back. Advisory: an interactive shell can always run something else than what was typed.
 * Nothing of what is typed while the terminal does not echo is ever in `entered` or in what may be recorded.
 */
export interface InputReader {
  /** Typed bytes, before they go to the target. @returns what they amount to, in order */
  input(bytes: Buffer): readonly InputEvent[];
  /** Output of the target. @returns events that it makes: `entered`, `full-screen` */
  output(bytes: Buffer): readonly InputEvent[];
  /**
   * Typed bytes of whole lines whose echo has been seen, since the last call: these may be recorded. A line of which one character was not
   * echoed is left out whole, and so is what is typed at a prompt for a password and in full-screen programs.
   */
  takeRecordable(): Buffer;
  /** Typed bytes that were left out so far. */
  readonly hiddenBytes: number;
  /** A full-screen program has the terminal. */
  readonly isFullScreen: boolean;
}

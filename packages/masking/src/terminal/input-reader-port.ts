/** What is seen in what a person types at a shell. */
export type InputEvent =
  /**
   * A line was entered. `text`: as it was typed, as far as that can be seen; null = nobody knows (history, completion, an editor's keys).
   * `isCertain` false: it may differ from what the shell runs.
   */
  | { readonly type: 'line'; readonly text: string | null; readonly isCertain: boolean }
  /** A bracketed paste, whole: its text with LF between lines. `isWhole` false: it was longer than what is kept. */
  | { readonly type: 'paste'; readonly text: string; readonly isWhole: boolean }
  /** ^C, ^D, ^Z or ^\ */
  | { readonly type: 'signal'; readonly key: 'interrupt' | 'end' | 'suspend' | 'quit' }
  /** A full-screen program has begun or ended (alternate screen): no lines are seen in between. */
  | { readonly type: 'full-screen'; readonly isOn: boolean };

/**
 * Follows what a person types and what comes back. Advisory: an interactive shell can always run something else than what was typed.
 * Nothing of what is typed while the terminal does not echo is ever in an event or in `recordable`.
 */
export interface InputReader {
  /** Typed bytes, before they go to the target. @returns what they amount to, in order */
  input(bytes: Buffer): readonly InputEvent[];
  /** Output of the target. @returns events that it makes (full-screen, lines whose echo has now been seen) */
  output(bytes: Buffer): readonly InputEvent[];
  /**
   * Typed bytes whose echo has been seen since the last call: these may be recorded. Bytes without echo are left out and counted; when in
   * doubt they are left out.
   */
  takeRecordable(): Buffer;
  /** Typed bytes that were left out so far because nothing shows that the terminal echoed them. */
  readonly hiddenBytes: number;
  /** A full-screen program has the terminal. */
  readonly isFullScreen: boolean;
}

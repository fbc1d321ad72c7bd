import type { Part, Program, Word } from './syntax.ts';

/** Collects the parts of a word; texts of one kind grow together. */
export interface WordBuilder {
  text(text: string, isQuoted: boolean): void;
  glob(text: string): void;
  brace(text: '{' | ',' | '}'): void;
  /** A value that is known when it runs, and what is run for it. */
  computed(isQuoted: boolean, programs?: readonly Program[], isNumber?: boolean): void;
  build(): Word;
}

/** Makes one. */
export function createWordBuilder(): WordBuilder {
  const parts: Part[] = [];
  const programs: Program[] = [];
  return {
    text(text, isQuoted) {
      const last = parts.at(-1);
      if (last?.type === 'text' && last.isQuoted === isQuoted)
        parts[parts.length - 1] = { ...last, text: last.text + text };
      else parts.push({ type: 'text', text, isQuoted });
    },
    glob: (text) => parts.push({ type: 'glob', text }),
    brace: (text) => parts.push({ type: 'brace', text }),
    computed(isQuoted, run = [], isNumber = false) {
      parts.push({ type: 'computed', isQuoted, isNumber });
      programs.push(...run);
    },
    build: () => ({ parts, programs }),
  };
}

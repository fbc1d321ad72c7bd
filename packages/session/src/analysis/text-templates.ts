import type { AnalysisResult } from '@weir/sql';

/**
 * Results that hold for more than one text: those whose analysis says which integer literals nothing has read. This is no fingerprint: everything
 * else of the text must be equal, byte for byte, and the free literals must again be runs of one to nine digits.
 */
export interface TextTemplates {
  get(text: string): AnalysisResult | undefined;
  /** @returns whether the result serves as a template. */
  set(text: string, result: AnalysisResult): boolean;
}

interface Template {
  /** The runs of digits in order; null = free. */
  readonly runs: readonly (string | null)[];
  readonly result: AnalysisResult;
}

const digitRun = /[0-9]+/g;
const maxFreeDigits = 9;
const maxTextLength = 4096;
const maxSkeletons = 2_000;
const maxTemplatesPerSkeleton = 8;

/** A text with its runs of digits taken out. NUL marks their places: a text with a NUL of its own is never analysed, and never looked up. */
const skeletonOf = (text: string) => text.replace(digitRun, '\0');

/** Creates an empty store, bounded in the number of its skeletons. */
export function createTextTemplates(): TextTemplates {
  const bySkeleton = new Map<string, Template[]>();
  return {
    get(text) {
      if (bySkeleton.size === 0 || text.length > maxTextLength || text.includes('\0')) return undefined;
      const templates = bySkeleton.get(skeletonOf(text));
      if (templates === undefined) return undefined;
      const runs = text.match(digitRun) ?? [];
      return templates.find((template) => fits(template, runs))?.result;
    },
    set(text, result) {
      if (!result.ok || !result.freeIntegers?.length || text.length > maxTextLength || text.includes('\0'))
        return false;
      const free = new Set(result.freeIntegers);
      const runs = (text.match(digitRun) ?? []).map((digits, index) => (free.has(index) ? null : digits));
      const skeleton = skeletonOf(text);
      const templates = bySkeleton.get(skeleton) ?? [];
      if (templates.length >= maxTemplatesPerSkeleton) return false;
      if (bySkeleton.size >= maxSkeletons) bySkeleton.clear();
      bySkeleton.set(skeleton, [...templates, { runs, result }]);
      return true;
    },
  };
}

function fits({ runs }: Template, digits: readonly string[]): boolean {
  if (runs.length !== digits.length) return false;
  for (let i = 0; i < runs.length; i += 1) {
    const fixed = runs[i];
    const found = digits[i] as string;
    if (fixed === null ? found.length > maxFreeDigits : fixed !== found) return false;
  }
  return true;
}

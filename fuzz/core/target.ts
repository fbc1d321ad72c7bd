import type { Random } from './random.ts';

/** Code under fuzzing and what must be true of it. */
export interface FuzzTarget {
  /** In one sentence. */
  readonly what: string;
  /** Inputs are cut to so many bytes. */
  readonly maxBytes: number;
  /** An execution that takes longer (again and again) is a finding, ms of CPU time. */
  readonly maxMs: number;
  /** Largest Buffer that an execution may make, bytes beside eight times the input. */
  readonly maxBufferBytes: number;
  /** Runs one input. @throws whatever is a finding; what the code under test is allowed to throw is caught inside. */
  run(input: Buffer): void | Promise<void>;
  /** A change that knows the structure of inputs; the general ones are used besides. */
  mutate?(input: Buffer, other: Buffer, random: Random): Buffer;
  /** Parts that general changes put in. */
  readonly dictionary: readonly Buffer[];
}

/** How a target is made: late, so that its code is loaded under coverage. */
export interface FuzzTargetLoader {
  /** Parts of URLs of the scripts that count. */
  readonly sources: readonly string[];
  load(): Promise<FuzzTarget>;
}

/** Something that a target says must never be. */
export class BrokenInvariant extends Error {
  override readonly name = 'BrokenInvariant';
}

/** @throws BrokenInvariant unless it is so */
export function must(isSo: boolean, otherwise: string): asserts isSo {
  if (!isSo) throw new BrokenInvariant(otherwise);
}

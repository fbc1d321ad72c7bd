import { createStreamMask, detectableTypes, type StreamMask, type StreamMaskOptions } from '../../src/index.ts';

/** A mask for all types. */
export const streamMask = (mode: StreamMaskOptions['mode'], columns = 0): StreamMask => {
  const mask = createStreamMask({ detect: detectableTypes, mode });
  if (columns > 0) mask.resize(columns);
  return mask;
};

/** What leaves when the output comes in these chunks and ends. */
export function throughMask(mask: StreamMask, chunks: readonly (Buffer | string)[]): Buffer {
  const out = chunks.map((chunk) => Buffer.from(mask.push(Buffer.from(chunk))));
  return Buffer.concat([...out, mask.flush()]);
}

/** The whole output at once, as text (latin1: one character per byte). */
export const masked = (mode: StreamMaskOptions['mode'], output: string, columns = 0): string =>
  throughMask(streamMask(mode, columns), [output]).toString();

/** Cuts bytes at places given as fractions of their length. */
export function cutAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((cut) => Math.floor(cut * bytes.length)))].sort((a, b) => a - b);
  const ends = [...places, bytes.length];
  return ends.map((end, index) => bytes.subarray(index === 0 ? 0 : ends[index - 1], end));
}

import type { Random } from './random.ts';
import type { FuzzTarget } from './target.ts';

type Change = (input: Buffer, other: Buffer, random: Random, target: FuzzTarget) => Buffer;

/** Values at which length and count fields tend to break. */
const numbers = [0, 1, 2, 3, 4, 5, 7, 8, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x40000000, 0x7fffffff];
const negative = [-1, -2, -4, -128, -32768, -0x80000000];

const span = (input: Buffer, random: Random): [number, number] => {
  const from = random.below(input.length);
  return [from, Math.min(input.length, from + 1 + random.below(random.pick([2, 8, 64, 1024])))];
};
const put = (input: Buffer, from: number, to: number, part: Buffer) =>
  Buffer.concat([input.subarray(0, from), part, input.subarray(to)]);

const changes: readonly Change[] = [
  function flipBit(input, _other, random) {
    if (input.length > 0) input[random.below(input.length)]! ^= 1 << random.below(8);
    return input;
  },
  function setByte(input, _other, random) {
    if (input.length > 0) input[random.below(input.length)] = random.below(256);
    return input;
  },
  function setNumber(input, _other, random) {
    const width = random.pick([1, 2, 4] as const);
    if (input.length < width) return input;
    const value = random.once(3) ? random.pick(negative) : random.pick(numbers);
    const at = random.below(input.length - width + 1);
    if (width === 1) input[at] = value & 0xff;
    else if (width === 2) input.writeUInt16BE(value & 0xffff, at);
    else input.writeInt32BE(value | 0, at);
    return input;
  },
  function stepNumber(input, _other, random) {
    if (input.length > 0) input[random.below(input.length)]! += random.pick([-8, -4, -2, -1, 1, 2, 4, 8]);
    return input;
  },
  function remove(input, _other, random) {
    return put(input, ...span(input, random), Buffer.alloc(0));
  },
  function repeat(input, _other, random) {
    const [from, to] = span(input, random);
    const times = random.once(8) ? 1 + random.below(64) : 1;
    return put(input, to, to, Buffer.concat(Array.from({ length: times }, () => input.subarray(from, to))));
  },
  function move(input, _other, random) {
    const [from, to] = span(input, random);
    const part = Buffer.from(input.subarray(from, to));
    const rest = put(input, from, to, Buffer.alloc(0));
    const at = random.below(rest.length + 1);
    return put(rest, at, at, part);
  },
  function insertWord(input, _other, random, { dictionary }) {
    if (dictionary.length === 0) return input;
    const at = random.below(input.length + 1);
    return put(input, at, at, random.pick(dictionary));
  },
  function replaceByWord(input, _other, random, { dictionary }) {
    return dictionary.length === 0 ? input : put(input, ...span(input, random), random.pick(dictionary));
  },
  function insertFromOther(input, other, random) {
    const at = random.below(input.length + 1);
    return put(input, at, at, other.subarray(...span(other, random)));
  },
  function goOnWithOther(input, other, random) {
    return Buffer.concat([
      input.subarray(0, random.below(input.length + 1)),
      other.subarray(random.below(other.length)),
    ]);
  },
  function cut(input, _other, random) {
    return input.subarray(0, random.below(input.length + 1));
  },
];

/** A changed copy of an input; `other` is another one to take parts from. */
export function mutate(input: Buffer, other: Buffer, random: Random, target: FuzzTarget): Buffer {
  let changed: Buffer = Buffer.from(input);
  for (let count = 1 + random.below(random.pick([1, 2, 4, 8])); count > 0; count--) {
    changed =
      target.mutate !== undefined && !random.once(3)
        ? target.mutate(changed, other, random)
        : random.pick(changes)(changed, other, random, target);
  }
  return changed.subarray(0, target.maxBytes);
}

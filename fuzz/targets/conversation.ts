import type { Random } from '../core/random.ts';
import { encodeFrame, framesOf } from './frames.ts';

/** Which way the bytes of a step go. */
export type Side = 'client' | 'server';

/** One step: these bytes arrive together. */
export interface Step {
  readonly side: Side;
  readonly bytes: Buffer;
}

/** What both sides of an engine send, in order, and a byte that chooses what its host does. */
export interface Conversation {
  readonly options: number;
  readonly steps: readonly Step[];
}

/** Reads an input: a byte of options, then steps of a byte (even: client), two bytes of length and so many bytes. Every input is one. */
export function readConversation(input: Buffer): Conversation {
  const steps: Step[] = [];
  for (let at = 1; at + 3 <= input.length; ) {
    const end = Math.min(input.length, at + 3 + input.readUInt16BE(at + 1));
    steps.push({ side: (input[at] as number) % 2 === 0 ? 'client' : 'server', bytes: input.subarray(at + 3, end) });
    at = end;
  }
  return { options: input[0] ?? 0, steps };
}

/** The input that `readConversation` reads so. */
export function writeConversation({ options, steps }: Conversation): Buffer {
  const parts = steps.map(({ side, bytes }) => {
    const kept = bytes.subarray(0, 0xffff);
    const head = Buffer.from([side === 'client' ? 0 : 1, 0, 0]);
    head.writeUInt16BE(kept.length, 1);
    return Buffer.concat([head, kept]);
  });
  return Buffer.concat([Buffer.from([options]), ...parts]);
}

/** Types and bodies of messages that changes put in. */
export type FrameWords = Readonly<Record<Side, readonly Buffer[]>>;

/** Changes a conversation as such: steps and messages stay what they are, or nearly. Messages of the side in focus are changed most. */
export function mutateConversation(
  input: Buffer,
  other: Buffer,
  random: Random,
  words: FrameWords,
  focus: Side,
): Buffer {
  const { options, steps } = readConversation(input);
  const changed = steps.map((step) => ({ ...step }));
  if (random.once(12)) return writeConversation({ options: options ^ (1 << random.below(8)), steps });
  if (changed.length === 0 || random.once(8)) {
    const side = random.pick(['client', 'server'] as const);
    changed.splice(random.below(changed.length + 1), 0, { side, bytes: random.pick(words[side]) });
    return writeConversation({ options, steps: changed });
  }
  let at = random.below(changed.length);
  const inFocus = [...changed.keys()].filter((index) => changed[index]?.side === focus);
  if (inFocus.length > 0 && !random.once(6)) at = random.pick(inFocus);
  const step = changed[at] as Step;
  switch (random.below(8)) {
    case 0:
      changed.splice(at, 1);
      break;
    case 1:
      changed.splice(random.below(changed.length), 0, ...changed.splice(at, 1));
      break;
    case 2: {
      const taken = readConversation(other).steps;
      if (taken.length > 0) changed.splice(at, 0, random.pick(taken));
      break;
    }
    case 3: {
      const cut = random.below(step.bytes.length + 1);
      const halves = [step.bytes.subarray(0, cut), step.bytes.subarray(cut)];
      changed.splice(at, 1, ...halves.map((bytes) => ({ side: step.side, bytes })));
      break;
    }
    default:
      changed[at] = { side: step.side, bytes: mutateFrames(step.bytes, random, words[step.side]) };
  }
  return writeConversation({ options, steps: changed });
}

/** Changes the messages in some bytes; lengths fit the bodies again, mostly. */
export function mutateFrames(bytes: Buffer, random: Random, words: readonly Buffer[]): Buffer {
  const frames = framesOf(bytes).map(({ type, body, isWhole }) => (isWhole ? encodeFrame(type, body) : body));
  const at = random.below(frames.length);
  const frame = framesOf(frames[at] ?? Buffer.alloc(0))[0];
  switch (random.below(7)) {
    case 0:
      frames.splice(at, 1);
      break;
    case 1:
      frames.splice(at, 0, random.pick(words));
      break;
    case 2:
      if (frames[at] !== undefined) frames.splice(random.below(frames.length), 0, frames[at]);
      break;
    case 3:
      frames.splice(random.below(frames.length + 1), 0, ...frames.splice(at, 1));
      break;
    case 4:
      if (frame !== undefined) frames[at] = encodeFrame(frame.type, frame.body, changedLength(frame.length, random));
      break;
    case 5:
      if (frame !== undefined) frames[at] = encodeFrame(random.pick([...'QPBDECSHFXdcfpTDCZ123tnsIEN']), frame.body);
      break;
    default:
      if (frame !== undefined) frames[at] = encodeFrame(frame.type, mutateBody(frame.body, random));
  }
  return Buffer.concat(frames);
}

const changedLength = (length: number, random: Random) =>
  random.pick([length - 1, length + 1, length + 4, 0, 3, 4, -1, 0x7fffffff, 0x40000000, 70_000]);

/** Counts and lengths in a body are of two or four bytes. */
function mutateBody(body: Buffer, random: Random): Buffer {
  const changed = Buffer.from(body);
  const at = random.below(Math.max(1, changed.length - 3));
  switch (random.below(5)) {
    case 0:
      if (changed.length >= 4) changed.writeInt32BE(random.pick([-1, -2, 0, 1, 2, 3, 5, 255, 65_536, 0x7fffffff]), at);
      return changed;
    case 1:
      if (changed.length >= 2) changed.writeUInt16BE(random.pick([0, 1, 2, 3, 255, 0x7fff, 0xffff]), at);
      return changed;
    case 2:
      return Buffer.concat([
        changed.subarray(0, at),
        Buffer.from(random.pick(['hidden', '\0', 'denied', '\\', '"', '\t', '\n'])),
        changed.subarray(at),
      ]);
    case 3:
      return changed.subarray(0, random.below(changed.length + 1));
    default:
      if (changed.length > 0) changed[random.below(changed.length)] = random.below(256);
      return changed;
  }
}

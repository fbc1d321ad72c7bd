import { createHash, type Hash } from 'node:crypto';
import { createStreamMask, quietTimeMs, type StreamMask } from '@weir/masking';
import type { ContentType } from '@weir/policy';
import { encodeOutput } from '@weir/recording';

/** One stream of a program's output on its way to the client: masked, counted and recorded, in this order. */
export interface OutputStream {
  /** @returns what the client gets now; null = nothing */
  push(bytes: Buffer): Buffer | null;
  /** The stream has ended: @returns what was held back. */
  end(): Buffer | null;
  /** Types that are masked, as the plan has them now. @returns what was held back for the old ones */
  remask(detect: readonly ContentType[]): Buffer | null;
  resize(columns: number): void;
  /** Somebody has typed: an echo follows. */
  typed(): void;
  /** Bytes that the client was sent. */
  readonly bytes: number;
  /** SHA-256 (hex) of them; null = of a terminal none is taken. */
  sha256(): string | null;
  /** All of it is in the recording. */
  readonly isWhole: boolean;
}

/** What a stream of output needs. */
export interface OutputParts {
  readonly stream: 'stdout' | 'stderr';
  /** The channel has a terminal: everything is recorded, nothing is hashed. */
  readonly isTerminal: boolean;
  /** Bytes of it that are recorded without a terminal. */
  readonly maxBytes: number;
  /** One event (JSON): what the client gets afterwards depends on it. */
  record(eventJson: Buffer): void;
  /** Held output that the terminal gets because nothing has followed it for a while. */
  release(bytes: Buffer): void;
  now(): number;
}

/** Makes the stream. */
export function createOutputStream(parts: OutputParts, detect: readonly ContentType[]): OutputStream {
  const { stream, isTerminal } = parts;
  let types = detect;
  let mask = maskFor(types, isTerminal);
  let hash: Hash | null = isTerminal ? null : createHash('sha256');
  let digest: string | null = null;
  let bytes = 0;
  let recorded = 0;
  let timer: NodeJS.Timeout | undefined;

  const shown = (out: Buffer): Buffer | null => {
    if (out.length === 0) return null;
    bytes += out.length;
    hash?.update(out);
    const kept = isTerminal ? out : out.subarray(0, Math.max(0, parts.maxBytes - recorded));
    if (kept.length > 0) {
      recorded += kept.length;
      parts.record(encodeOutput(parts.now(), stream, kept));
    }
    return out;
  };
  const watchQuiet = () => {
    clearTimeout(timer);
    timer = undefined;
    if (mask === null || !isTerminal || mask.held === 0) return;
    timer = setTimeout(() => {
      const out = mask === null ? null : shown(mask.release());
      if (out !== null) parts.release(out);
    }, quietTimeMs);
  };

  return {
    push(chunk) {
      if (mask === null) return shown(chunk);
      const out = mask.push(chunk);
      watchQuiet();
      return shown(out);
    },
    end() {
      clearTimeout(timer);
      return mask === null ? null : shown(mask.flush());
    },
    remask(next) {
      if (next.length === types.length && next.every((type) => types.includes(type))) return null;
      const held = mask === null ? null : shown(mask.flush());
      clearTimeout(timer);
      types = next;
      mask = maskFor(types, isTerminal);
      return held;
    },
    resize: (columns) => mask?.resize(columns),
    typed: () => mask?.typed(),
    get bytes() {
      return bytes;
    },
    sha256() {
      digest ??= hash?.digest('hex') ?? null;
      hash = null;
      return digest;
    },
    get isWhole() {
      return recorded === bytes;
    },
  };
}

function maskFor(detect: readonly ContentType[], isTerminal: boolean): StreamMask | null {
  return detect.length === 0 ? null : createStreamMask({ detect, mode: isTerminal ? 'terminal' : 'exec' });
}

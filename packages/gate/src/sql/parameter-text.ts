import { createHash } from 'node:crypto';

/** A parameter that was not kept: its length, its first bytes and the SHA-256 (hex) of all. */
export interface LargeParameter {
  readonly length: number;
  readonly head: Buffer;
  readonly sha256: string;
}

/**
 * A parameter as the record shows it and an approval is bound to it: text as sent, binary as \x hex. Of a value beyond 64 KiB at most that much, its length
 * and its SHA-256, so that no other value looks the same.
 */
export function describeParameter(value: Buffer | LargeParameter | null, format: number): string | null {
  if (value === null) return null;
  const isWhole = Buffer.isBuffer(value);
  const kept = (isWhole ? value : value.head).subarray(0, maxParameterBytes);
  const shown = format === 1 ? `\\x${kept.toString('hex')}` : kept.toString('utf8');
  if (isWhole && value.length <= maxParameterBytes) return shown;
  const sha256 = isWhole ? createHash('sha256').update(value).digest('hex') : value.sha256;
  return `${shown}… (${value.length} bytes, SHA-256 ${sha256})`;
}

const maxParameterBytes = 65_536;

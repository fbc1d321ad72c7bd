import type { ContentType } from '@weir/policy';
import { fakeValue, maxFakeLength } from './content/fake-values.ts';
import type { TextWriter } from './content/text-writer.ts';
import { createKeyedDigest } from './keyed-digest.ts';

/** Length of a full token: `h_` and 16 hexadecimal digits (64 bits: a million values collide with a chance of 3 in 100 million). */
export const tokenLength = 18;

/** Shortest token that a narrow column may hold: `h_` and 8 digits. */
const minTokenLength = 10;

/**
 * `h_` and hexadecimal digits of the keyed digest, as many as fit into `limit` (18 bytes in all at most).
 * Refuses (the value is redacted) when fewer than ten bytes fit.
 */
export function createHashWriter(key: Buffer, limit: number | null): TextWriter {
  const digest = createKeyedDigest(key, 'hash');
  const length = Math.min(tokenLength, limit ?? tokenLength);
  return {
    maxLength: () => tokenLength,
    write(source, start, end, target, offset) {
      if (length < minTokenLength) return -1;
      const token = digest(source, start, end).toString('hex', 0, (tokenLength - 2) / 2);
      target[offset] = 0x68;
      target[offset + 1] = 0x5f;
      target.write(token, offset + 2, length - 2, 'latin1');
      return length;
    },
  };
}

/** A believable value of the content type, the same for the same input under the same key. */
export function createFakeWriter(key: Buffer, contentType: ContentType | null): TextWriter {
  const digest = createKeyedDigest(key, `fake ${contentType ?? 'text'}`);
  return {
    maxLength: () => maxFakeLength,
    write(source, start, end, target, offset) {
      return target.write(fakeValue(contentType, digest(source, start, end)), offset, 'latin1');
    },
  };
}

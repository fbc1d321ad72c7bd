import { createHash } from 'node:crypto';
import type { RawMessage } from '../fixture/raw-client.ts';

/** Spellings of one value that tell it as well as its own. */
export interface Needle {
  readonly column: string;
  /** Looked for in every byte that the client sees, without regard to case. */
  readonly anywhere: readonly string[];
  /** Too short for that: a whole cell of a row. */
  readonly cells: readonly Buffer[];
}

/** Length (bytes) from which a spelling does not occur by chance. */
const least = 8;

const reversed = (text: string) => [...text].reverse().join('');
const base64 = (bytes: Buffer) =>
  [0, 1, 2].map((pad) => {
    const text = Buffer.concat([Buffer.alloc(pad), bytes])
      .toString('base64')
      .replaceAll('=', '');
    return text.slice(pad === 0 ? 0 : pad + 1, -2);
  });

/** Spellings of a value, from its text and its binary form as the server sends them. */
export function needleOf(column: string, text: string, binary: Buffer): Needle {
  const bytes = Buffer.from(text);
  const digests = ['md5', 'sha1', 'sha256'].map((name) => createHash(name).update(bytes).digest());
  const spellings = [
    bytes,
    Buffer.from(reversed(text)),
    Buffer.from(bytes.toString('hex')),
    Buffer.from(text, 'utf16le'),
    Buffer.from(text, 'utf16le').swap16(),
    ...base64(bytes).map((encoded) => Buffer.from(encoded)),
    binary,
    Buffer.from(binary).reverse(),
    Buffer.from(binary.toString('hex')),
    ...base64(binary).map((encoded) => Buffer.from(encoded)),
    ...digests,
    ...digests.map((digest) => Buffer.from(digest.toString('hex'))),
  ];
  return {
    column,
    anywhere: spellings
      .filter(({ length }) => length >= least)
      .map((spelling) => spelling.toString('latin1').toLowerCase()),
    cells: text.length < 4 ? [] : [bytes, binary].filter(({ length }) => length >= 2 && length < least),
  };
}

/** Messages whose content comes from the server's side: rows, COPY data, descriptions, errors, notices, notifications, settings, tags. */
const visible = 'DdTENASCHGVt';

/** Names of the columns whose values show in these messages. */
export function findNeedles(messages: readonly RawMessage[], needles: readonly Needle[]): string[] {
  const shown = messages.filter(({ type }) => visible.includes(type));
  const text = shown.map(({ body }) => body.toString('latin1').toLowerCase()).join('\n');
  const cells = shown
    .filter(({ type }) => type === 'D')
    .flatMap(({ body }) => cellsOf(body).filter((cell) => cell !== null));
  return needles
    .filter(
      (needle) =>
        needle.anywhere.some((spelling) => text.includes(spelling)) ||
        needle.cells.some((spelling) => cells.some((cell) => cell.equals(spelling))),
    )
    .map(({ column }) => column);
}

/** Cells of a DataRow. */
export function cellsOf(body: Buffer): (Buffer | null)[] {
  const cells: (Buffer | null)[] = [];
  let at = 2;
  for (let left = body.readInt16BE(0); left > 0; left -= 1) {
    const length = body.readInt32BE(at);
    cells.push(length < 0 ? null : body.subarray(at + 4, at + 4 + length));
    at += 4 + Math.max(0, length);
  }
  return cells;
}

import { tryUtf8 } from '../field-reader.ts';

/** A line of whoever sends files in scp's old protocol (OpenSSH's scp.c, `source` and `sink`). */
export type ScpLine =
  | { readonly type: 'file' | 'folder'; readonly mode: number; readonly size: number; readonly name: string }
  /** Times of the next file. */
  | { readonly type: 'times' }
  /** The end of a folder. */
  | { readonly type: 'end' }
  /** What went wrong at the sender; `isFatal`: it goes no further. */
  | { readonly type: 'error'; readonly isFatal: boolean; readonly text: string }
  /** `why` it is none. */
  | { readonly type: 'flawed'; readonly why: string };

const entry = /^([CD])([0-7]{4}) (\d{1,15}) (.+)$/s;
const times = /^T\d{1,12} \d{1,9} \d{1,12} \d{1,9}$/;

/** Reads a line with its LF. */
export function readScpLine(bytes: Buffer): ScpLine {
  const first = bytes[0];
  if (first === 1 || first === 2) {
    return { type: 'error', isFatal: first === 2, text: bytes.subarray(1, -1).toString('utf8') };
  }
  const text = tryUtf8(bytes.subarray(0, -1));
  if (text === undefined) return { type: 'flawed', why: 'a name that is not UTF-8' };
  if (text === 'E') return { type: 'end' };
  if (times.test(text)) return { type: 'times' };
  const [, letter, mode = '', size = '', name = ''] = entry.exec(text) ?? [];
  if (letter === undefined) return { type: 'flawed', why: 'a line that is not understood' };
  if (name.includes('/') || name.includes('\0') || name === '.' || name === '..')
    return { type: 'flawed', why: `the name ${JSON.stringify(name.slice(0, 100))}, which no file can have` };
  return { type: letter === 'C' ? 'file' : 'folder', mode: Number.parseInt(mode, 8), size: Number(size), name };
}

/** An error in scp's own words: what went wrong with one file, the others go on. */
export function encodeScpError(text: string): Buffer {
  const line = text.trim().replaceAll(/\s*\n\s*/g, ' ');
  return Buffer.from(`\x01${line}\n`);
}

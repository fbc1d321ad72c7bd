import { wholeCharactersEnd } from '../stream/character.ts';

/** One key, as its bytes say. */
export type Key =
  | { readonly type: 'text'; readonly text: string; readonly bytes: Buffer }
  | {
      readonly type:
        | 'enter'
        | 'erase'
        | 'erase-word'
        | 'erase-line'
        | 'interrupt'
        | 'end'
        | 'suspend'
        | 'quit'
        /** Redraws and the like: the line stays as it is. */
        | 'harmless'
        /** The line may be anything behind it. */
        | 'other';
      readonly bytes: Buffer;
    }
  | { readonly type: 'paste'; readonly text: string; readonly isWhole: boolean; readonly bytes: Buffer };

/** Most bytes of a paste that are kept. */
const maxPasteBytes = 64 * 1024;
const pasteStart = Buffer.from('\x1b[200~');
const pasteEnd = Buffer.from('\x1b[201~');
const nothing = Buffer.alloc(0);
const esc = 0x1b;

const controls: Readonly<Record<number, Exclude<Key['type'], 'text' | 'paste'>>> = {
  3: 'interrupt',
  4: 'end',
  8: 'erase',
  10: 'enter',
  12: 'harmless',
  13: 'enter',
  17: 'harmless',
  19: 'harmless',
  21: 'erase-line',
  23: 'erase-word',
  26: 'suspend',
  28: 'quit',
  127: 'erase',
};

/** Cuts typed bytes into keys, across chunks. */
export interface KeyReader {
  read(bytes: Buffer): readonly Key[];
}

export function createKeyReader(): KeyReader {
  let rest: Buffer = nothing;
  /** Pieces of a paste that has not ended, and their bytes in all. */
  let paste: Buffer[] | null = null;
  let pasteBytes = 0;

  /** @returns the place behind what was taken. */
  function readPaste(data: Buffer, from: number, keys: Key[]): number {
    const end = data.indexOf(pasteEnd, from);
    // The end's own bytes may be cut.
    const last = end >= 0 ? end : Math.max(from, data.length - pasteEnd.length + 1);
    const piece = data.subarray(from, last);
    if (pasteBytes < maxPasteBytes) paste?.push(piece.subarray(0, maxPasteBytes - pasteBytes));
    pasteBytes += piece.length;
    if (end < 0) return last;
    const bytes = Buffer.concat(paste ?? []);
    const text = bytes.toString().replaceAll('\r\n', '\n').replaceAll('\r', '\n');
    keys.push({
      type: 'paste',
      text,
      isWhole: pasteBytes <= maxPasteBytes,
      bytes: Buffer.concat([pasteStart, bytes, pasteEnd]),
    });
    paste = null;
    return end + pasteEnd.length;
  }

  return {
    read(bytes) {
      const data = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
      const keys: Key[] = [];
      let at = 0;
      while (at < data.length) {
        if (paste !== null) {
          const next = readPaste(data, at, keys);
          at = next;
          if (paste !== null) break;
          continue;
        }
        const byte = data[at] as number;
        if (byte === esc) {
          const end = escapeEnd(data, at);
          if (end < 0) break;
          if (data.subarray(at, end).equals(pasteStart)) {
            paste = [];
            pasteBytes = 0;
          } else keys.push({ type: 'other', bytes: data.subarray(at, end) });
          at = end;
          continue;
        }
        if (byte < 0x20 || byte === 0x7f) {
          keys.push({ type: controls[byte] ?? 'other', bytes: data.subarray(at, at + 1) });
          at += 1;
          continue;
        }
        let end = at;
        while (end < data.length && (data[end] as number) >= 0x20 && data[end] !== 0x7f) end += 1;
        const whole = end === data.length ? wholeCharactersEnd(data, at, end) : end;
        if (whole > at)
          keys.push({ type: 'text', text: data.toString('utf8', at, whole), bytes: data.subarray(at, whole) });
        at = whole;
        if (whole < end) break;
      }
      rest = at < data.length ? Buffer.from(data.subarray(at)) : nothing;
      return keys;
    },
  };
}

/** Most bytes of one key's sequence, so that nothing is kept without bound. */
const maxSequenceBytes = 256;

/** @returns the end of the key that begins with ESC at `at`: CSI, SS3, a reply of the terminal (OSC, DCS), or ESC and a character; -1 = cut. */
function escapeEnd(data: Buffer, at: number): number {
  const next = data[at + 1];
  if (next === undefined) return -1;
  const isCut = data.length - at < maxSequenceBytes;
  if (next === 0x5b) {
    for (let i = at + 2; i < data.length; i += 1) {
      const byte = data[i] as number;
      if (byte >= 0x40 && byte < 0x7f) return i + 1;
      if (byte < 0x20 || byte >= 0x7f) return i;
    }
    return isCut ? -1 : data.length;
  }
  if (next === 0x4f) return data.length > at + 2 ? at + 3 : -1;
  if (next === 0x5d || next === 0x50) {
    for (let i = at + 2; i < data.length; i += 1) {
      if (data[i] === 0x07) return i + 1;
      if (data[i] === 0x5c && data[i - 1] === esc) return i + 1;
    }
    return isCut ? -1 : data.length;
  }
  return next < 0x20 ? at + 1 : at + 2;
}

/** What a control sequence does to the text of the line it stands in, as far as that matters for reading it. */
export type SequenceEffect =
  /** Nothing: colours, modes, titles, charsets. */
  | 'none'
  /** The cursor goes elsewhere: what was printed before and what comes do not belong together. */
  | 'stop'
  /** The cursor moves left by `count`. */
  | 'left'
  /** The cursor moves right by `count`: over blanks, most often. */
  | 'right'
  /** The last character is printed `count` times more (REP). */
  | 'repeat'
  /** What stands right of the cursor is erased (EL). */
  | 'erase'
  /** What stands right of the cursor moves (ICH, DCH). */
  | 'shift'
  /** The character behind it (SS2, SS3) is printed, and part of the sequence: bytes `[end - count, end)`. */
  | 'single';

export interface ControlSequence {
  /** Behind its last byte; -1 = the bytes end inside it. */
  readonly end: number;
  readonly effect: SequenceEffect;
  readonly count: number;
  /** It is a string (OSC, DCS, APC, PM, SOS), which can be long. */
  readonly isString: boolean;
}

const esc = 0x1b;
const sequence = (end: number, effect: SequenceEffect, count = 0, isString = false): ControlSequence => ({
  end,
  effect,
  count,
  isString,
});
const incomplete = sequence(-1, 'none');
const incompleteString = sequence(-1, 'none', 0, true);

/**
 * Reads the control sequence at `at`, which is ESC, or 0xC2 before a C1 control (ECMA-48; xterm's "Control Sequences").
 * Cancelled and malformed sequences end where a terminal gives them up.
 */
export function readControlSequence(data: Buffer, at: number, end: number): ControlSequence {
  if (at + 1 >= end) return incomplete;
  const next = data[at + 1] as number;
  if (data[at] === esc) return next >= 0x80 ? sequence(at + 1, 'none') : readEscape(data, at, end, next);
  // C1 controls are the escape sequences of the byte that is 0x40 less.
  return readEscape(data, at, end, next - 0x40);
}

function readEscape(data: Buffer, at: number, end: number, kind: number): ControlSequence {
  const body = at + 2;
  switch (kind) {
    case 0x5b: // [
      return readCsi(data, body, end);
    case 0x5d: // ]
      return readString(data, body, end, true);
    case 0x50: // P
    case 0x58: // X
    case 0x5e: // ^
    case 0x5f: // _
      return readString(data, body, end, false);
    case 0x4e: // N
    case 0x4f: // O
      return readSingle(data, body, end);
    case 0x44: // D
    case 0x45: // E
    case 0x4d: // M
    case 0x63: // c
    case 0x36: // 6
    case 0x38: // 8
    case 0x39: // 9
      return sequence(body, 'stop');
    default:
  }
  if (kind < 0x20 || kind === 0x7f) return sequence(at + 1, 'none');
  if (kind >= 0x30) return sequence(body, 'none');
  for (let i = body; i < end; i += 1) {
    const byte = data[i] as number;
    if (byte >= 0x20 && byte < 0x30) continue;
    return byte >= 0x30 && byte < 0x7f ? sequence(i + 1, kind === 0x23 ? 'stop' : 'none') : sequence(i, 'none');
  }
  return incomplete;
}

/** ESC N or ESC O, and one character in UTF-8. */
function readSingle(data: Buffer, body: number, end: number): ControlSequence {
  if (body >= end) return incomplete;
  const first = data[body] as number;
  if (first < 0x20) return sequence(body, 'none');
  let last = body + 1;
  if (first >= 0xc0) {
    const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    while (last < body + length) {
      if (last >= end) return incomplete;
      if (((data[last] as number) & 0xc0) !== 0x80) break;
      last += 1;
    }
  }
  return sequence(last, 'single', last - body);
}

/**
 * @returns the end of a string's body from `at`: BEL (OSC), CAN, SUB and ST's C1 form belong to it; ESC, which begins ST or cancels, does not, nor do
 * line ends: no string that terminals use holds one, and a string that nobody ends must not hide the lines behind it. -1 = it goes on.
 */
export function stringEnd(data: Buffer, at: number, end: number, isOsc: boolean): number {
  for (let i = at; i < end; i += 1) {
    const byte = data[i] as number;
    if (byte > esc && byte !== 0x9c) continue;
    if (byte === esc || byte === 0x0a || byte === 0x0d) return i;
    if (byte === 0x18 || byte === 0x1a || (byte === 0x07 && isOsc)) return i + 1;
    if (byte === 0x9c && i > at && data[i - 1] === 0xc2) return i + 1;
  }
  return -1;
}

function readString(data: Buffer, body: number, end: number, isOsc: boolean): ControlSequence {
  const last = stringEnd(data, body, end, isOsc);
  return last < 0 ? incompleteString : sequence(last, 'none', 0, true);
}

function readCsi(data: Buffer, body: number, end: number): ControlSequence {
  let isMoved = false;
  for (let i = body; i < end; i += 1) {
    const byte = data[i] as number;
    if (byte >= 0x40 && byte < 0x7f) return isMoved ? sequence(i + 1, 'stop') : csi(data, body, i);
    if (byte >= 0x80 || byte === esc) return sequence(i, 'none');
    if (byte === 0x18 || byte === 0x1a) return sequence(i + 1, 'none');
    // Terminals obey control characters inside of a sequence.
    if (byte >= 0x08 && byte <= 0x0d) isMoved = true;
  }
  return incomplete;
}

/** Final bytes of CSI that change nothing in the line: modes, reports, colours, erasing, tab stops, windows. */
const quiet = new Set(Buffer.from('mhlncqtgipsvwxyzoJX$'));

function csi(data: Buffer, body: number, final: number): ControlSequence {
  const after = final + 1;
  const kind = data[final] as number;
  const first = data[body] as number;
  if (first >= 0x3c && first <= 0x3f) {
    // ?47, ?1047 and ?1049 change the screen.
    const changesScreen =
      first === 0x3f && (kind === 0x68 || kind === 0x6c) && /47|1049/.test(data.toString('latin1', body, final));
    return sequence(after, changesScreen ? 'stop' : 'none');
  }
  if (quiet.has(kind)) return sequence(after, 'none');
  const count = parameter(data, body, final);
  switch (kind) {
    case 0x43: // C
    case 0x61: // a
      return sequence(after, 'right', count || 1);
    case 0x44: // D
      return sequence(after, 'left', count || 1);
    case 0x4b: // K
      return sequence(after, count === 0 ? 'erase' : 'none');
    case 0x40: // @
    case 0x50: // P
      return sequence(after, 'shift', count || 1);
    case 0x62: // b
      return sequence(after, 'repeat', count || 1);
    default:
      return sequence(after, 'stop');
  }
}

/** The first parameter, 0 when there is none; at most 9999. */
function parameter(data: Buffer, at: number, end: number): number {
  let value = 0;
  for (let i = at; i < end; i += 1) {
    const digit = (data[i] as number) - 0x30;
    if (digit < 0 || digit > 9) break;
    value = Math.min(9999, value * 10 + digit);
  }
  return value;
}

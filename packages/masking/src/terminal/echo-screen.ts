import { characterEnd, wholeCharactersEnd } from '../stream/character.ts';
import { readControlSequence } from '../stream/control-sequence.ts';

/** Characters that are remembered of what was printed. */
const maxTail = 8192;
const nothing = Buffer.alloc(0);

/** The line in which the cursor is, and what was printed last: as far as echoes need it. */
export interface EchoScreen {
  /** Follows output. `printed` is called behind each character, `lineEnds` before each line feed. */
  follow(bytes: Buffer, printed: () => void, lineEnds: () => void): void;
  /** Forgets what is before the last line end of `bytes`: for output that nobody compares. */
  skip(bytes: Buffer): void;
  /** Does what stands before the cursor, or what was printed last, end with the text? */
  endsWith(text: string): boolean;
  /** What stands in the line before the cursor. */
  readonly prompt: string;
}

export function createEchoScreen(): EchoScreen {
  let line: string[] = [];
  let cursor = 0;
  /** Printed characters in their order: LF for line ends, without what readline prints twice to wrap: a blank, or the character that follows. */
  let tail = '';
  let rest: Buffer = nothing;

  function print(character: string): void {
    line[cursor] = character;
    cursor += 1;
    tail += character;
    if (tail.length > 2 * maxTail) tail = tail.slice(-maxTail);
    if (line.length > maxTail) {
      line = line.slice(-maxTail / 2);
      cursor = line.length;
    }
  }

  function move(to: number): void {
    cursor = Math.max(0, Math.min(maxTail, to));
    while (line.length < cursor) line.push(' ');
  }

  function control(data: Buffer, at: number, next: number | undefined, lineEnds: () => void): void {
    const byte = data[at];
    if (byte === 0x0a) {
      lineEnds();
      line = [];
      cursor = 0;
      tail += '\n';
    } else if (byte === 0x0d) {
      cursor = 0;
      const isWrap = next !== undefined && next > 0x20 && tail.endsWith(String.fromCharCode(next));
      if (next !== 0x0a && (isWrap || tail.endsWith(' '))) tail = tail.slice(0, -1);
    } else if (byte === 0x08) {
      cursor = Math.max(0, cursor - 1);
      tail = tail.slice(0, -1);
    } else if (byte === 0x09) move(cursor + 8 - (cursor % 8));
  }

  function obey(data: Buffer, at: number, end: number): void {
    const { effect, count } = readControlSequence(data, at, end);
    if (effect === 'left') move(cursor - count);
    else if (effect === 'right') move(cursor + count);
    else if (effect === 'erase') line.length = cursor;
    else if (effect === 'shift') {
      if (data[end - 1] === 0x50) line.splice(cursor, count);
      else line.splice(cursor, 0, ...Array.from({ length: Math.min(count, maxTail) }, () => ' '));
    } else if (effect === 'stop') {
      line = [];
      cursor = 0;
      tail += '\n';
    }
  }

  return {
    follow(bytes, printed, lineEnds) {
      const data = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
      const end = wholeCharactersEnd(data, 0, data.length);
      let at = 0;
      while (at < end) {
        const byte = data[at] as number;
        if (byte === 0x1b) {
          const sequence = readControlSequence(data, at, end);
          // A sequence that does not end within a few hundred bytes is let go.
          if (sequence.end < 0 && end - at < 512) break;
          const last = sequence.end < 0 ? end : sequence.end;
          if (sequence.end >= 0) obey(data, at, last);
          at = last;
        } else if (byte < 0x20 || byte === 0x7f) {
          if (byte === 0x0d && at + 1 === data.length) break;
          control(data, at, data[at + 1], lineEnds);
          at += 1;
        } else {
          const last = characterEnd(data, at, end);
          print(data.toString('utf8', at, last));
          printed();
          at = last;
        }
      }
      rest = at < data.length ? Buffer.from(data.subarray(at)) : nothing;
    },
    skip(bytes) {
      const last = bytes.lastIndexOf(0x0a);
      if (last < 0) return this.follow(bytes, ignore, ignore);
      rest = nothing;
      line = [];
      cursor = 0;
      tail = '\n';
      this.follow(bytes.subarray(last + 1), ignore, ignore);
    },
    endsWith(text) {
      if (tail.endsWith(text)) return true;
      const characters = [...text];
      if (characters.length > cursor) return false;
      return characters.every((character, index) => line[cursor - characters.length + index] === character);
    },
    get prompt() {
      return line.slice(0, cursor).join('');
    },
  };
}

const ignore = (): void => undefined;

/** Follows which screen the terminal shows. */
export interface ScreenSwitch {
  /** @returns the changes that the output makes, in order: `at` = behind the sequence that makes it, `isOn` = to the alternate screen. */
  follow(bytes: Buffer): readonly { readonly at: number; readonly isOn: boolean }[];
  readonly isOn: boolean;
}

const start = Buffer.from('\x1b[?');
/** Longest sequence that sets modes: programs set several at once. */
const maxSequence = 64;

/** Modes 47, 1047 and 1049 of xterm. */
export function createScreenSwitch(): ScreenSwitch {
  let isOn = false;
  let rest = Buffer.alloc(0);
  return {
    get isOn() {
      return isOn;
    },
    follow(bytes) {
      const changes: { at: number; isOn: boolean }[] = [];
      const data = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
      let at = data.indexOf(start);
      let cut = -1;
      while (at >= 0) {
        let end = at + start.length;
        while (end < data.length && isParameter(data[end] as number)) end += 1;
        if (end === data.length) {
          cut = at;
          break;
        }
        const modes = data.toString('latin1', at + start.length, end).split(';');
        const final = data[end];
        if (
          (final === 0x68 || final === 0x6c) &&
          modes.some((mode) => mode === '47' || mode === '1047' || mode === '1049')
        ) {
          const next = final === 0x68;
          if (next !== isOn) changes.push({ at: end + 1 - rest.length, isOn: next });
          isOn = next;
        }
        at = data.indexOf(start, end);
      }
      if (cut < 0 || data.length - cut > maxSequence) cut = Math.max(0, data.length - lengthOfHead(data));
      rest = Buffer.from(data.subarray(cut));
      return changes;
    },
  };
}

const isParameter = (byte: number): boolean => (byte >= 0x30 && byte <= 0x39) || byte === 0x3b;

/** @returns how many bytes at the end may be the head of a sequence. */
function lengthOfHead(data: Buffer): number {
  for (let length = Math.min(start.length - 1, data.length); length > 0; length -= 1)
    if (data.subarray(data.length - length).equals(start.subarray(0, length))) return length;
  return 0;
}

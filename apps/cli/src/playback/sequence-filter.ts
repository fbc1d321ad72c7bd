/** Lets recorded output through to a terminal of today, piece by piece. */
export interface SequenceFilter {
  of(text: string): string;
}

/** Longest control sequence that is waited for, characters; what is longer is left out. */
const maxSequence = 4096;
/** 8-bit controls (U+0080 to U+009F) that begin a sequence, as their 7-bit form. */
const openers: Readonly<Record<string, string>> = {
  '\u0090': '\u001bP',
  '\u0098': '\u001bX',
  '\u009b': '\u001b[',
  '\u009d': '\u001b]',
  '\u009e': '\u001b^',
  '\u009f': '\u001b_',
};
/** Modes that make a terminal send more than keys: mouse, focus, marks around what is pasted. */
const telling = new Set(['9', '1000', '1001', '1002', '1003', '1004', '1005', '1006', '1007', '1015', '1016', '2004']);

/**
 * Recorded output is not this terminal's own: what would make it answer (its answer would be typed into the next program), reach the clipboard, print or
 * move windows is left out. Text, colours, cursor, screens and titles stay as they were recorded.
 */
export function createSequenceFilter(): SequenceFilter {
  /** A sequence whose end has not come. */
  let open = '';
  let isTooLong = false;
  const take = (character: string): string => {
    open += character;
    const kind = open[1];
    if (kind === '[') return /[@-~]/.test(character) && open.length > 2 ? close(safeCsi(open)) : wait();
    if (kind !== undefined && ']PX^_'.includes(kind)) {
      const isEnd = character === '\u0007' || character === '\u009c' || open.endsWith('\u001b\\');
      return isEnd && open.length > 2 ? close(safeString(open)) : wait();
    }
    if (kind === undefined || /[ -/]/.test(character)) return wait();
    // ESC Z asks for the terminal's name; another control character ends the sequence.
    return close(/[0-~]/.test(character) && character !== 'Z' ? open : '');
  };
  const wait = (): string => {
    if (open.length > maxSequence) {
      isTooLong = true;
      open = open.slice(0, 2) + open.slice(-1);
    }
    return '';
  };
  const close = (shown: string): string => {
    open = '';
    const result = isTooLong ? '' : shown;
    isTooLong = false;
    return result;
  };
  return {
    of: (text) => {
      let shown = '';
      for (const character of text) {
        if (open !== '') shown += take(character);
        else if (character === '\u001b') open = character;
        else if (openers[character] !== undefined) open = openers[character];
        // ENQ asks for an answer; other 8-bit controls are what nobody means.
        else if (character !== '\u0005' && !(character >= '\u0080' && character <= '\u009f')) shown += character;
      }
      return shown;
    },
  };
}

function safeCsi(sequence: string): string {
  const [, prefix = '', parameters = '', middle = '', final = ''] =
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a sequence begins with one
    /^\u001b\[([<-?]?)([0-;]*)([ -/]*)([@-~])$/.exec(sequence) ?? [];
  if (final === '') return '';
  if (prefix === '?' && final === 'h') {
    const modes = parameters.split(';').filter((mode) => !telling.has(mode.replace(/^0+/, '')));
    return modes.length === 0 ? '' : `\u001b[?${modes.join(';')}h`;
  }
  // Device attributes, status reports, windows, printing; then requests for modes, states, checksums and versions.
  if (middle === '' && 'cntix'.includes(final)) return '';
  if (middle !== '' && 'pwyzu|'.includes(final)) return '';
  if (prefix !== '' && 'qupSm'.includes(final)) return '';
  return sequence;
}

/** Of the strings only titles (OSC 0, 1, 2). */
function safeString(sequence: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a sequence begins with one
  return /^\u001b\][012];[^\u0000-\u001f]*(?:\u0007|\u001b\\|\u009c)$/.test(sequence) ? sequence : '';
}

/** Largest text that is parsed by default, in UTF-16 units (a 2,000-row INSERT is 70 KB). */
export const defaultMaxText = 1024 * 1024;
/** Longest run of operator characters outside literals: the lexer reads such a run in quadratic time. */
export const maxOperatorRun = 256;

/** Why a text must not reach the parser; null when it may. */
export interface GuardFinding {
  readonly problem: 'limit' | 'syntax';
  readonly message: string;
}

/** What the texts of a session may look like. */
export interface GuardOptions {
  readonly maxText: number;
  /** False when the session reads backslashes in '…' as escapes: such a text would be read differently here. */
  readonly standardConformingStrings: boolean;
}

/** Checks a text in one linear pass before the parser sees it: NUL (which would cut it), its length, operator runs, backslashes that the server reads differently. */
export function guardText(text: string, options: GuardOptions): GuardFinding | null {
  if (text.length > options.maxText)
    return { problem: 'limit', message: `the statement is longer than ${options.maxText} characters` };
  if (text.includes('\0')) return { problem: 'syntax', message: 'the statement holds a NUL character' };
  if (hasLoneSurrogate(text)) return { problem: 'syntax', message: 'the statement is not well-formed Unicode' };
  return scan(text, options);
}

function hasLoneSurrogate(text: string): boolean {
  return !text.isWellFormed();
}

const operatorCharacters = new Set([...'~!@#^&|`?+-*/%<>=']);

function scan(text: string, options: GuardOptions): GuardFinding | null {
  let at = 0;
  let run = 0;
  while (at < text.length) {
    const char = text[at] ?? '';
    if (operatorCharacters.has(char)) {
      // A comment ends a run of operator characters only for the eye: the lexer first takes the run as a whole, so it counts in.
      run += 1;
      if (run > maxOperatorRun)
        return { problem: 'limit', message: `more than ${maxOperatorRun} operator characters in a row` };
      const next = text[at + 1];
      if (char === '-' && next === '-') {
        at = lineEnd(text, at);
        run = 0;
        continue;
      }
      if (char === '/' && next === '*') {
        const end = commentEnd(text, at);
        if (end === null) return { problem: 'syntax', message: 'unterminated /* comment' };
        run += 3;
        at = end;
        continue;
      }
      at += 1;
      continue;
    }
    run = 0;
    const end = literalEnd(text, at, char, options);
    if (typeof end !== 'number') return end;
    at = end;
  }
  return null;
}

/** End of the token that begins here when it is a literal or word, else the next character. */
function literalEnd(text: string, at: number, char: string, options: GuardOptions): number | GuardFinding {
  if (char === "'") {
    const escapes = /[eE]/.test(text[at - 1] ?? '') && !isWordCharacter(text[at - 2]);
    const end = quoteEnd(text, at, "'", escapes);
    if (!escapes && !options.standardConformingStrings && text.slice(at, end).includes('\\')) {
      return {
        problem: 'syntax',
        message: "backslashes in '…' are read as escapes by this session (standard_conforming_strings is off)",
      };
    }
    return end;
  }
  if (char === '"') return quoteEnd(text, at, '"', false);
  if (char === '$' && !isWordCharacter(text[at - 1])) return dollarEnd(text, at);
  return at + 1;
}

function isWordCharacter(char: string | undefined): boolean {
  return char !== undefined && /[\w$\u0080-\uffff]/.test(char);
}

function lineEnd(text: string, at: number): number {
  for (let end = at; end < text.length; end += 1) {
    const char = text[end];
    if (char === '\n' || char === '\r') return end;
  }
  return text.length;
}

/** Position after a comment with the comments nested in it; null when it does not end. */
function commentEnd(text: string, at: number): number | null {
  let depth = 0;
  for (let end = at; end < text.length - 1; end += 1) {
    const pair = text.slice(end, end + 2);
    if (pair === '/*') depth += 1;
    else if (pair === '*/') depth -= 1;
    else continue;
    end += 1;
    if (depth === 0) return end + 1;
  }
  return null;
}

function quoteEnd(text: string, at: number, quote: string, escapes: boolean): number {
  for (let end = at + 1; end < text.length; end += 1) {
    const char = text[end];
    if (escapes && char === '\\') end += 1;
    else if (char === quote) {
      if (text[end + 1] !== quote) return end + 1;
      end += 1;
    }
  }
  return text.length;
}

const dollarTag = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;

function dollarEnd(text: string, at: number): number {
  dollarTag.lastIndex = at;
  const tag = dollarTag.exec(text)?.[0];
  if (tag === undefined) return at + 1;
  const end = text.indexOf(tag, at + tag.length);
  return end < 0 ? text.length : end + tag.length;
}

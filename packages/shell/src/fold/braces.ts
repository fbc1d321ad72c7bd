import { maxBraces, maxBraceWords } from '../limits.ts';
import { NotUnderstood, type Part } from '../parse/syntax.ts';

/** What the braces outside quotes make of a word (bash(1), Brace Expansion): one or more lists of parts without them. */
export function expandBraces(parts: readonly Part[]): readonly (readonly Part[])[] {
  const open = parts.filter((part) => part.type === 'brace' && part.text === '{').length;
  if (open === 0) return [parts.map(literal)];
  if (open > maxBraces) throw new NotUnderstood('It has too many braces.');
  const words = expand(parts);
  if (words.length > maxBraceWords) throw new NotUnderstood('Its braces make too many words.');
  return words;
}

function literal(part: Part): Part {
  return part.type === 'brace' ? { type: 'text', text: part.text, isQuoted: false } : part;
}

function expand(parts: readonly Part[]): readonly (readonly Part[])[] {
  for (const [at, part] of parts.entries()) {
    if (part.type !== 'brace' || part.text !== '{') continue;
    const group = findGroup(parts, at);
    if (group === undefined) continue;
    const before = parts.slice(0, at).map(literal);
    const after = expand(parts.slice(group.end + 1));
    const middle = group.choices.flatMap((choice) => expand(choice));
    if (middle.length * after.length > maxBraceWords) throw new NotUnderstood('Its braces make too many words.');
    return middle.flatMap((word) => after.map((rest) => [...before, ...word, ...rest]));
  }
  return [parts.map(literal)];
}

interface Group {
  readonly end: number;
  readonly choices: readonly (readonly Part[])[];
}

/** The group that begins at `start`: closed, with a comma or a sequence in it. */
function findGroup(parts: readonly Part[], start: number): Group | undefined {
  let depth = 0;
  const commas: number[] = [];
  for (let at = start; at < parts.length; at += 1) {
    const part = parts[at];
    if (part?.type !== 'brace') continue;
    if (part.text === '{') depth += 1;
    else if (part.text === ',' && depth === 1) commas.push(at);
    else if (part.text === '}') {
      depth -= 1;
      if (depth > 0) continue;
      const inner = parts.slice(start + 1, at);
      const choices = commas.length > 0 ? cut(parts, [start, ...commas, at]) : sequence(inner);
      return choices === undefined ? undefined : { end: at, choices };
    }
  }
  return undefined;
}

function cut(parts: readonly Part[], at: readonly number[]): Part[][] {
  return at.slice(1).map((end, index) => parts.slice((at[index] ?? 0) + 1, end));
}

/** `1..5`, `a..e`, with or without a step. */
function sequence(inner: readonly Part[]): Part[][] | undefined {
  const [only] = inner;
  if (inner.length !== 1 || only?.type !== 'text' || only.isQuoted || !only.text.includes('..')) return undefined;
  const match = /^(-?\d{1,6}|[A-Za-z])\.\.(-?\d{1,6}|[A-Za-z])(?:\.\.(-?\d{1,6}))?$/.exec(only.text);
  const [, from = '', to = '', step = '1'] = match ?? [];
  const isNumber = /\d/.test(from);
  if (match === null || isNumber !== /\d/.test(to) || /^-?0\d/.test(from) || /^-?0\d/.test(to))
    throw new NotUnderstood('A sequence in braces is not understood.');
  const [first, last] = isNumber ? [Number(from), Number(to)] : [from.charCodeAt(0), to.charCodeAt(0)];
  const stride = Math.max(1, Math.abs(Number(step)));
  const count = Math.floor(Math.abs(last - first) / stride) + 1;
  if (count > maxBraceWords) throw new NotUnderstood('Its braces make too many words.');
  const sign = last < first ? -1 : 1;
  return Array.from({ length: count }, (_, index) => {
    const value = first + sign * stride * index;
    return [{ type: 'text', text: isNumber ? String(value) : String.fromCharCode(value), isQuoted: true }];
  });
}

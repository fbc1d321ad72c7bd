import { visible } from './visible.ts';

/** A cell: null is SQL NULL or "nothing". */
export type Cell = string | number | boolean | null;

const numeric = /^-?\d+(\.\d+)?$/;

/** Columns padded with spaces under a heading, for people; numbers stand right. Every line ends in LF. */
export function formatTable(columns: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const cells = rows.map((row) => columns.map((_column, index) => shown(row[index])));
  const widths = columns.map((column, index) =>
    Math.max(width(visible(column)), ...cells.map((row) => width(row[index] ?? ''))),
  );
  const isRight = columns.map((_column, index) => {
    const filled = cells.map((row) => row[index] ?? '').filter((cell) => cell !== '');
    return filled.length > 0 && filled.every((cell) => numeric.test(cell));
  });
  const line = (row: readonly string[]): string =>
    row
      .map((cell, index) => {
        const space = ' '.repeat((widths[index] ?? 0) - width(cell));
        return isRight[index] ? space + cell : cell + space;
      })
      .join('  ')
      .trimEnd();
  const rule = widths.map((size) => '-'.repeat(size)).join('  ');
  return `${[line(columns.map((column) => visible(column))), rule, ...cells.map(line)].join('\n')}\n`;
}

/** Tab-separated values for programs: a heading line, then rows; escapes as in COPY's text format (\t, \n, \r, \\), NULL is \N. */
export function formatTsv(columns: readonly string[], rows: readonly (readonly Cell[])[], hasHeading = true): string {
  const lines = rows.map((row) => row.map((cell) => (cell === null ? '\\N' : escaped(String(cell)))).join('\t'));
  const all = hasHeading ? [columns.map(escaped).join('\t'), ...lines] : lines;
  return all.map((line) => `${line}\n`).join('');
}

function escaped(text: string): string {
  return text.replace(/[\\\t\n\r]/g, (character) => {
    if (character === '\\') return '\\\\';
    return character === '\t' ? '\\t' : character === '\n' ? '\\n' : '\\r';
  });
}

function shown(cell: Cell | undefined): string {
  return cell === undefined || cell === null ? '' : visible(String(cell));
}

/** Columns of a terminal: East Asian wide characters and most emoji take two, combining marks none. */
function width(text: string): number {
  let total = 0;
  for (const character of text) {
    if (/\p{Mark}/u.test(character)) continue;
    total +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u.test(
        character,
      )
        ? 2
        : 1;
  }
  return total;
}

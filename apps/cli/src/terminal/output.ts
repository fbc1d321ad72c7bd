import type { Cli } from '../cli.ts';
import { type Cell, formatTable, formatTsv } from './table.ts';
import { visible } from './visible.ts';

/** Options that every command with data has. */
export interface DataOptions {
  readonly json?: boolean;
}

/** One column of a list: heading, and the cell of an item. */
export type Column<Item> = readonly [heading: string, cell: (item: Item) => Cell];

/** A line of data. */
export function printLine(cli: Cli, text: string): void {
  cli.stdout.write(`${text}\n`);
}

/** One JSON value on one line. */
export function printJson(cli: Cli, value: unknown): void {
  printLine(cli, JSON.stringify(value));
}

/** Rows: a table on a terminal, TSV elsewhere. */
export function printRows(cli: Cli, columns: readonly string[], rows: readonly (readonly Cell[])[]): void {
  cli.stdout.write(cli.stdout.isTTY === true ? formatTable(columns, rows) : formatTsv(columns, rows));
}

/** A list: JSON array, table or TSV. An empty one says `empty` on stderr. */
export function printList<Item>(
  cli: Cli,
  options: DataOptions,
  list: { readonly items: readonly Item[]; readonly columns: readonly Column<Item>[]; readonly empty: string },
): void {
  const { items, columns, empty } = list;
  if (options.json === true) {
    printJson(cli, items);
    return;
  }
  if (items.length === 0) note(cli, empty);
  if (items.length === 0 && cli.stdout.isTTY === true) return;
  printRows(
    cli,
    columns.map(([heading]) => heading),
    items.map((item) => columns.map(([, cell]) => cell(item))),
  );
}

/** One thing with named fields: the value as JSON, aligned lines on a terminal, `name<TAB>value` elsewhere. */
export function printRecord(
  cli: Cli,
  options: DataOptions,
  value: unknown,
  fields: readonly (readonly [name: string, cell: Cell])[],
): void {
  if (options.json === true) {
    printJson(cli, value);
    return;
  }
  if (cli.stdout.isTTY !== true) {
    cli.stdout.write(formatTsv([], fields, false));
    return;
  }
  const size = Math.max(...fields.map(([name]) => name.length));
  const indent = `\n${' '.repeat(size + 2)}`;
  for (const [name, cell] of fields) {
    const text = cell === null ? '' : visible(String(cell), { multiline: true }).replaceAll('\n', indent);
    printLine(cli, `${name.padEnd(size)}  ${text}`.trimEnd());
  }
}

/** Something for people: never on stdout. */
export function note(cli: Cli, text: string): void {
  cli.stderr.write(`${visible(text, { multiline: true })}\n`);
}

/** Escape sequences are welcome on stderr: a terminal, NO_COLOR (no-color.org) not set, TERM not dumb. */
export function hasColour(cli: Cli): boolean {
  return cli.stderr.isTTY === true && (cli.env['NO_COLOR'] ?? '') === '' && cli.env['TERM'] !== 'dumb';
}

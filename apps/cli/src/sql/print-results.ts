import type { Cli } from '../cli.ts';
import { note, printJson } from '../terminal/output.ts';
import { formatTable, formatTsv } from '../terminal/table.ts';
import { jsonValue, uniqueNames } from './json-value.ts';

/** One statement's result: columns with types, rows as text. */
export interface SqlResult {
  readonly command: string;
  readonly rowCount: number | null;
  readonly columns: readonly { readonly name: string; readonly typeOid: number }[];
  readonly rows: readonly (readonly (string | null)[])[];
}

/** Prints results in order: rows on stdout, what else the server said on stderr. With `json` one array per statement and line. */
export function printResults(
  cli: Cli,
  results: readonly SqlResult[],
  options: { readonly json: boolean; readonly heading: boolean },
): void {
  for (const result of results) {
    if (options.json) printJson(cli, objectsOf(result));
    else if (result.columns.length > 0) printRows(cli, result, options.heading);
    if (result.columns.length === 0)
      note(cli, [result.command, result.rowCount].filter((part) => part !== null).join(' '));
    else if (cli.stdout.isTTY === true && !options.json)
      note(cli, `(${result.rows.length} ${result.rows.length === 1 ? 'row' : 'rows'})`);
  }
}

function printRows(cli: Cli, { columns, rows }: SqlResult, hasHeading: boolean): void {
  const names = columns.map(({ name }) => name);
  cli.stdout.write(cli.stdout.isTTY === true ? formatTable(names, rows) : formatTsv(names, rows, hasHeading));
}

function objectsOf({ columns, rows }: SqlResult): Record<string, unknown>[] {
  const names = uniqueNames(columns.map(({ name }) => name));
  return rows.map((row) =>
    Object.fromEntries(columns.map(({ typeOid }, index) => [names[index], jsonValue(row[index] ?? null, typeOid)])),
  );
}

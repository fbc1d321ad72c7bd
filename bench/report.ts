import type { Goal } from './goals.ts';
import type { Column, Row, Section } from './section.ts';

/** Where and of what the numbers are. */
export interface Circumstances {
  readonly date: string;
  readonly commit: string;
  readonly cores: number;
  readonly cpu: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly quick: boolean;
}

const goalColumns: readonly Column[] = [
  { key: 'goal', title: 'goal' },
  { key: 'wanted', title: 'wanted' },
  { key: 'measured', title: 'measured', digits: 2 },
  { key: 'met', title: 'met' },
  { key: 'stretch', title: 'stretch goal' },
  { key: 'stretchMet', title: 'met' },
];

/** The whole report in Markdown; its tables are aligned, so that it reads well on a terminal, too. */
export function formatReport(
  circumstances: Circumstances,
  sections: readonly Section[],
  goals: readonly Goal[],
): string {
  const { date, commit, cores, cpu, versions, quick } = circumstances;
  const parts = [
    '# Benchmark',
    `${date}, commit ${commit}, ${cores} cores (${cpu}), ${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}.`,
    ...(quick ? ['A quick run (`--quick`): one short round, good for a first look only.'] : []),
    'Client, gateway, agent, gateway store and database share the cores. mTLS between agent and gateway, the demo policy with masking rules, and durable recording are on. Trust ratios and CPU times more than absolute numbers.',
  ];
  if (goals.length > 0) {
    const met = (is: boolean | undefined) => (is === undefined ? null : is ? 'yes' : 'no');
    const rows = goals.map(({ goal, wanted, measured, isMet, stretch, isStretchMet }) => ({
      ...{ goal, wanted: wanted ?? null, measured, met: met(isMet) },
      ...{ stretch: stretch ?? null, stretchMet: met(isStretchMet) },
    }));
    parts.push('## Goals', formatTable(goalColumns, rows));
  }
  for (const { title, notes, columns, rows } of sections) {
    parts.push(`## ${title}`, ...notes, formatTable(columns, rows));
  }
  return `${parts.join('\n\n')}\n`;
}

/** A Markdown table with padded columns, numbers to the right. */
export function formatTable(columns: readonly Column[], rows: readonly Row[]): string {
  const cells = [columns.map(({ title }) => title), ...rows.map((row) => columns.map((column) => cell(column, row)))];
  const widths = columns.map((_, index) => Math.max(3, ...cells.map((line) => line[index]?.length ?? 0)));
  const line = (texts: readonly string[]) =>
    `| ${texts
      .map((text, index) =>
        columns[index]?.digits === undefined ? text.padEnd(widths[index] ?? 0) : text.padStart(widths[index] ?? 0),
      )
      .join(' | ')} |`;
  const rule = `| ${widths
    .map((width, index) => (columns[index]?.digits === undefined ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
    .join(' | ')} |`;
  const [head = [], ...body] = cells;
  return [line(head), rule, ...body.map(line)].join('\n');
}

function cell({ key, digits }: Column, row: Row): string {
  const value = row[key];
  if (value === null || value === undefined) return '';
  return typeof value === 'number' && digits !== undefined ? value.toFixed(digits) : String(value);
}

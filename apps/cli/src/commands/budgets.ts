import type { BudgetView } from '@weir/api';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { signedIn } from '../gateway/api.ts';
import { printList } from '../terminal/output.ts';
import { act, type CommonOptions, leaf } from './leaf.ts';

/** `weir budgets` */
export function addBudgets(program: Command, cli: Cli): void {
  leaf(program, 'budgets', 'Show what you have received of tables with a budget in this hour and day', [
    'weir budgets',
    "weir budgets --json | jq -r '.[].resetsAt'",
  ]).action(
    act(cli, async (options: CommonOptions) => {
      printList(cli, options, {
        items: await signedIn(cli).api.listBudgets(),
        columns: [
          ['budget', ({ rule, mode }) => (mode === 'observe' ? `${rule} (observed)` : rule)],
          ['principal', ({ principal }) => principal],
          ['per', ({ per }) => per],
          ['rows', ({ rows }) => amountOf(rows)],
          ['bytes', ({ bytes }) => amountOf(bytes)],
          ['resets', ({ resetsAt }) => resetsAt],
        ],
        empty: 'No budget has counted anything in this hour or day.',
      });
    }),
  );
}

function amountOf({ used, max }: BudgetView['rows']): string {
  return max === null ? String(used) : `${used} of ${max}`;
}

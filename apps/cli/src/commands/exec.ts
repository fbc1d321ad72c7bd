import { readFileSync } from 'node:fs';
import { WeirError } from '@weir/errors';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { readInput } from '../terminal/prompt.ts';
import { act, type CommonOptions, leaf } from './leaf.ts';

interface ExecOptions extends CommonOptions {
  readonly file?: string;
  readonly wait?: boolean;
  readonly header: boolean;
}

/** `weir exec` */
export function addExec(program: Command, cli: Cli): void {
  leaf(program, 'exec', 'Run SQL and print the rows', [
    'weir exec orders "SELECT id, name FROM customers LIMIT 5"',
    `weir exec orders "SELECT count(*) FROM orders" --json | jq '.[0].count'`,
    'weir exec orders --file report.sql > report.tsv',
    'weir exec orders "DELETE FROM orders WHERE id = 7" --wait',
  ])
    .argument('<name>', 'connection')
    .argument('[sql]', 'statements, run as one transaction; "-" or nothing = from standard input')
    .option('-f, --file <file>', 'read the statements from a file')
    .option(
      '--wait',
      'wait when a statement needs approval (default: refuse it with exit status 6; send it again after approval)',
    )
    .option('--no-header', 'no heading line in TSV')
    .action(
      act(cli, async (connection: string, sql: string | undefined, options: ExecOptions) => {
        const text = await textOf(cli, sql, options);
        const { runExec } = await import('../sql/run-exec.ts');
        const { header: heading } = options;
        await runExec(cli, { connection, text, heading, json: options.json === true, waits: options.wait === true });
      }),
    );
}

async function textOf(cli: Cli, sql: string | undefined, { file }: ExecOptions): Promise<string> {
  if (sql !== undefined && file !== undefined) {
    throw new WeirError('invalid_request', 'SQL was given twice.', { fix: 'Give it as an argument or with --file.' });
  }
  if (file !== undefined) return readSql(file);
  if (sql !== undefined && sql !== '-') return sql;
  if (cli.stdin.isTTY === true && sql === undefined) {
    throw new WeirError('invalid_request', 'There is no SQL to run.', { fix: 'weir exec NAME "SELECT 1"' });
  }
  return readInput(cli);
}

function readSql(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new WeirError('invalid_request', `The file ${path} cannot be read.`, {
      why,
      fix: 'Check the path after --file.',
      cause,
    });
  }
}

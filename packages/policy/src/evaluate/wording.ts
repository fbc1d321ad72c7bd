import type { SshFacts, SshKind } from '../ssh-statement.ts';
import type { ColumnRef, SqlFacts } from '../statement.ts';

/** The statement's command for a sentence. */
export function commandName(facts: Pick<SqlFacts, 'command'>): string {
  return facts.command === '' ? 'The statement' : facts.command;
}

const commands: readonly SshKind[] = ['exec', 'input', 'scp', 'rsync', 'git'];

/** What SSH carries, in a sentence. */
export function sshName({ kind, command }: Pick<SshFacts, 'kind' | 'command'>): string {
  if (kind === 'shell') return 'a shell';
  if (kind.startsWith('file-')) return `the file operation ${command}`;
  if (kind === 'env') return 'a variable of the environment';
  return commands.includes(kind) && !command.startsWith('the ') ? `the command ${command}` : command;
}

/** `customers` in schema public, else `schema.table`. */
export function tableName({ schema, table }: { readonly schema: string; readonly table: string }): string {
  return schema === 'public' ? table : `${schema}.${table}`;
}

/** `customers.email` in schema public, else `schema.table.column`. */
export function columnName(column: ColumnRef): string {
  return `${tableName(column)}.${column.column}`;
}

/** One sentence: first letter large, one full stop at the end. */
export function sentence(text: string): string {
  const trimmed = text.trim().replace(/[.\s]+$/, '');
  return `${trimmed.charAt(0).toUpperCase()}${trimmed.slice(1)}${/[!?]$/.test(trimmed) ? '' : '.'}`;
}

/** What was found, then what the author of the rule says about it. */
export function reasonOf(found: string, authored: string | null): string {
  return authored === null ? sentence(found) : sentence(`${found}: ${authored}`);
}

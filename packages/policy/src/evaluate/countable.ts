import type { SqlFacts, StatementKind } from '../statement.ts';
import { commandName } from './wording.ts';

/** Kinds whose command tag names the rows that were changed. */
const counted: ReadonlySet<StatementKind> = new Set<StatementKind>([
  'insert',
  'update',
  'delete',
  'merge',
  'copy-from',
]);

/** Does the statement change rows, or may it? */
export function changesRows(facts: SqlFacts): boolean {
  return facts.dataChanges > 0 || facts.kinds.includes('truncate') || facts.opaque.length > 0;
}

/**
 * Why nobody can say how many rows the statement will have changed before its change stands; null = the server's answer says it. `statementCount` =
 * statements in the same message, undefined = not known.
 */
export function uncountable(facts: SqlFacts, statementCount: number | undefined): string | null {
  const name = commandName(facts);
  const [opaque] = facts.opaque;
  if (opaque !== undefined) return `the rows that ${name} changes cannot be counted, because ${opaque}`;
  if (facts.kinds.includes('truncate')) return `the rows that ${name} removes are not counted by the server`;
  if (statementCount !== 1) return `${name} changes rows and is sent together with other statements`;
  const isTop = counted.has(facts.kind) || (facts.kind === 'execute' && executesChange(facts));
  if (!isTop || facts.dataChanges !== 1)
    return `${name} changes rows inside another statement, where the server does not count them`;
  return null;
}

function executesChange({ kinds }: SqlFacts): boolean {
  return kinds.every((kind) => kind === 'execute' || counted.has(kind));
}

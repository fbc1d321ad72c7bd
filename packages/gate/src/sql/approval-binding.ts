import { createHash } from 'node:crypto';
import type { AnalysedStatement } from '@weir/sql';
import type { TargetView } from './target-view.ts';
import type { UnderstoodText } from './ticket.ts';

/** What an estimate of the rows of an SQL statement is made of. */
export interface SqlSubject {
  readonly understood: UnderstoodText;
  /** As of GateRequest, one of each parameter and as far as known. */
  readonly parameterFormats: readonly number[];
  readonly parameterTypes: readonly number[];
}

/** The kind that a request shows: of the statement that changes most. */
export const leadingKind = (statements: readonly AnalysedStatement[]) =>
  statements.find(({ facts }) => facts.kind !== 'transaction')?.facts.kind ?? 'empty';

/** Everything that an approval is bound to. A change in any of it makes another approval necessary. */
export interface BindingInput {
  readonly text: string;
  readonly parameters: readonly (string | null)[];
  readonly database: string;
  readonly view: TargetView;
  readonly statements: readonly AnalysedStatement[];
  readonly connection: string;
  readonly principal: string;
  /** Texts of the prepared statements and cursors that the statements may use. */
  readonly definitions: readonly (readonly [name: string, text: string])[];
}

/** Names of all relations that the statements touch, sorted. */
export function tablesOf(statements: readonly AnalysedStatement[]): string[] {
  const names = new Set(
    statements.flatMap(({ facts }) => facts.tables.map((table) => `${table.schema}.${table.table}`)),
  );
  return [...names].sort();
}

/** SHA-256 (hex) over the canonical form of the input; relations are bound by OID as well as by name. */
export function bindApproval(input: BindingInput): string {
  const { view } = input;
  const tables = tablesOf(input.statements);
  const oids = view.index.catalog.relations
    .filter((relation) => tables.includes(`${relation.schema}.${relation.name}`))
    .map((relation) => [relation.oid, relation.definition]);
  const canonical = [
    input.text,
    input.parameters,
    input.database,
    view.role,
    view.searchPath,
    tables,
    oids,
    input.connection,
    input.principal,
    input.definitions,
  ];
  return createHash('sha256').update(JSON.stringify(canonical)).digest('hex');
}

/** An approval that adds to a budget is one for that budget only, never one that a guardrail asked for; null = of guardrails. */
export function bindToRule(budget: string | null, input: BindingInput): string {
  const binding = bindApproval(input);
  return budget === null
    ? binding
    : createHash('sha256')
        .update(JSON.stringify([binding, budget]))
        .digest('hex');
}

import type { ColumnRef, OutputColumn, PlacedValue, SqlFacts, StatementKind } from '@weir/policy';
import type { AnalysedStatement } from '../analysis.ts';
import { placedConstant } from './constants.ts';
import type { Findings } from './findings.ts';
import type { QueryColumns } from './select.ts';

/** What a handler says of its statement besides the findings. */
export interface Verb {
  readonly kind: StatementKind;
  readonly command: string;
  /** Null when the statement returns no rows. */
  readonly outputs: readonly OutputColumn[] | null;
  readonly copy?: AnalysedStatement['copy'];
}

/** Output columns in the form of the contract. */
export function toOutputs(result: QueryColumns): readonly OutputColumn[] {
  return result.columns.map(({ name, value, groupSize }) => ({
    name,
    origins: [...value.origins],
    direct: value.direct && !value.opaque,
    opaque: value.opaque || !result.counted,
    typeOid: value.direct ? value.typeOid : null,
    ...(groupSize === undefined ? {} : { aggregate: { groupSize } }),
  }));
}

/** One output column of this name that no user's column goes into. */
export function plainOutput(name: string): readonly OutputColumn[] {
  return [{ name, origins: [], direct: false, opaque: false, typeOid: null }];
}

/** Groups that the column itself chooses tell its values however large they are: their sums are sums no more. */
function withoutChosenGroups(outputs: Verb['outputs'], findings: Findings): Verb['outputs'] {
  if (outputs === null || outputs.every(({ aggregate }) => aggregate === undefined)) return outputs;
  const chooses = (column: ColumnRef) => [...(findings.influence.get(column) ?? [])].some((way) => way !== 'count');
  return outputs.map((output) => {
    if (output.aggregate === undefined || !output.origins.some(chooses)) return output;
    const { aggregate: _aggregate, ...plain } = output;
    return plain;
  });
}

/** A statement that is walked again finds the same again, and so do the rows of one VALUES. */
function placedValues(findings: Findings, digitsAt?: (location: number) => number | undefined): PlacedValue[] {
  const seen = new Map<string, PlacedValue>();
  for (const { column, place, literal } of findings.placed) {
    const value = placedConstant(literal, digitsAt);
    const key = JSON.stringify([place, column.schema, column.table, column.column, value]);
    if (!seen.has(key)) seen.set(key, { column, place, value });
  }
  return [...seen.values()];
}

/** The facts of a statement from what was found. */
export function toFacts(verb: Verb, findings: Findings, digitsAt?: (location: number) => number | undefined): SqlFacts {
  return {
    kind: verb.kind,
    command: verb.command,
    kinds: [...new Set([verb.kind, ...findings.kinds])],
    tables: [...findings.tables.values()].map(({ schema, table, effects }) => ({
      schema,
      table,
      effects: [...effects],
    })),
    functions: [...findings.functions.values()],
    dataChanges: findings.dataChanges.size,
    filters: [...findings.filters.values()].flat(),
    influence: [...findings.influence].map(([column, ways]) => ({ ...column, ways: [...ways] })),
    outputs: withoutChosenGroups(verb.outputs, findings),
    copies: [...findings.copies.values()],
    placed: placedValues(findings, digitsAt),
    opaque: [...findings.opaque],
    settings: findings.settings,
  };
}

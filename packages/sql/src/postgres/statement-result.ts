import type { OutputColumn, StatementFacts, StatementKind } from '@weir/policy';
import type { AnalysedStatement } from '../analysis.ts';
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
  return result.columns.map(({ name, value }) => ({
    name,
    origins: [...value.origins],
    direct: value.direct && !value.opaque,
    opaque: value.opaque || !result.counted,
    typeOid: value.direct ? value.typeOid : null,
  }));
}

/** One output column of this name that no user's column goes into. */
export function plainOutput(name: string): readonly OutputColumn[] {
  return [{ name, origins: [], direct: false, opaque: false, typeOid: null }];
}

/** The facts of a statement from what was found. */
export function toFacts(verb: Verb, findings: Findings): StatementFacts {
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
    filters: [...findings.filters.values()].flat(),
    influence: [...findings.influence],
    outputs: verb.outputs,
    copies: [...findings.copies.values()],
    opaque: [...findings.opaque],
    settings: findings.settings,
  };
}

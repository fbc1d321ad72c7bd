import type { InfluenceScope } from '../plan.ts';
import type { ColumnRef, SqlFacts } from '../statement.ts';
import type { ColumnProtection, RuledStance } from './columns.ts';
import { columnName, commandName } from './wording.ts';

/** What the masking rules say of the ways in which a statement uses protected columns without delivering them. */
export interface InfluenceFinding {
  /** Why it is denied; null = it is not. */
  readonly denied: string | null;
  /** What is noted, one sentence for each column and rule. */
  readonly audited: readonly string[];
}

const verbs: Readonly<Record<InfluenceScope, string>> = {
  filter: 'filters by',
  join: 'joins by',
  group: 'groups or compares rows by',
  order: 'orders by',
  count: 'counts the values of',
  expression: 'computes with',
};
const nothing: InfluenceFinding = { denied: null, audited: [] };

/** Looks for protected columns that decide on rows, their order or number, or that an output is computed from. */
export function findInfluence(
  facts: SqlFacts,
  protectionOf: (column: ColumnRef) => ColumnProtection,
): InfluenceFinding {
  let denied: string | null = null;
  const audited = new Set<string>();
  const look = (column: ColumnRef, way: InfluenceScope, { stance, rule }: RuledStance) => {
    if (stance === 'allow') return;
    const why = `${commandName(facts)} ${verbs[way]} ${columnName(column)}, which the rule ${rule} protects`;
    if (stance === 'deny') denied ??= why;
    else audited.add(why);
  };
  for (const column of facts.influence) {
    const { influence } = protectionOf(column);
    for (const way of column.ways) look(column, way, influence[way]);
  }
  for (const output of facts.outputs ?? []) {
    if (output.direct) continue;
    for (const column of output.origins) {
      const { influence, minGroupSize } = protectionOf(column);
      if (isReleased(output, minGroupSize)) continue;
      look(column, 'expression', influence.expression);
    }
  }
  return denied === null && audited.size === 0 ? nothing : { denied, audited: [...audited] };
}

/** Is this output an aggregate over groups that are large enough? */
export function isReleased(
  { opaque, aggregate }: NonNullable<SqlFacts['outputs']>[number],
  minGroupSize: number | null,
): boolean {
  if (aggregate === undefined || minGroupSize === null || opaque) return false;
  return aggregate.groupSize >= minGroupSize;
}

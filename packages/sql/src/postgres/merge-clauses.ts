import { Assignments, assign, assignTargets } from './assignments.ts';
import { bodyOf, type MergeStmt, type Node } from './ast.ts';
import type { Context } from './context.ts';
import { expressionValue } from './expressions.ts';
import { filterState } from './filters.ts';
import type { Target } from './modify.ts';
import { filteredRelations, noteEffect } from './relations.ts';
import type { Scope } from './scope.ts';

interface WhenClause {
  readonly matchKind?: string;
  readonly commandType?: string;
  readonly condition?: Node;
  readonly targetList?: Node[];
  readonly values?: Node[];
}

/** WHEN branches of a MERGE: effects, copies, and whether anything filters the rows that are changed. `joined`: the join condition looks at the target. */
export function mergeClauses(
  context: Context,
  scope: Scope,
  target: Target,
  node: MergeStmt,
  joined: boolean,
): Assignments {
  let all = new Assignments();
  for (const item of node.mergeWhenClauses ?? []) {
    const clause = (bodyOf<WhenClause>(item, 'MergeWhenClause') ?? {}) as WhenClause;
    const where = filterState(context, scope, clause.condition, () => target.source.hits);
    const isJoined = joined && clause.matchKind !== 'MERGE_WHEN_NOT_MATCHED_BY_SOURCE';
    const state = isJoined ? 'effective' : where;
    switch (clause.commandType) {
      case 'CMD_UPDATE':
        note(context, target, 'update');
        context.findings.addFilter(clause, 'update', named(context, target), state, null);
        all = all.and(assignTargets(context, scope, target, clause.targetList));
        break;
      case 'CMD_DELETE':
        note(context, target, 'delete');
        context.findings.addFilter(clause, 'delete', named(context, target), state, null);
        break;
      case 'CMD_INSERT':
        note(context, target, 'insert');
        all = all.and(inserted(context, scope, target, clause));
        break;
      case 'CMD_NOTHING':
        break;
      default:
        context.findings.opaque.add('a branch of MERGE is not understood');
    }
  }
  return all;
}

function note(context: Context, target: Target, effect: 'insert' | 'update' | 'delete'): void {
  context.findings.kinds.add(effect);
  if (target.relation !== null) noteEffect(context, target.relation, effect, target.name.inh !== true);
}

function named(context: Context, target: Target): readonly { schema: string; name: string }[] {
  if (target.relation !== null) return filteredRelations(context, target.relation);
  return [{ schema: target.name.schemaname ?? '', name: target.name.relname ?? '' }];
}

function inserted(context: Context, scope: Scope, target: Target, clause: WhenClause): Assignments {
  const assigned = new Assignments();
  const listed = clause.targetList?.map((node) => bodyOf<{ name?: string }>(node, 'ResTarget')?.name ?? '');
  const names = listed ?? (target.relation?.columns ?? []).map(({ name }) => name);
  for (const [at, node] of (clause.values ?? []).entries()) {
    assign(context, target, assigned, names[at] ?? '', expressionValue(context, scope, node));
  }
  return assigned;
}

import type { PlanEvaluator } from '@weir/policy';
import type { AnalysedStatement } from '@weir/sql';
import type { ResultField, ResultMasks } from './result-masks.ts';
import type { TargetView } from './target-view.ts';

interface Kept {
  readonly evaluator: PlanEvaluator;
  readonly view: TargetView;
  readonly fields: readonly ResultField[];
  readonly masks: ResultMasks;
}

/** Masks of results that come again: the same analysis, plan and view, and a description that is equal in all that masks read. */
export interface MaskCache {
  get(
    statement: AnalysedStatement,
    evaluator: PlanEvaluator,
    view: TargetView,
    fields: readonly ResultField[],
  ): ResultMasks | undefined;
  set(
    statement: AnalysedStatement,
    evaluator: PlanEvaluator,
    view: TargetView,
    fields: readonly ResultField[],
    masks: ResultMasks,
  ): void;
}

/** Creates the cache of one channel; what nobody analyses any more is forgotten by itself. */
export function createMaskCache(): MaskCache {
  const kept = new WeakMap<AnalysedStatement, Kept>();
  return {
    get(statement, evaluator, view, fields) {
      const known = kept.get(statement);
      if (known === undefined || known.evaluator !== evaluator || known.view !== view) return undefined;
      return isSameDescription(known.fields, fields) ? known.masks : undefined;
    },
    set(statement, evaluator, view, fields, masks) {
      kept.set(statement, { evaluator, view, fields, masks });
    },
  };
}

function isSameDescription(a: readonly ResultField[], b: readonly ResultField[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i += 1) {
    const [x, y] = [a[i] as ResultField, b[i] as ResultField];
    const isSame =
      x.typeOid === y.typeOid &&
      x.format === y.format &&
      x.tableOid === y.tableOid &&
      x.attributeNumber === y.attributeNumber &&
      x.typeModifier === y.typeModifier;
    if (!isSame) return false;
  }
  return true;
}

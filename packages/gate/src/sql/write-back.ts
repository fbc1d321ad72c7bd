import { maskLikeness, plainText, valueText } from '@weir/masking';
import { builtInRules, type ColumnRef, type DenyVerdict, type PlacedValue, type PlanEvaluator } from '@weir/policy';
import type { AnalysedStatement } from '@weir/sql';
import type { DeliveredMasks } from './delivered-masks.ts';
import type { GateRequest } from './judgement.ts';
import type { UnderstoodText } from './ticket.ts';

/** A statement that would write a mask into a table, or looks for one there. */
export interface WriteBackFinding {
  readonly column: ColumnRef;
  readonly place: PlacedValue['place'];
  /** The masking rule. */
  readonly rule: string;
  readonly stance: 'audit' | 'deny';
}

interface WatchedValue {
  readonly placed: PlacedValue;
  readonly typeOid: number;
  readonly typeModifier: number;
}

/** Recognises the masks of this session among the values that statements bring. */
export interface WriteBackGuard {
  /** The first value that is denied, or else the first that is noted; null = none. Parameters are known at Execute only. */
  find(understood: UnderstoodText, evaluator: PlanEvaluator, request: GateRequest): WriteBackFinding | null;
  /** So for a value of COPY FROM STDIN, format 0 text or CSV, 1 binary. */
  isMask(column: WatchedColumn, evaluator: PlanEvaluator, bytes: Buffer, format: 0 | 1): boolean;
}

/** A column with its type. */
export interface WatchedColumn {
  readonly column: ColumnRef;
  readonly typeOid: number;
  readonly typeModifier: number;
}

/** Creates the guard of one channel. */
export function createWriteBackGuard(delivered: () => DeliveredMasks): WriteBackGuard {
  let kept = new WeakMap<readonly AnalysedStatement[], readonly WatchedValue[]>();
  let keptFor: PlanEvaluator | undefined;

  const watchedIn = (understood: UnderstoodText, evaluator: PlanEvaluator) => {
    if (evaluator !== keptFor) {
      kept = new WeakMap();
      keptFor = evaluator;
    }
    let watched = kept.get(understood.statements);
    if (watched === undefined) {
      watched = watchedValues(understood, evaluator);
      kept.set(understood.statements, watched);
    }
    return watched;
  };

  const looksMasked = ({ column, typeOid, typeModifier }: WatchedColumn, evaluator: PlanEvaluator, text: string) => {
    const spec = evaluator.maskOf(column);
    if (spec === null) return false;
    const likeness = maskLikeness({ spec, typeOid, typeModifier }, text);
    if (likeness === 'mask') return true;
    if (likeness === 'constant' && delivered().hasColumn(column)) return true;
    return delivered().hasValue(column, plainText(typeOid, text));
  };

  return {
    find(understood, evaluator, request) {
      if (!evaluator.hasMasks) return null;
      let noted: WriteBackFinding | null = null;
      for (const { placed, typeOid, typeModifier } of watchedIn(understood, evaluator)) {
        const { column, place } = placed;
        const text = textOf(placed, typeOid, understood, request);
        if (text === null || !looksMasked({ column, typeOid, typeModifier }, evaluator, text)) continue;
        const { stance, rule } = evaluator.writeBackOf(column);
        if (stance === 'deny') return { column, place, rule, stance };
        if (stance === 'audit') noted ??= { column, place, rule, stance };
      }
      return noted;
    },
    isMask(watched, evaluator, bytes, format) {
      const text = valueText(watched.typeOid, format, bytes);
      return text !== null && looksMasked(watched, evaluator, text);
    },
  };
}

/** The columns whose values are looked at, with their types. */
export function watchColumns(
  columns: readonly ColumnRef[],
  understood: UnderstoodText,
  evaluator: PlanEvaluator,
): readonly (WatchedColumn | null)[] {
  const { relations } = understood.view.index.catalog;
  return columns.map((column) => {
    if (evaluator.maskOf(column) === null || evaluator.writeBackOf(column).stance === 'allow') return null;
    const relation = relations.find(({ schema, name }) => schema === column.schema && name === column.table);
    const found = relation?.columns.find(({ name }) => name === column.column);
    return { column, typeOid: found?.typeOid ?? 25, typeModifier: found?.typeModifier ?? -1 };
  });
}

/** Values that meet protected columns. What is compared matters where rows are changed: there it finds none, or the wrong ones. */
function watchedValues(understood: UnderstoodText, evaluator: PlanEvaluator): readonly WatchedValue[] {
  const placed = understood.statements.flatMap(({ facts }) =>
    facts.placed.filter(({ place }) => place === 'store' || facts.dataChanges > 0),
  );
  const columns = watchColumns(
    placed.map(({ column }) => column),
    understood,
    evaluator,
  );
  return placed.flatMap((value, i) => {
    const column = columns[i];
    return column ? [{ placed: value, typeOid: column.typeOid, typeModifier: column.typeModifier }] : [];
  });
}

function textOf(
  { value }: PlacedValue,
  typeOid: number,
  { text }: UnderstoodText,
  request: GateRequest,
): string | null {
  if ('text' in value) return value.text;
  if ('digits' in value) return text.match(/[0-9]+/g)?.[value.digits] ?? null;
  const at = value.parameter - 1;
  const shown = request.phase === 'execute' ? (request.parameters[at] ?? null) : null;
  if (shown === null || request.parameterFormats?.[at] !== 1) return shown;
  const type = request.parameterTypes?.[at] ?? 0;
  return valueText(type === 0 ? typeOid : type, 1, Buffer.from(shown.slice(2), 'hex'));
}

/** The denial of a finding. */
export function writeBackVerdict({ column, place, rule }: WriteBackFinding): DenyVerdict {
  const name = `${column.schema === 'public' ? '' : `${column.schema}.`}${column.table}.${column.column}`;
  const isStored = place === 'store';
  const why = isStored
    ? `this would store a masked value in ${name}, and the real one would be lost`
    : `this compares ${name} with a masked value, which no row of the table holds`;
  const trace = [{ rule: builtInRules.writeBack, matched: true, why: `${why} (masked by the rule ${rule})` }];
  const hint = isStored
    ? 'Leave the column out: set only what you changed. To change it, write the whole new value.'
    : 'Name the rows by their key alone. In an editor of tables, compare rows by their primary key, not by all columns.';
  return {
    action: 'deny',
    rule: builtInRules.writeBack,
    reason: `${why.charAt(0).toUpperCase()}${why.slice(1)}.`,
    hint,
    trace,
  };
}

import { type CellMask, createDetectMask, createPostgresCellMask } from '@weir/masking';
import { type ColumnRef, type MaskSpec, type OutputColumn, type PlanEvaluator, transforms } from '@weir/policy';
import type { DeliveredMasks } from './delivered-masks.ts';
import type { TargetView } from './target-view.ts';

/** A result field as the server describes it. */
export interface ResultField {
  readonly name: string;
  readonly tableOid: number;
  readonly attributeNumber: number;
  readonly typeOid: number;
  readonly typeModifier: number;
  /** 0 text, 1 binary. */
  readonly format: number;
}

/** Masks of one result set. `surprises` = places where the server named an origin that the analysis did not predict. */
export interface ResultMasks {
  /** One per column, or null when every column is clear. */
  readonly masks: readonly (CellMask | null)[] | null;
  readonly surprises: readonly string[];
}

interface MaskContext {
  readonly evaluator: PlanEvaluator;
  readonly view: TargetView;
  readonly key: Buffer;
  /** Told of each protected column that is delivered as itself; gives the mask to use. Absent = nobody has to know. */
  readonly watch?: DeliveredMasks['watch'];
}

const opaqueSpec: MaskSpec = { transform: 'redact', contentType: null, rule: 'not-understood' };

/**
 * Joins lineage with the server's own description of the result: a column is masked when either says that it is protected, and when they disagree about
 * where it comes from, because then the analysis has read another catalog than the server.
 */
export function maskResult(
  outputs: readonly OutputColumn[] | null,
  fields: readonly ResultField[],
  context: MaskContext,
): ResultMasks {
  if (!context.evaluator.hasMasks) return { masks: null, surprises: [] };
  const surprises: string[] = [];
  if (outputs === null || outputs.length !== fields.length) {
    surprises.push(`the analysis predicted ${outputs?.length ?? 0} columns, the server sends ${fields.length}`);
    return { masks: fields.map((field) => cellMask(opaqueSpec, false, field, context.key)), surprises };
  }
  let anything = false;
  const masks = fields.map((field, i) => {
    const mask = maskField(outputs[i] as OutputColumn, field, context, surprises);
    if (mask) anything = true;
    return mask;
  });
  return { masks: anything ? masks : null, surprises };
}

function maskField(output: OutputColumn, field: ResultField, context: MaskContext, surprises: string[]) {
  const named = namedOrigin(field, context.view);
  const predicted =
    named === null || (named !== 'unknown' && output.origins.some((origin) => sameColumn(origin, named)));
  const origins = predicted || named === 'unknown' ? output.origins : [...output.origins, named];
  const isReleased = named === null && context.evaluator.isReleased(output);
  const spec = isReleased ? null : strictestOf(origins, output.opaque || !predicted, context.evaluator);
  if (!predicted) {
    const place = named === 'unknown' ? 'a relation or column' : `${named.schema}.${named.table}.${named.column}`;
    const whose =
      named === 'unknown' ? 'that the known catalog does not have' : "by the server's word, not by the analysis";
    surprises.push(`column "${field.name}" comes from ${place} ${whose}`);
  }
  if (spec !== null) {
    const isDirect = output.direct && predicted && origins.length === 1;
    const mask = cellMask(spec, isDirect, field, context.key);
    return output.direct && predicted ? watched(mask, origins, spec, field, context) : mask;
  }
  const types = [...new Set(origins.flatMap((origin) => context.evaluator.detectOf(origin)))];
  return types.length === 0
    ? null
    : createDetectMask({ types, format: field.format === 1 ? 1 : 0, typeOid: field.typeOid, key: context.key });
}

/** What is delivered in place of a column may come back as a value for it: of all its origins (a partition's column is that of its parent, too). */
function watched(
  mask: CellMask,
  origins: readonly ColumnRef[],
  spec: MaskSpec,
  { typeOid, format }: ResultField,
  { evaluator, watch }: MaskContext,
): CellMask {
  if (watch === undefined) return mask;
  let known = mask;
  for (const origin of origins)
    if (evaluator.writeBackOf(origin).stance !== 'allow')
      known = watch(origin, known, { spec, typeOid, format: format === 1 ? 1 : 0 });
  return known;
}

/** The strictest mask over all origins of a column; null = clear. */
export function strictestOf(origins: readonly ColumnRef[], opaque: boolean, evaluator: PlanEvaluator): MaskSpec | null {
  let strictest: MaskSpec | null = opaque ? opaqueSpec : null;
  for (const origin of origins) {
    const spec = evaluator.maskOf(origin);
    if (spec !== null && (strictest === null || rank(spec) < rank(strictest))) strictest = spec;
  }
  return strictest;
}

const rank = (spec: MaskSpec) => transforms.indexOf(spec.transform);

function cellMask(spec: MaskSpec, direct: boolean, field: ResultField, key: Buffer): CellMask {
  const { typeOid, typeModifier } = field;
  return createPostgresCellMask({ spec, direct, typeOid, typeModifier, format: field.format === 1 ? 1 : 0, key });
}

function sameColumn(a: ColumnRef, b: ColumnRef): boolean {
  return a.column === b.column && a.table === b.table && a.schema === b.schema;
}

/** The column that the server names; null = none, or one of those that every table has (their numbers are negative). */
function namedOrigin(field: ResultField, view: TargetView): ColumnRef | 'unknown' | null {
  if (field.tableOid === 0 || field.attributeNumber <= 0) return null;
  const relation = view.index.relationByOid(field.tableOid);
  const column = relation?.columns.find((candidate) => candidate.number === field.attributeNumber);
  return relation && column ? { schema: relation.schema, table: relation.name, column: column.name } : 'unknown';
}

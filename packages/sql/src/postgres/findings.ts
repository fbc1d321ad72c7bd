import type {
  ColumnRef,
  InfluenceWay,
  PlacedValue,
  SqlFacts,
  StatementKind,
  TableEffectKind,
  WhereState,
} from '@weir/policy';
import type { SessionChange } from '../analysis.ts';
import type { Literal } from './constants.ts';
import type { Provenance } from './provenance.ts';

type FilterFact = SqlFacts['filters'][number];
type CopyFact = SqlFacts['copies'][number];

/** What has been found out about one statement so far. Adding the same thing twice changes nothing, so parts may be walked again. */
export class Findings {
  readonly tables = new Map<string, { schema: string; table: string; effects: Set<TableEffectKind> }>();
  readonly functions = new Map<string, { schema: string; name: string }>();
  /** By the tree node that names the relation. */
  readonly filters = new Map<object, FilterFact[]>();
  readonly influence = new Map<ColumnRef, Set<InfluenceWay>>();
  readonly kinds = new Set<StatementKind>();
  /** Nodes that change rows. */
  readonly dataChanges = new Set<object>();
  readonly copies = new Map<string, CopyFact>();
  /** Literals that meet columns. */
  readonly placed: { column: ColumnRef; place: PlacedValue['place']; literal: Literal }[] = [];
  readonly opaque = new Set<string>();
  readonly settings: { name: string; value: string | null }[] = [];
  readonly changes: SessionChange[] = [];
  readonly unknownRelations = new Set<string>();
  /** As the server shows them, with the bare name when no relation was named. Not those of view definitions: the server understood them. */
  readonly unknownColumns = new Map<string, string | null>();
  readonly unknownFunctions = new Set<string>();
  /** The statement names functions or operators that search_path finds. */
  resolvesNames = false;

  addEffect(schema: string, table: string, effect: TableEffectKind): void {
    const key = `${schema}\0${table}`;
    const known = this.tables.get(key);
    if (known) known.effects.add(effect);
    else this.tables.set(key, { schema, table, effects: new Set([effect]) });
  }

  reads(schema: string, table: string): boolean {
    return this.tables.get(`${schema}\0${table}`)?.effects.has('read') ?? false;
  }

  addFunction(schema: string, name: string): void {
    this.functions.set(`${schema}\0${name}`, { schema, name });
  }

  addInfluence(value: Provenance, way: InfluenceWay): void {
    for (const origin of value.origins) this.addInfluenceOf(origin, [way]);
  }

  addInfluenceOf(origin: ColumnRef, ways: Iterable<InfluenceWay>): void {
    const known = this.influence.get(origin);
    if (known === undefined) this.influence.set(origin, new Set(ways));
    else for (const way of ways) known.add(way);
  }

  addFilter(
    node: object,
    kind: FilterFact['kind'],
    relations: readonly { schema: string; name: string }[],
    where: WhereState,
    limit: number | null,
  ): void {
    this.filters.set(
      node,
      relations.map(({ schema, name }) => ({ kind, schema, table: name, where, limit })),
    );
  }

  /** The column that a write goes to, and what it writes. */
  addStored(column: ColumnRef, { literals }: Provenance): void {
    for (const literal of literals ?? []) this.placed.push({ column, place: 'store', literal });
  }

  /** A predicate compares one value with another. */
  addCompared({ origins }: Provenance, { literals }: Provenance): void {
    if (literals === undefined || origins.size === 0) return;
    for (const column of origins)
      for (const literal of literals) this.placed.push({ column, place: 'compare', literal });
  }

  /** Values stored in `to` (null: a place that is no column). Copies of a column onto itself are left out. */
  addCopies(value: Provenance, to: ColumnRef | null): void {
    for (const from of value.origins) {
      if (to !== null && from.schema === to.schema && from.table === to.table && from.column === to.column) continue;
      this.copies.set(JSON.stringify([from.schema, from.table, from.column, to?.schema, to?.table, to?.column]), {
        from,
        to,
      });
    }
    if (value.opaque) this.opaque.add('values of unknown origin would be stored');
  }

  /** Adds the unknown names of a statement inside this one. */
  addUnknown(inner: Findings): void {
    for (const name of inner.unknownRelations) this.unknownRelations.add(name);
    for (const [shown, bare] of inner.unknownColumns) this.unknownColumns.set(shown, bare);
    for (const name of inner.unknownFunctions) this.unknownFunctions.add(name);
  }

  /** Adds what the body of a function does. Names that it does not find are its own affair: they make it opaque, and the statement is no slip of the pen. */
  absorbBody(body: Findings, title: string): void {
    body.unknownRelations.clear();
    const reasons = [...body.opaque];
    body.opaque.clear();
    this.absorb(body);
    for (const reason of reasons) this.opaque.add(reason.startsWith('in ') ? reason : `in ${title}: ${reason}`);
    for (const kind of body.kinds) this.kinds.add(kind);
    for (const [node, filters] of body.filters) this.filters.set(node, filters);
    for (const [key, copy] of body.copies) this.copies.set(key, copy);
    for (const node of body.dataChanges) this.dataChanges.add(node);
    this.placed.push(...body.placed);
    this.settings.push(...body.settings);
  }

  /** Adds what the definition of a view does. */
  absorb(other: Findings): void {
    for (const { schema, table, effects } of other.tables.values()) {
      for (const effect of effects) this.addEffect(schema, table, effect);
    }
    for (const { schema, name } of other.functions.values()) this.addFunction(schema, name);
    for (const [origin, ways] of other.influence) this.addInfluenceOf(origin, ways);
    for (const reason of other.opaque) this.opaque.add(reason);
    this.resolvesNames ||= other.resolvesNames;
    for (const name of other.unknownRelations) this.unknownRelations.add(name);
  }
}

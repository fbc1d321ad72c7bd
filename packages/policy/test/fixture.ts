import {
  type ColumnRef,
  type ConnectionFacts,
  compilePlan,
  type EvaluationContext,
  type InfluenceWay,
  loadPlan,
  type PlanEvaluator,
  type Principal,
  parsePolicies,
  type SqlFacts,
  type Statement,
  type StatementKind,
  type TableEffect,
  type TableEffectKind,
  type Verdict,
} from '@weir/policy';

/** Facts in the short form of the case tables. */
export interface FactsSketch {
  readonly kind?: StatementKind;
  readonly command?: string;
  readonly kinds?: readonly StatementKind[];
  /** `schema.table: [effects]`; without a schema, public. */
  readonly tables?: Readonly<Record<string, readonly TableEffectKind[]>>;
  /** As many as its kinds say unless it is named. */
  readonly dataChanges?: number;
  /** `schema.function`. */
  readonly functions?: readonly string[];
  /** `delete customers none [LIMIT]`. */
  readonly filters?: readonly string[];
  /** `customers.email [WAY…]`; filter unless it says otherwise. */
  readonly influence?: readonly string[];
  /** Origins of the outputs; `?` = opaque. */
  readonly outputs?: readonly string[];
  /** `from -> to` or `from -> ?`. */
  readonly copies?: readonly string[];
  readonly opaque?: readonly string[];
  /** `name=value`, or `name` for an unknown value. */
  readonly settings?: readonly string[];
}

/** `customers.email` or `schema.table.column`. */
export function columnOf(path: string): ColumnRef {
  const [column = '', table = '', schema = 'public'] = path.split('.').reverse();
  return { schema, table, column };
}

function tableOf(path: string): { schema: string; table: string } {
  const [table = '', schema = 'public'] = path.split('.').reverse();
  return { schema, table };
}

function filterOf(text: string): SqlFacts['filters'][number] {
  const [kind, table = '', where, limit] = text.split(' ');
  return {
    ...tableOf(table),
    kind: kind as 'select',
    where: where as 'none',
    limit: limit === undefined ? null : Number(limit),
  };
}

const changing: ReadonlySet<StatementKind> = new Set<StatementKind>([
  'insert',
  'update',
  'delete',
  'merge',
  'copy-from',
]);

/** Full facts from a sketch: a plain understood SELECT unless it says otherwise. */
export function factsOf(sketch: FactsSketch): SqlFacts {
  const kind = sketch.kind ?? 'select';
  const kinds = sketch.kinds ?? [kind];
  return {
    kind,
    command: sketch.command ?? kind.toUpperCase().replace('-', ' '),
    kinds,
    tables: Object.entries(sketch.tables ?? {}).map(([path, effects]): TableEffect => ({ ...tableOf(path), effects })),
    dataChanges: sketch.dataChanges ?? kinds.filter((found) => changing.has(found)).length,
    functions: (sketch.functions ?? []).map((path) => {
      const [name = '', schema = 'pg_catalog'] = path.split('.').reverse();
      return { schema, name };
    }),
    filters: (sketch.filters ?? []).map(filterOf),
    influence: (sketch.influence ?? []).map((text) => {
      const [path = '', ...ways] = text.split(' ');
      return { ...columnOf(path), ways: ways.length === 0 ? ['filter'] : (ways as InfluenceWay[]) };
    }),
    outputs: (sketch.outputs ?? []).map((path) => ({
      name: path,
      origins: path === '?' ? [] : [columnOf(path)],
      direct: path !== '?',
      opaque: path === '?',
      typeOid: null,
    })),
    copies: (sketch.copies ?? []).map((text) => {
      const [from = '', to = ''] = text.split(' -> ');
      return { from: columnOf(from), to: to === '?' ? null : columnOf(to) };
    }),
    placed: [],
    opaque: sketch.opaque ?? [],
    settings: (sketch.settings ?? []).map((text) => {
      const [name = '', value] = text.split('=');
      return { name, value: value ?? null };
    }),
  };
}

export function statementOf(sketch: FactsSketch): Statement {
  return {
    text: '',
    parameters: [],
    database: 'shop',
    role: 'app',
    searchPath: ['public', 'pg_catalog'],
    facts: factsOf(sketch),
  };
}

export const dev: Principal = { id: 'p1', name: 'alice', kind: 'person', groups: ['developers'] };
export const demo: ConnectionFacts = { name: 'demo-pg', protocol: 'postgres', labels: { env: 'demo' } };
export const daytime: EvaluationContext = {
  now: new Date('2026-03-04T10:00:00Z'),
  interactive: true,
  statementCount: 1,
};

/** An access rule for everyone on everything. */
export const openAccess = `
apiVersion: weir.dev/v1
kind: Access
metadata: { name: everyone }
spec:
  who: { principals: ['*'] }
  connections: { names: ['*'] }
`;

/** One document as YAML text; `spec` is flow or block YAML that begins on its own line. */
export function documentOf(kind: string, name: string, spec: string): string {
  const indented = spec
    .trim()
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n');
  return `---\napiVersion: weir.dev/v1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec:\n${indented}\n`;
}

export function evaluatorOf(
  policy: string,
  principal: Principal = dev,
  connection: ConnectionFacts = demo,
): PlanEvaluator {
  const plan = compilePlan(parsePolicies(policy, 'test.yaml'), principal, connection, { policyVersion: 'v1' });
  return loadPlan(JSON.parse(JSON.stringify(plan)));
}

/** Verdict of a policy on a sketched statement. */
export function judge(policy: string, sketch: FactsSketch, context: EvaluationContext = daytime): Verdict {
  return evaluatorOf(policy).evaluate(statementOf(sketch), context);
}

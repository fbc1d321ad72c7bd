/** Relations of cases/schema.sql with their columns. */
const relations: Readonly<Record<string, readonly string[]>> = {
  users: ['id', 'email', 'name', 'ssn'],
  orders: ['id', 'user_id', 'note'],
  v_users: ['id', 'contact'],
  v_union: ['id', 'label'],
  v_cte: ['id', 'e', 'n'],
  v_safe: ['id', 'name'],
  events: ['id', 'day', 'email'],
  child_rows: ['id', 'email', 'extra'],
  gen: ['id', 'secret', 'shout'],
  mv: ['id', 'mail'],
  vv: ['c'],
};

interface Item {
  readonly sql: string;
  readonly sources: readonly { readonly alias: string; readonly columns: readonly string[] }[];
}

/** Random SELECTs over the schema: sub-selects, joins, LATERAL, WITH, set operations, rows and JSON. The same seed gives the same queries. */
export function createQueryGenerator(seed: number): () => string {
  let state = seed;
  let names = 0;
  const random = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return (state >> 8) / 0x80_0000;
  };
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const fresh = () => `x${names++}`;

  const relation = (ctes: Item['sources']): Item => {
    const known = [...Object.entries(relations), ...ctes.map(({ alias, columns }) => [alias, columns] as const)];
    const [name, columns] = pick(known);
    const alias = fresh();
    if (random() < 0.75) return { sql: `${name} ${alias}`, sources: [{ alias, columns }] };
    const renamed = columns.map((_, at) => `${pick(['email', 'id', 'name', 'c'])}${at}`);
    return { sql: `${name} AS ${alias}(${renamed.join(', ')})`, sources: [{ alias, columns: renamed }] };
  };

  const from = (depth: number, ctes: Item['sources']): Item => {
    const kind = random();
    if (kind < 0.45 || depth === 0) return relation(ctes);
    if (kind < 0.65) {
      const alias = fresh();
      const query = select(depth - 1, ctes);
      return { sql: `(${query.sql}) ${alias}`, sources: [{ alias, columns: query.columns }] };
    }
    const left = from(depth - 1, ctes);
    if (kind < 0.8) {
      const right = from(depth - 1, ctes);
      return {
        sql: `(${left.sql} ${pick(['JOIN', 'LEFT JOIN', 'FULL JOIN'])} ${right.sql} ON true)`,
        sources: [...left.sources, ...right.sources],
      };
    }
    const alias = fresh();
    const value = expression(left.sources, 1);
    const [item, columns] = pick<readonly [string, readonly string[]]>([
      [`(SELECT ${value} AS le)`, ['le']],
      [`(VALUES (${value}, 1))`, ['column1', 'column2']],
      [`unnest(ARRAY[${value}])`, [alias]],
      [`jsonb_each_text(to_jsonb(${pick(left.sources).alias}))`, ['key', 'value']],
    ]);
    return { sql: `${left.sql} CROSS JOIN LATERAL ${item} ${alias}`, sources: [...left.sources, { alias, columns }] };
  };

  const expression = (sources: Item['sources'], depth: number): string => {
    const source = pick(sources);
    const column = `${source.alias}.${pick(source.columns)}::text`;
    if (depth === 0 || random() < 0.3) return column;
    const inner = () => expression(sources, depth - 1);
    return pick<() => string>([
      () => `(${inner()} || ${inner()})`,
      () => `coalesce(${inner()}, ${inner()})`,
      () => `CASE WHEN ${inner()} IS NULL THEN ${inner()} ELSE ${inner()} END`,
      () => `${source.alias}::text`,
      () => `row(${source.alias}.*)::text`,
      () => `to_jsonb(${source.alias})::text`,
      () => `(ARRAY[${inner()}, ${inner()}])[1]`,
      () => `(row(${inner()}, ${inner()})).f2`,
      () => `(SELECT ${inner()} LIMIT 1)`,
      () => `ARRAY(SELECT ${inner()})::text`,
      () => `md5('a')`,
      () => `EXISTS (SELECT ${inner()})::text`,
      () => `nullif(${inner()}, '')`,
      () => `lower(${inner()})`,
    ])();
  };

  const select = (depth: number, ctes: Item['sources']): { sql: string; columns: string[] } => {
    let prefix = '';
    let known = ctes;
    if (depth > 0 && random() < 0.25) {
      const query = select(depth - 1, ctes);
      const alias = fresh();
      prefix = `WITH ${alias} AS ${pick(['', 'MATERIALIZED '])}(${query.sql}) `;
      known = [...ctes, { alias, columns: query.columns }];
    } else if (depth > 0 && random() < 0.15) {
      const alias = fresh();
      const start = from(0, ctes);
      const first = `SELECT 1, ''::text, ${expression(start.sources, 1)} FROM ${start.sql}`;
      prefix = `WITH RECURSIVE ${alias}(n, a, b) AS (${first} UNION ALL SELECT n + 1, b, a FROM ${alias} WHERE n < 3) `;
      known = [...ctes, { alias, columns: ['n', 'a', 'b'] }];
    }
    const item = from(depth, known);
    const columns = Array.from(
      { length: 1 + Math.floor(random() * 3) },
      () => `${pick(['email', 'name', 'v'])}_${fresh()}`,
    );
    const targets = columns.map((name) => `${expression(item.sources, 2)} AS ${name}`);
    const plain = `${prefix}SELECT ${targets.join(', ')} FROM ${item.sql}`;
    if (depth === 0 || random() > 0.15) return { sql: `${plain} LIMIT 20`, columns };
    const other = from(0, known);
    const right = columns.map(() => expression(other.sources, 1));
    return {
      sql: `${plain} ${pick(['UNION', 'UNION ALL', 'EXCEPT'])} SELECT ${right.join(', ')} FROM ${other.sql}`,
      columns,
    };
  };

  return () => {
    names = 0;
    return select(3, []).sql;
  };
}

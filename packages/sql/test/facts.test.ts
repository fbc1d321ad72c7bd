import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type AnalysedStatement, createPostgresAnalyser } from '../src/index.ts';
import { fixtureCatalog, requestOf } from './fixture-catalog.ts';

interface FactCase {
  readonly name: string;
  readonly sql: string;
  /** State of the only UPDATE or DELETE filter on table t. */
  readonly filter?: string;
  /** State and limit of the SELECT filter on table t. */
  readonly select?: string;
  readonly limit?: number | null;
  readonly kinds?: readonly string[];
  readonly command?: string;
  /** Effects that must be there, by table. */
  readonly effects?: Readonly<Record<string, readonly string[]>>;
  readonly changes?: readonly string[];
  readonly opaque?: boolean;
  /** Pairs of `table.column`. */
  readonly copies?: readonly (readonly [string, string | null])[];
}

const cases = readFileSync(new URL('./cases/facts.jsonl', import.meta.url), 'utf8')
  .split('\n')
  .filter(Boolean)
  .map((line) => JSON.parse(line) as FactCase);

const analyser = await createPostgresAnalyser();
analyser.loadCatalog(fixtureCatalog);

function analyse(sql: string): readonly AnalysedStatement[] {
  const result = analyser.analyse(requestOf(sql));
  if (!result.ok) throw new Error(`${result.problem}: ${result.message}`);
  return result.statements;
}

function only(sql: string): AnalysedStatement {
  const [statement, ...rest] = analyse(sql);
  if (statement === undefined || rest.length > 0) throw new Error('one statement expected');
  return statement;
}

const tableOf = (column: { table: string; column: string }) => `${column.table}.${column.column}`;

describe('row filters', () => {
  test.each(cases.filter(({ filter }) => filter !== undefined))('$filter: $name', ({ sql, filter }) => {
    const filters = only(sql).facts.filters.filter(({ kind, table }) => kind !== 'select' && table === 't');
    expect(filters.map(({ where }) => where)).toEqual([filter]);
  });
  test.each(cases.filter(({ select }) => select !== undefined))('$select: $name', ({ sql, select, limit }) => {
    const filters = only(sql).facts.filters.filter(({ kind, table }) => kind === 'select' && table === 't');
    expect(filters.map(({ where }) => where)).toEqual([select]);
    expect(filters[0]?.limit).toBe(limit ?? null);
  });
});

describe('kinds, commands, effects and changes', () => {
  test.each(cases.filter(({ kinds }) => kinds !== undefined))('$name: $sql', (entry) => {
    const { facts, changes } = only(entry.sql);
    expect([...facts.kinds].sort()).toEqual([...(entry.kinds ?? [])].sort());
    expect(facts.kind).toBe(entry.kinds?.[0]);
    expect(facts.command).toBe(entry.command);
    expect(facts.opaque).toEqual([]);
    for (const [table, effects] of Object.entries(entry.effects ?? {})) {
      const found = facts.tables.find((effect) => effect.schema === 'public' && effect.table === table);
      const temporary = facts.tables.find((effect) => effect.table === table);
      expect((found ?? temporary)?.effects, table).toEqual(expect.arrayContaining([...effects]));
    }
    if (entry.changes !== undefined) expect(changes.map(({ change }) => change)).toEqual(entry.changes);
  });
});

describe('statements that cannot be followed', () => {
  test.each(cases.filter(({ opaque }) => opaque === true))('$name: $sql', ({ sql }) => {
    expect(analyse(sql).flatMap(({ facts }) => facts.opaque)).not.toEqual([]);
  });
  test.each(cases.filter(({ opaque }) => opaque === false))('not: $name: $sql', ({ sql }) => {
    expect(analyse(sql).flatMap(({ facts }) => facts.opaque)).toEqual([]);
  });
});

describe('copies', () => {
  test.each(cases.filter(({ copies }) => copies !== undefined))('$name: $sql', ({ sql, copies }) => {
    const found = only(sql).facts.copies.map(({ from, to }) => [tableOf(from), to === null ? null : tableOf(to)]);
    expect(found.sort()).toEqual([...(copies ?? [])].sort());
  });
});

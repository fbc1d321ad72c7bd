import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type AnalysedStatement, type AnalysisResult, createPostgresAnalyser } from '../src/index.ts';
import { fixtureCatalog, requestOf } from './fixture-catalog.ts';

interface Case {
  readonly id: string;
  readonly dialect?: string;
  readonly sql: string;
  readonly expect: string;
  readonly rule?: string;
  readonly table?: string;
  readonly effect?: string;
}

function load(name: string): Case[] {
  const text = readFileSync(new URL(`./corpus/${name}`, import.meta.url), 'utf8');
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Case);
}

const analyser = await createPostgresAnalyser();
analyser.loadCatalog(fixtureCatalog);

function analyse(entry: Case): AnalysisResult {
  const standardConformingStrings = entry.dialect?.includes('standard_conforming_strings=off') !== true;
  return analyser.analyse(requestOf(entry.sql, { standardConformingStrings }));
}

const writes = ['insert', 'update', 'delete', 'merge', 'truncate', 'copy-from'];
const writeEffects = ['insert', 'update', 'delete', 'truncate'];

/** The operator's rules of the corpus, as a policy would write them on the facts. */
const rules: Readonly<Record<string, (statement: AnalysedStatement) => boolean>> = {
  'no-writes': ({ facts }) => facts.kinds.some((kind) => writes.includes(kind)),
  'no-writes-to-customers': ({ facts }) =>
    facts.tables.some(({ table, effects }) => table === 'customers' && effects.some((e) => writeEffects.includes(e))),
  'has-where': ({ facts }) => facts.filters.some(({ kind, where }) => kind !== 'select' && where === 'none'),
  'no-effective-where': ({ facts }) =>
    facts.filters.some(({ kind, where }) => kind !== 'select' && where !== 'effective'),
  ddl: ({ facts }) => facts.kinds.includes('ddl') || facts.kinds.includes('truncate'),
  'no-bulk-read': ({ facts }) => facts.kinds.includes('copy-to'),
  'dangerous-function': ({ facts }) => facts.opaque.length > 0,
};

function isProtected({ facts }: AnalysedStatement): boolean {
  const hit = (column: { table: string; column: string }) =>
    (column.table === 'customers' || column.table === 'users') &&
    (column.column === 'email' || column.column === 'ssn');
  return (facts.outputs ?? []).some((output) => output.origins.some(hit));
}

function emailLeaves({ facts }: AnalysedStatement): boolean {
  return (facts.outputs ?? []).some(({ origins }) =>
    origins.some(({ schema, table, column }) => schema === 'public' && table === 'users' && column === 'email'),
  );
}

describe('guardrail corpus', () => {
  test.each(load('postgres-guardrails.jsonl'))('$id $expect $rule: $sql', (entry) => {
    const result = analyse(entry);
    if (entry.expect === 'opaque') {
      expect(!result.ok || result.statements.some(({ facts }) => facts.opaque.length > 0)).toBe(true);
      return;
    }
    if (!result.ok) {
      expect(entry.expect).toBe('deny');
      return;
    }
    const rule = rules[entry.rule ?? ''];
    if (entry.expect === 'deny')
      expect(result.statements.some((s) => s.facts.opaque.length > 0 || rule?.(s))).toBe(true);
    if (entry.expect === 'allow') {
      expect(result.statements.some((s) => rule?.(s))).toBe(false);
      expect(
        result.statements.flatMap(({ facts }) => facts.opaque).filter((reason) => !reason.includes('catalog')),
      ).toEqual([]);
    }
    if (entry.expect === 'mask') expect(result.statements.some(isProtected)).toBe(true);
    if (entry.expect === 'match') {
      const wanted = entry.effect === 'write' ? writeEffects : ['read'];
      const tables = result.statements.flatMap(({ facts }) => facts.tables);
      expect(
        tables.some(({ table, effects }) => table === entry.table && effects.some((e) => wanted.includes(e))),
      ).toBe(true);
    }
  });
});

describe('lineage corpus', () => {
  test.each(load('postgres-lineage.jsonl'))('$id $expect: $sql', (entry) => {
    const result = analyse(entry);
    expect(result.ok).toBe(true);
    if (!result.ok) return;
    const { statements } = result;
    const carries = statements.some(emailLeaves);
    if (entry.expect === 'masked') expect(carries).toBe(true);
    if (entry.expect === 'clear') {
      expect(carries).toBe(false);
      expect(statements.flatMap(({ facts }) => facts.opaque)).toEqual([]);
      expect(statements.flatMap(({ facts }) => facts.outputs ?? []).some(({ opaque }) => opaque)).toBe(false);
    }
    if (entry.expect === 'opaque') {
      const tracked = statements.some(
        ({ facts, changes }) => facts.opaque.length > 0 || facts.copies.length > 0 || changes.length > 0,
      );
      expect(tracked).toBe(true);
    }
  });
});

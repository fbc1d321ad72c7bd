import { createGlobs, createPathGlobs } from '../glob.ts';
import type { Match } from '../schema/guardrail.ts';
import { type ColumnRef, influenceWays, type SqlFacts, type TableEffect } from '../statement.ts';
import { columnName, commandName, tableName } from './wording.ts';

/** What conditions may ask about the statement's surroundings. */
export interface MatchInput {
  readonly facts: SqlFacts;
  /** The role that the server runs it with. */
  readonly role: string;
  readonly isProtected: (column: ColumnRef) => boolean;
  /** Statements in the same simple Query; undefined = not known, which counts as several. */
  readonly statementCount: number | undefined;
}

/** Why a condition holds, as the beginning of a sentence; null = it does not hold. */
export type Test = (input: MatchInput) => string | null;

type Filter = SqlFacts['filters'][number];
const any = () => true;
const folded = { ignoreCase: true };

/** Compiles the conditions of a guardrail: the result holds when all of them hold, and says the most telling reason. */
export function createMatch(match: Match): Test {
  const tests = [
    kindTest(match),
    match.commands && commandTest(match.commands),
    tableTest(match),
    match.functions && functionTest(match.functions),
    match.settings && settingTest(match.settings),
    match.roles && roleTest(match.roles),
    match.outputs && outputTest(match.outputs),
    match.influence && influenceTest(match.influence),
    match.copies && copyTest(match.copies),
    match.multiStatement && multiStatementTest,
    match.limit && limitTest(match, match.limit),
    match.where && whereTest(match, match.where),
  ].filter((test) => test !== undefined);
  return (input) => {
    let why = `${commandName(input.facts)} matches a rule for every statement`;
    for (const test of tests) {
      const reason = test(input);
      if (reason === null) return null;
      why = reason;
    }
    return why;
  };
}

/** With a row filter or a limit in the rule, `kinds` names the parts of the statement whose filter is looked at. */
function kindTest({ kinds, where, limit }: Match): Test | undefined {
  if (kinds === undefined || where !== undefined || limit !== undefined) return undefined;
  return ({ facts }) => {
    const kind = kinds.find((wanted) => wanted === facts.kind || facts.kinds.includes(wanted));
    if (kind === undefined) return null;
    return `${commandName(facts)} is a statement of kind ${kind}`;
  };
}

function commandTest(patterns: readonly string[]): Test {
  const matches = createGlobs(patterns, folded);
  return ({ facts }) => (matches(facts.command) ? `${commandName(facts)} is not for this connection` : null);
}

function tableTest({ tables, effects }: Match): Test | undefined {
  if (tables === undefined && effects === undefined) return undefined;
  const isNamed = tables === undefined ? any : createPathGlobs(tables);
  return ({ facts }) => {
    for (const table of facts.tables) {
      const effect = effects === undefined ? table.effects[0] : table.effects.find((found) => effects.includes(found));
      if (effect !== undefined && isNamed(table.schema, table.table)) {
        return `${commandName(facts)} has the effect ${effect} on ${tableName(table)}`;
      }
    }
    return null;
  };
}

function functionTest(patterns: readonly string[]): Test {
  const matches = createPathGlobs(patterns);
  return ({ facts }) => {
    const found = facts.functions.find(({ schema, name }) => matches(schema, name));
    return found === undefined ? null : `${commandName(facts)} calls the function ${found.name}`;
  };
}

function roleTest(patterns: readonly string[]): Test {
  const matches = createGlobs(patterns, { ignoreCase: false });
  return ({ facts, role }) => (matches(role) ? `${commandName(facts)} would run with the role ${role}` : null);
}

function settingTest(patterns: readonly string[]): Test {
  const matches = createGlobs(patterns, folded);
  return ({ facts }) => {
    const found = facts.settings.find(({ name }) => matches(name));
    return found === undefined ? null : `${commandName(facts)} changes the setting ${found.name}`;
  };
}

type ColumnSelector = 'protected' | readonly string[];

function columnTest(selector: ColumnSelector): (column: ColumnRef, input: MatchInput) => boolean {
  if (selector === 'protected') return (column, input) => input.isProtected(column);
  const matches = createPathGlobs(selector);
  return ({ schema, table, column }) => matches(schema, table, column);
}

function outputTest(selector: ColumnSelector): Test {
  const matches = columnTest(selector);
  return (input) => {
    for (const output of input.facts.outputs ?? []) {
      if (output.opaque) return `the output "${output.name}" cannot be followed to its columns`;
      const origin = output.origins.find((column) => matches(column, input));
      if (origin !== undefined) return `${commandName(input.facts)} reads ${columnName(origin)}`;
    }
    return null;
  };
}

function influenceTest(influence: NonNullable<Match['influence']>): Test {
  const isPlain = typeof influence === 'string' || 'length' in influence;
  const matches = columnTest(isPlain ? influence : influence.columns);
  const ways = isPlain ? influenceWays : influence.by;
  return (input) => {
    const found = input.facts.influence.find(
      (column) => column.ways.some((way) => ways.includes(way)) && matches(column, input),
    );
    return found === undefined ? null : `${commandName(input.facts)} filters, joins or orders by ${columnName(found)}`;
  };
}

function copyTest(selector: ColumnSelector): Test {
  const matches = columnTest(selector);
  return (input) => {
    const found = input.facts.copies.find(({ from }) => matches(from, input));
    return found === undefined ? null : `${commandName(input.facts)} copies ${columnName(found.from)}`;
  };
}

const multiStatementTest: Test = ({ statementCount }) => {
  if (statementCount === 1) return null;
  return statementCount === undefined
    ? 'it is not known how many statements were sent together'
    : `${statementCount} statements were sent together`;
};

function limitTest(match: Match, limit: NonNullable<Match['limit']>): Test {
  const isLooked = filterSelector(match);
  return ({ facts }) => {
    for (const filter of facts.filters) {
      if (filter.kind !== 'select' || !isLooked(filter)) continue;
      const subject = `SELECT on ${tableName(filter)}`;
      if (filter.limit === null) return `${subject} has no LIMIT`;
      if (limit !== 'missing' && filter.limit > limit.over) return `${subject} has a LIMIT above ${limit.over}`;
    }
    return null;
  };
}

function whereTest(match: Match, where: NonNullable<Match['where']>): Test {
  const isLooked = filterSelector(match);
  const findUnknown = unknownFilterTest(match);
  return (input) => {
    for (const filter of input.facts.filters) {
      if (!isLooked(filter)) continue;
      const subject = `${filter.kind.toUpperCase()} on ${tableName(filter)}`;
      if (filter.where === 'none') return `${subject} has no WHERE clause`;
      if (filter.where === 'always-true' && where === 'ineffective') {
        return `${subject} has a WHERE clause that is true for every row`;
      }
    }
    return findUnknown(input);
  };
}

/** A write whose filter the analysis did not report (MERGE, for one) is not known to be filtered, so the rule holds. */
function unknownFilterTest(match: Match): Test {
  const isNamed = match.tables === undefined ? any : createPathGlobs(match.tables);
  const kinds = (['update', 'delete'] as const).filter((kind) => match.kinds?.includes(kind) ?? true);
  return ({ facts }) => {
    const hasMerge = facts.kinds.includes('merge');
    for (const kind of kinds) {
      if (!hasMerge && !facts.kinds.includes(kind)) continue;
      const filters = facts.filters.filter((filter) => filter.kind === kind);
      // An updatable view reports one filter for the view and effects for its base tables, too: one filter speaks for all.
      if (filters.length > 0 && !hasMerge) continue;
      const target = facts.tables.find(
        (table) =>
          table.effects.includes(kind) &&
          isNamed(table.schema, table.table) &&
          !filters.some((filter) => isSameTable(filter, table)),
      );
      if (target !== undefined) return `it is not known which rows of ${tableName(target)} meet the ${kind}`;
    }
    return null;
  };
}

function isSameTable(left: Filter, right: TableEffect): boolean {
  return left.schema === right.schema && left.table === right.table;
}

function filterSelector(match: Match): (filter: Filter) => boolean {
  const kinds: ReadonlySet<string> | undefined = match.kinds && new Set(match.kinds);
  const isNamed = match.tables === undefined ? any : createPathGlobs(match.tables);
  return (filter) => (kinds === undefined || kinds.has(filter.kind)) && isNamed(filter.schema, filter.table);
}

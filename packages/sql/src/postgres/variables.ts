import { clearValue, mixed, type Provenance } from './provenance.ts';

/** What names and $n stand for inside the body of a function; outside of one there are none. */
export interface Variables {
  /** Value of $n, from 1. */
  numbered(number: number): Provenance;
  /** Value of a name that may be a variable, a parameter or a record; null = none of them. */
  named(parts: readonly string[]): Provenance | null;
  /** A name that is a column, too, may mean the variable (PL/pgSQL's variable_conflict). */
  readonly shadowColumns: boolean;
}

/** Parameters of a function in SQL: columns come first, so a parameter is what no column is. */
export function sqlVariables(names: readonly string[], values: readonly Provenance[]): Variables {
  return {
    numbered: (number) => values[number - 1] ?? clearValue,
    named(parts) {
      const found = values.filter((_value, at) => names[at] !== '' && parts.includes(names[at] ?? ''));
      return found.length === 0 ? null : mixed(found);
    },
    shadowColumns: false,
  };
}

/** Variables of a PL/pgSQL block: all of them may hold everything that went into any of them. */
export function blockVariables(names: ReadonlySet<string>, taint: Provenance): Variables {
  return {
    numbered: () => taint,
    named: (parts) => (parts.some((part) => names.has(part.toLowerCase())) ? taint : null),
    shadowColumns: true,
  };
}

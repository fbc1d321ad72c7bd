import { type JoinExpr, stringList } from './ast.ts';
import type { Context } from './context.ts';
import { mixed, type NamedProvenance, opaqueValue, type Provenance } from './provenance.ts';
import { columnOf, type Source } from './scope.ts';

/** Columns that a join shows to bare names and to `*`. */
export interface JoinedColumns {
  readonly merged: readonly NamedProvenance[];
  readonly all: readonly NamedProvenance[];
}

/** Columns of a join: merged ones of USING or NATURAL first, then the others of both sides. */
export function joinColumns(context: Context, node: JoinExpr, left: Source, right: Source): JoinedColumns {
  const names = node.isNatural === true ? commonNames(left, right) : stringList(node.usingClause);
  if (node.isNatural === true && !(left.counted && right.counted)) {
    context.findings.opaque.add('the columns of a NATURAL JOIN are not known');
  }
  if (names.length > 0 && context.index.userOperator(null, '=', context.searchPath)) {
    context.findings.opaque.add("operator = is not the server's own");
  }
  const merged = names.map((name): NamedProvenance => {
    const a = columnOf(left, name) ?? left.rest ?? opaqueValue;
    const b = columnOf(right, name) ?? right.rest ?? opaqueValue;
    context.findings.addInfluence(a, 'join');
    context.findings.addInfluence(b, 'join');
    return { name, value: mergedValue(node, a, b) };
  });
  const used = new Set(names);
  const others = [...left.columns, ...right.columns].filter(({ name }) => !used.has(name));
  return { merged, all: [...merged, ...others] };
}

function commonNames(left: Source, right: Source): string[] {
  const there = new Set(right.columns.map(({ name }) => name));
  return left.columns.map(({ name }) => name).filter((name) => there.has(name));
}

/** The server shows the left value (the right one for RIGHT JOIN, either for FULL JOIN); both are equal where both exist. */
function mergedValue(node: JoinExpr, a: Provenance, b: Provenance): Provenance {
  const both = mixed([a, b]);
  if (node.jointype === 'JOIN_FULL') return both;
  const shown = node.jointype === 'JOIN_RIGHT' ? b : a;
  return {
    ...both,
    direct: shown.direct && a.typeOid === b.typeOid,
    typeOid: a.typeOid === b.typeOid ? shown.typeOid : null,
  };
}

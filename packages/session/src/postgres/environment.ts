import type { CatalogIndex, TargetView } from '@weir/gate';

/** Asks a server what statements of this connection mean: effective schemas and role. */
export const environmentQuery = 'SELECT pg_catalog.array_to_json(pg_catalog.current_schemas(true)), current_user';

/** Reads the answer of environmentQuery. @throws Error when it has another shape. */
export function parseEnvironment(rows: readonly (readonly (string | null)[])[]): {
  searchPath: readonly string[];
  role: string;
} {
  const [schemas, role] = rows[0] ?? [];
  const searchPath: unknown = JSON.parse(schemas ?? 'null');
  if (!Array.isArray(searchPath) || typeof role !== 'string') throw new Error('the target gave no search path');
  return { searchPath: searchPath.map(String), role };
}

/** A view that is `previous` itself when nothing differs, so that identity stays equality. */
export function viewOf(
  index: CatalogIndex,
  environment: { searchPath: readonly string[]; role: string },
  previous: TargetView | null,
): TargetView {
  const isSame =
    previous !== null &&
    previous.index.catalog.version === index.catalog.version &&
    previous.role === environment.role &&
    previous.searchPath.length === environment.searchPath.length &&
    previous.searchPath.every((schema, i) => schema === environment.searchPath[i]);
  return isSame ? previous : { index, searchPath: environment.searchPath, role: environment.role };
}

import type { SqlSubject } from '@weir/gate';

const plannedCommands: readonly string[] = ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'MERGE'];
const plannedKinds: readonly string[] = ['select', 'insert', 'update', 'delete', 'merge'];
const serverSchemas: readonly string[] = ['pg_catalog', 'information_schema'];

/**
 * Why the planner must not be asked about this, in a few words; null when it may. The planner evaluates functions whose arguments it knows: only the
 * server's own may be called.
 */
export function notPlannable({ understood }: SqlSubject): string | null {
  const { statements, view } = understood;
  const [statement] = statements;
  if (statement === undefined || statements.length > 1) return 'several statements were sent in one text';
  const { command, kinds, functions, opaque, tables } = statement.facts;
  if (!plannedCommands.includes(command) || !kinds.every((kind) => plannedKinds.includes(kind)))
    return `${command} is not planned`;
  if (opaque.length > 0) return 'the statement is not understood in full';
  // An extension may put functions among the server's own.
  const isOwn = ({ schema, name }: { schema: string; name: string }) =>
    serverSchemas.includes(schema) &&
    !view.index.catalog.functions.some((known) => known.schema === schema && known.name === name);
  const foreign = functions.find((called) => !isOwn(called));
  if (foreign !== undefined) return `it calls ${foreign.schema}.${foreign.name}(), which the planner might run`;
  if (tables.some(({ schema }) => schema.startsWith('pg_temp'))) return 'it uses a temporary table';
  return null;
}

/** Parameters beyond this size are recorded in part. */
const maxParameterBytes = 65_536;

/** The values that a client bound, out of what is recorded of them; null when one is not there in full. */
export function boundValues(
  parameters: readonly (string | null)[],
  formats: readonly number[],
): (Buffer | null)[] | null {
  const values = parameters.map((shown, i) => {
    if (shown === null) return null;
    return formats[i] === 1 ? Buffer.from(shown.slice(2), 'hex') : Buffer.from(shown, 'utf8');
  });
  const isWhole = (shown: string | null, i: number) =>
    shown === null || (formats[i] === 1 ? /^\\x[0-9a-f]*$/.test(shown) : Buffer.byteLength(shown) <= maxParameterBytes);
  return parameters.every(isWhole) ? values : null;
}

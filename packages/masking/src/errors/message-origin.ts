import type { ErrorFields } from './redact-error-fields.ts';

/** Source files of the server and its modules whose messages carry text that users, remote servers or scripts have worded. */
const foreignFiles =
  /^(plpy_.*|plperl|pltcl|dblink|postgres_fdw|connection|option|file_fdw|sepgsql.*|xml|xpath|xslt_proc)\.c$/;
const raiseRoutines = new Set(['exec_stmt_raise', 'exec_stmt_assert', 'ts_accum', 'pg_logical_emit_message']);

/** SQLSTATE classes of the SQL standard and PostgreSQL (Appendix A). */
const knownClasses = new Set(
  '00 01 02 03 08 09 0A 0B 0F 0L 0P 0Z 20 21 22 23 24 25 26 27 28 2B 2D 2F 34 38 39 3B 3D 3F 40 42 44 53 54 55 57 58 72 F0 HV P0 XX'.split(
    ' ',
  ),
);

/**
 * @returns true when the server worded the message itself. `RAISE`, other languages, remote servers, poolers (no F and R fields) and whatever
 * has no C file behind it are not trusted: there any text, SQLSTATE and object name may hold a value.
 */
export function isWordedByServer(fields: ErrorFields): boolean {
  const { F: file, R: routine, C: code } = fields;
  if (file === undefined || routine === undefined || !/\.[cly]$/.test(file)) return false;
  if (foreignFiles.test(file) || raiseRoutines.has(routine)) return false;
  return code !== undefined && !code.startsWith('P0001') && knownClasses.has(code.slice(0, 2));
}

/** @returns true when the SQLSTATE cannot be a value in disguise: a class of Appendix A whose last three characters are ordinary there. */
export function isOrdinarySqlstate(code: string): boolean {
  return (
    /^[0-9A-Z]{2}(?:0[0-9A-Z]{2}|P\d\d|[1-7]0[0-9A-Z]|2[0-9A-Z]{2})$/.test(code) && knownClasses.has(code.slice(0, 2))
  );
}

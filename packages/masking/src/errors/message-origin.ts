import type { ErrorFields } from './redact-error-fields.ts';

/** Source files of the server and its modules whose messages carry text that users, remote servers or scripts have worded. */
const foreignFiles = /^(plpy_.*|plperl|pltcl|dblink|postgres_fdw|connection|option|file_fdw|sepgsql.*|xslt_proc)\.c$/;
const raiseRoutines = new Set(['exec_stmt_raise', 'exec_stmt_assert']);

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

/** @returns true when DETAIL is what libxml2 says, with lines of the document in it. */
export function hasDocumentInDetail(fields: ErrorFields): boolean {
  return /^(xml|xpath)\.c$/.test(fields['F'] ?? '');
}

/** The states that triggers and functions usually raise. */
const usualStates = new Set(
  'P0001 P0002 P0003 P0004 00000 01000 02000 22004 22023 22P02 23502 23503 23505 23514 40001 42501 55000 55P03 57014'.split(
    ' ',
  ),
);

/** @returns true for the usual states. `RAISE` takes any five characters, so others may be a piece of a value. */
export function isUsualState(sqlstate: string): boolean {
  return usualStates.has(sqlstate);
}

/** Statements that are sent one after the other in a transaction that is rolled back. */
export interface Script {
  readonly statements: readonly string[];
  /** First major version that knows the syntax. */
  readonly since?: number;
}

/** A script of each statement alone. */
export const shapesOf = (since: number, ...statements: readonly string[]): Script[] =>
  statements.map((statement) => ({ statements: [statement], since }));

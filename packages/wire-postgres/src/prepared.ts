import type { FieldDescription, Parameter } from './engine-host.ts';

/** A statement that the client prepared by Parse, as the server will know it when Parse succeeds. */
export interface PreparedStatement {
  /** The client's name as latin1 (a bijection of its bytes); '' = unnamed. */
  readonly name: string;
  readonly text: string;
  readonly ticket: unknown;
  /** Segment (messages between two Syncs) in which Parse was sent. */
  readonly segment: number;
  /** Type OIDs: from Parse, then from ParameterDescription. */
  parameterTypes: readonly number[];
  /** undefined = not known yet, null = no rows (NoData). Formats in it are of no meaning. */
  fields: readonly FieldDescription[] | null | undefined;
  /** A Describe of this statement is on its way or was answered. */
  described: boolean;
  /** The server fixes the row type of a planned statement at Parse; that of FETCH, EXECUTE, SHOW … is known at Bind only. */
  readonly stable: boolean;
  state: 'pending' | 'ready' | 'gone';
  /** What the name meant before, until Parse is confirmed. */
  previous: PreparedStatement | undefined;
  epoch: number;
}

/** A bound statement. */
export interface Portal {
  readonly name: string;
  readonly statement: PreparedStatement;
  readonly segment: number;
  /** Known when the whole Bind has come, as the result formats are. */
  parameters: readonly Parameter[];
  readonly parameterFormats: readonly number[];
  resultFormats: readonly number[];
  /** What the host said when it was bound. */
  bound: unknown;
  /** From a Describe of the portal (real formats), undefined = none answered. */
  fields: readonly FieldDescription[] | null | undefined;
  described: boolean;
  /** Rows delivered by the Executes so far. */
  rows: number;
  readonly bytes: number;
  /** Infinite until BindComplete: until then nothing can have replaced it. */
  epoch: number;
}

const maxStatements = 10_000;
const maxRetainedBytes = 128 * 1024 * 1024;

/** Statements and portals by name, in the order of the client's messages; entries of the response queue undo what the server then refuses. */
export class Prepared {
  readonly statements = new Map<string, PreparedStatement>();
  readonly portals = new Map<string, Portal>();
  #retained = 0;
  // Names can be freed and taken again by SQL (DEALLOCATE + PREPARE, CLOSE + DECLARE), unseen by the protocol. Whatever was named before
  // the freeing is not trusted after the taking.
  #freedStatements = 0;
  #takenStatements = 0;
  #freedPortals = 0;
  #takenPortals = 0;

  /** Would one more statement or portal of `bytes` pass the bounds of one connection? */
  isFull(bytes: number): boolean {
    const count = this.statements.size + this.portals.size;
    return count >= maxStatements || this.#retained + bytes > maxRetainedBytes;
  }

  statement(name: string): PreparedStatement | undefined {
    const found = this.statements.get(name);
    return found !== undefined && this.isTrusted(found) ? found : undefined;
  }

  portal(name: string): Portal | undefined {
    const found = this.portals.get(name);
    return found !== undefined && this.isTrustedPortal(found) ? found : undefined;
  }

  isTrusted(statement: PreparedStatement): boolean {
    return statement.name === '' || statement.state === 'pending' || statement.epoch >= this.#takenStatements;
  }

  isTrustedPortal(portal: Portal): boolean {
    return portal.name === '' || portal.epoch >= this.#takenPortals;
  }

  setStatement(statement: PreparedStatement): void {
    this.deleteStatement(statement.name);
    this.statements.set(statement.name, statement);
    this.#retained += statement.text.length;
  }

  deleteStatement(name: string): PreparedStatement | undefined {
    const found = this.statements.get(name);
    if (found === undefined) return undefined;
    this.statements.delete(name);
    this.#retained -= found.text.length;
    return found;
  }

  setPortal(portal: Portal): void {
    this.deletePortal(portal.name);
    this.portals.set(portal.name, portal);
    this.#retained += portal.bytes;
  }

  deletePortal(name: string): Portal | undefined {
    const found = this.portals.get(name);
    if (found === undefined) return undefined;
    this.portals.delete(name);
    this.#retained -= found.bytes;
    return found;
  }

  /** ParseComplete. */
  confirm(statement: PreparedStatement): void {
    if (statement.state === 'pending') statement.state = 'ready';
    statement.previous = undefined;
    statement.epoch = this.#freedStatements;
  }

  /** BindComplete. */
  confirmPortal(portal: Portal): void {
    portal.epoch = this.#freedPortals;
  }

  /** Parse failed (`failed`) or was skipped: the name means again what it meant before. */
  undoParse(statement: PreparedStatement, failed: boolean): void {
    statement.state = 'gone';
    if (this.statements.get(statement.name) !== statement) return;
    this.deleteStatement(statement.name);
    // A failing Parse of the unnamed statement has destroyed the old one by then (exec_parse_message).
    if (failed && statement.name === '') return;
    let previous = statement.previous;
    while (previous !== undefined && previous.state === 'gone') previous = previous.previous;
    if (previous !== undefined) this.setStatement(previous);
  }

  /** The transaction ended: its portals are gone. */
  dropPortals(throughSegment: number): void {
    if (this.portals.size === 0) return;
    for (const portal of this.portals.values()) if (portal.segment <= throughSegment) this.deletePortal(portal.name);
  }

  /** Watches command tags for SQL that frees or takes names. */
  noteTag(tag: string): void {
    switch (tag) {
      case 'DEALLOCATE':
      case 'DEALLOCATE ALL':
        this.#freedStatements++;
        break;
      case 'DISCARD ALL':
        this.#freedStatements++;
        this.#freedPortals++;
        break;
      case 'PREPARE':
        this.#takenStatements = this.#freedStatements;
        break;
      case 'CLOSE CURSOR':
      case 'CLOSE CURSOR ALL':
      case 'COMMIT':
      case 'ROLLBACK':
        this.#freedPortals++;
        break;
      case 'DECLARE CURSOR':
        this.#takenPortals = this.#freedPortals;
        break;
    }
  }
}

/** Is the row type of this text fixed at Parse? Only statements that the server plans are; what is not recognised is not. */
export function hasStableRowType(text: string): boolean {
  return /^[\s(]*(select|insert|update|delete|with|values|table|merge)\b/i.test(text);
}

/** A cell mask as packages/masking makes it (the same shape; wire packages import no other package). */
export interface CellMask {
  /** SQL NULL is masked as well: `write` gets an empty cell for it. */
  readonly masksNull?: boolean;
  maxLength(length: number): number;
  /** @returns bytes written at `target[offset]`, or -1 for SQL NULL. */
  write(source: Buffer, start: number, end: number, target: Buffer, offset: number): number;
}

/** One field of a RowDescription (protocol 3.0, "RowDescription"). */
export interface FieldDescription {
  readonly name: string;
  readonly tableOid: number;
  readonly attributeNumber: number;
  readonly typeOid: number;
  readonly typeSize: number;
  readonly typeModifier: number;
  /** 0 = text, 1 = binary. */
  readonly format: number;
}

/** Fields of an ErrorResponse or NoticeResponse by their one-letter codes (S, V, C, M, D, H, P, p, q, W, s, t, c, d, n, F, L, R). */
export type ErrorFields = Readonly<Record<string, string>>;

/** Transaction status of ReadyForQuery: idle, in a transaction, failed. */
export type TransactionStatus = 'I' | 'T' | 'E';

/** A parameter that was not kept: it went to the server as it came. */
export interface LargeParameter {
  readonly length: number;
  /** Its first bytes. */
  readonly head: Buffer;
  /** Hash of the whole value, hex. */
  readonly sha256: string;
}

/** A parameter of Bind; null = SQL NULL. */
export type Parameter = Buffer | LargeParameter | null;

/** What the engine asks its host before a statement may go on. */
export interface JudgeRequest {
  /** `query` = a simple Query (text may hold several statements); `parse` = text without parameters, nothing runs yet; `execute` = a bound portal. */
  readonly phase: 'query' | 'parse' | 'execute';
  readonly text: string;
  /** execute: the ticket that the host gave for this statement's parse. */
  readonly prepared: unknown;
  /** execute: what `bound` gave for this portal. */
  readonly bound?: unknown;
  /** execute: Bind's parameters (slices of the message; copy to keep), their formats (0 text, 1 binary) and type OIDs where known (0 = unknown). */
  readonly parameters: readonly Parameter[];
  readonly parameterFormats: readonly number[];
  readonly parameterTypes: readonly number[];
  /** Last known transaction status; `pipelined` = statements before this one in the same implicit transaction have not ended yet. */
  readonly status: TransactionStatus;
  readonly pipelined: boolean;
}

/** Counts rows of one result (DataRow, CopyData) while they are delivered, and says how many more may be. The host may change it at any time. */
export interface RowMeter {
  /** Rows, and bytes as the server sends them, that may still be delivered; infinite = no bound. */
  readonly rowsLeft: number;
  readonly bytesLeft: number;
  /** That much is delivered now. */
  took(rows: number, bytes: number): void;
  /** The next row does not fit. @returns whether it is delivered all the same (and counted) */
  overdraw(bytes: number): boolean;
}

/** The host's answer. */
export type Decision =
  | {
      readonly action: 'forward';
      /** Comes back in describe, copyOut, row sample and finished calls. */
      readonly ticket: unknown;
      /** parse: ask the server for the statement's RowDescription even if the client does not (the answer is swallowed); execute: so for the portal's. */
      readonly describe: boolean;
      /**
       * Most rows that each result of the statement may deliver, COPY TO STDOUT included; a portal's count goes on over all its Executes. Absent or
       * null = no bound.
       */
      readonly maxRows?: number | null;
      /** Meters of the results, by statement inside a simple Query; absent or null = not counted. */
      readonly meters?: readonly (RowMeter | null)[] | null;
      /** Most rows that the statement may change: beyond it nothing of the change stays. Absent or null = no bound. */
      readonly maxAffected?: number | null;
    }
  | {
      readonly action: 'deny';
      readonly error: ErrorFields /** End the connection after the error (FATAL). */;
      readonly fatal?: boolean;
    };

/** What the host does about a result that went beyond its row limit. */
export interface Exceeded {
  /** The client gets this in place of the statement's end. */
  readonly error: ErrorFields;
  /** The statement is being cancelled on the server; fulfilled when nothing can be cancelled by that any more. Rejected = not known, which ends the connection. */
  readonly settled: Promise<void>;
}

/** What happened to a forwarded statement. For a simple Query it is called once per statement inside (`index`), in order. */
export interface Outcome {
  readonly index: number;
  /** CommandComplete's tag (`SELECT 3`), `PortalSuspended`, `EmptyQueryResponse`, or null after an error. With an error of our own (rows withheld) the tag is
   * that of the server, when the statement had ended well there. */
  readonly tag: string | null;
  readonly rows: number;
  /** Bytes of DataRow / CopyData delivered. */
  readonly bytes: number;
  /** The server's error as delivered (redacted), or null. */
  readonly error: ErrorFields | null;
}

/** The masks of one result set: one entry per column, null = clear. */
export type RowMasks = readonly (CellMask | null)[];

/**
 * The world of an engine. Engines are pure: they call these and never wait; only `judge` may answer later.
 * While a judgement is open the engine buffers client bytes and `paused` is true.
 */
export interface EngineHost {
  toServer(bytes: Buffer): void;
  /** Bytes for the client, in order. Everything that the host recorded before this call precedes it. */
  toClient(bytes: Buffer): void;
  judge(request: JudgeRequest): Decision | Promise<Decision>;
  /** A Bind is sent on: the server plans a SELECT, INSERT, UPDATE, DELETE or MERGE now, and its portal stays as it is. The result comes back with each Execute. */
  bound?(): unknown;
  /** A result set begins. `index` = statement inside a simple Query. The formats are the real ones of this execution. null = all clear, relay without walking rows.
   * @throws never; a host that cannot tell returns masks for all columns. */
  describe(ticket: unknown, index: number, fields: readonly FieldDescription[]): RowMasks | null;
  /** A COPY … TO STDOUT begins. `format` 0 text/CSV, 1 binary. `'refuse'` = the host cannot mask it: the engine ends the statement with an error. */
  copyOut(
    ticket: unknown,
    index: number,
    columns: number,
    format: number,
  ):
    | {
        readonly masks: RowMasks | null;
        readonly csv: CsvOptions | null /** The first line names the columns. */;
        readonly header?: boolean;
        /** Options of the text format; absent = its defaults. */
        readonly text?: TextOptions;
      }
    | 'refuse';
  /** A COPY … FROM STDIN begins, `format` as in copyOut. Absent or null = its data is not looked at. */
  copyIn?(ticket: unknown, index: number, columns: number, format: number): CopyInLook | null;
  /** Number of masked rows of the current result that the host wants to see for the record; 0 = none. Asked when a result set begins. */
  sampleRows(ticket: unknown, index: number): number;
  /** One masked DataRow (cells as delivered; slices, copy to keep) while fewer than sampleRows have been given. */
  sample(ticket: unknown, index: number, cells: readonly (Buffer | null)[], formats: readonly number[]): void;
  /** The first row beyond `maxRows` came, or one that the meter refuses: it and the rest of this result are withheld. Called once per result at most,
   * before its `finished`. */
  exceeded(ticket: unknown, index: number, by: 'rows' | 'meter'): Exceeded;
  /**
   * The statement changed more rows than `maxAffected`, or `rows` null: the server did not say how many. Its change is undone. Called once per statement at
   * most, before its `finished`. @returns what the client gets in place of the statement's end
   */
  changedTooMuch(ticket: unknown, index: number, rows: number | null): ErrorFields;
  finished(ticket: unknown, outcome: Outcome): void;
  /** Rewrites an ErrorResponse or NoticeResponse of the server before it is delivered; `ticket` of the running statement or null. */
  redact(ticket: unknown, kind: 'error' | 'notice', fields: ErrorFields): ErrorFields;
  /** NotificationResponse: payload to deliver, or null to drop it with a recorded reason. */
  notification(channel: string, payload: string): string | null;
  parameterStatus(name: string, value: string): void;
  /** The client names a statement (Parse) or a portal (Bind), as UTF-8; SQL's EXECUTE and FETCH see the same names. Called when the message is sent on. */
  named(kind: 'statement' | 'portal', name: string): void;
  /** Transaction status changed (ReadyForQuery). */
  ready(status: TransactionStatus): void;
  /** The client said Terminate, or the stream cannot be trusted any more: `error` was sent to the client already when there is one. */
  end(error: ErrorFields | null): void;
}

/** How the host looks at the data of COPY FROM STDIN: each cell is given to the mask of its column (null = not looked at), which must copy it. */
export interface CopyInLook {
  readonly masks: RowMasks;
  readonly csv: CsvOptions | null;
  readonly text?: TextOptions;
  /** The error that ends the COPY, once something was seen that must not be stored. */
  refusal(): ErrorFields | null;
}

/** Options of COPY in text format (COPY, section "Text Format"): the delimiter is a single byte. */
export interface TextOptions {
  readonly delimiter: string;
  readonly nullText: string;
  readonly header: boolean;
}

/** Options of COPY in CSV format that change how cells are cut (COPY, section "CSV Format"); single bytes as characters. */
export interface CsvOptions {
  readonly delimiter: string;
  readonly quote: string;
  readonly escape: string;
  readonly nullText: string;
  readonly header: boolean;
}

/** A running engine: between a client that has signed in and a server that is ready. */
export interface PostgresEngine {
  fromClient(chunk: Buffer): void;
  fromServer(chunk: Buffer): void;
  /** A judgement is open: stop reading the client when its buffer grows (the engine refuses more than its bound). */
  readonly paused: boolean;
  readonly status: TransactionStatus;
  /** Nothing is outstanding at the server, so `status` is exact. */
  readonly isQuiet: boolean;
  /** Number of the implicit transaction that may be open because extended messages were sent since the client's last Sync; null = none. No other one gets the same number. */
  readonly implicitTransaction: number | null;
  /** Sends a NoticeResponse to the client now (allowed at any time by the protocol). */
  notice(fields: ErrorFields): void;
  /** Runs a query of our own on this connection between the client's, invisible to the client; only while a judgement is open. Rows in text form.
   * @throws when the transaction is failed or the server refuses. */
  query(sql: string): Promise<readonly (readonly (string | null)[])[]>;
  /** Ends with a FATAL error to the client (killed, lost target…). */
  fail(error: ErrorFields): void;
}

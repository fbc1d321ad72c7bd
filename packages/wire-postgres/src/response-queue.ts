import type { CopyInReader } from './copy-in-look.ts';
import type { ErrorFields, RowMeter } from './engine-host.ts';
import type { OwnQuery } from './own-query.ts';
import type { Portal, PreparedStatement } from './prepared.ts';

/** What the server was asked. `copy-end` (CopyDone, CopyFail sent before the server said CopyInResponse) is never answered. */
export type EntryKind =
  | 'query'
  | 'parse'
  | 'bind'
  | 'close'
  | 'describe-statement'
  | 'describe-portal'
  | 'execute'
  | 'sync'
  | 'copy-end';

/** One request to the server whose answer is outstanding. */
export class Entry {
  readonly kind: EntryKind;
  /** Number of the Sync (or Query) that ends this request's implicit transaction. */
  readonly segment: number;
  /** false: the client did not ask; the answer is swallowed. */
  visible = true;
  /** The client was told that this implicit transaction failed; further errors are not for it. */
  isMuted = false;
  ticket: unknown = null;
  /** The client gets this in place of the server's error (a denial). */
  replacement: ErrorFields | null = null;
  own: OwnQuery | null = null;
  /** parse, bind, describe-statement; close: what was closed. */
  statement: PreparedStatement | undefined = undefined;
  /** bind, describe-portal, execute; close: what was closed. */
  portal: Portal | undefined = undefined;
  /** Statement inside a simple Query. */
  index = 0;
  rows = 0;
  bytes = 0;
  hasError = false;
  /** Most rows of each of its results; null = no bound. */
  maxRows: number | null = null;
  /** Meters of its results, by index; null = none. */
  meters: readonly (RowMeter | null)[] | null = null;
  /** Most rows that it may change; null = no bound. */
  maxAffected: number | null = null;
  /** Part of a transaction of our own around a Query (see affected-limit.ts). */
  wrap: 'begin' | 'body' | 'end' | null = null;
  /** What the client is told when that transaction has ended well. */
  completion: { readonly message: Buffer; readonly tag: string } | null = null;
  /** query, sync: rows were withheld from a statement that had ended well on the server, so a transaction block must not go on. */
  mustFail = false;
  /** The server's answer is complete (or will not come). */
  isAnswered = false;
  /** COPY FROM STDIN: the server reads data now; `open` until the client said CopyDone or CopyFail. */
  copyIn: 'none' | 'open' | 'closed' = 'none';
  /** Looks at the data of a COPY FROM STDIN. */
  copyReader: CopyInReader | null = null;
  /** The host refused a COPY TO STDOUT, or the row limit was passed: what follows is swallowed. */
  refused: ErrorFields | null = null;

  constructor(kind: EntryKind, segment: number) {
    this.kind = kind;
    this.segment = segment;
  }

  /** Can its rows be withheld, or its change undone? */
  get isLimited(): boolean {
    return this.maxRows !== null || this.meters !== null || this.maxAffected !== null;
  }

  /** Meter of the result that begins now. */
  get meter(): RowMeter | null {
    return this.meters?.[this.index] ?? null;
  }
}

/** Requests in the order of their answers. */
export class ResponseQueue {
  #entries: (Entry | undefined)[] = [];
  #head = 0;
  /** Outstanding query and execute entries. */
  statements = 0;

  get length(): number {
    return this.#entries.length - this.#head;
  }

  push(entry: Entry): void {
    if (entry.kind === 'query' || entry.kind === 'execute') this.statements++;
    this.#entries.push(entry);
  }

  /** The request that the server answers now. A `copy-end` at the head was ignored by the server. */
  head(): Entry | undefined {
    let entry = this.#entries[this.#head];
    while (entry?.kind === 'copy-end') {
      this.shift();
      entry = this.#entries[this.#head];
    }
    return entry;
  }

  shift(): Entry | undefined {
    const entry = this.#entries[this.#head];
    if (entry === undefined) return undefined;
    entry.isAnswered = true;
    if (entry.kind === 'query' || entry.kind === 'execute') this.statements--;
    this.#entries[this.#head++] = undefined;
    if (this.#head === this.#entries.length) {
      this.#entries.length = 0;
      this.#head = 0;
    } else if (this.#head > 1024 && this.#head * 2 > this.#entries.length) {
      this.#entries.splice(0, this.#head);
      this.#head = 0;
    }
    return entry;
  }

  /** Removes the entries before the next Sync. @returns them, oldest first; `found` = a Sync is outstanding. */
  dropToSync(): { dropped: Entry[]; found: boolean } {
    const dropped: Entry[] = [];
    for (;;) {
      const entry = this.#entries[this.#head];
      if (entry === undefined) return { dropped, found: false };
      if (entry.kind === 'sync') return { dropped, found: true };
      dropped.push(entry);
      this.shift();
    }
  }

  /** All entries from the head on, kept. */
  *all(): Generator<Entry> {
    for (let i = this.#head; i < this.#entries.length; i++) yield this.#entries[i]!;
  }

  /**
   * The head began to read COPY data. Syncs behind it were sent into that data, where the server ignores them ("COPY Operations").
   * @returns how many Syncs were removed, and whether the end of the data was sent already.
   */
  enterCopyIn(): { ignoredSyncs: number; ended: boolean } {
    const at = this.#head + 1;
    let ignoredSyncs = 0;
    while (this.#entries[at]?.kind === 'sync') {
      this.#entries.splice(at, 1);
      ignoredSyncs++;
    }
    const ended = this.#entries[at]?.kind === 'copy-end';
    if (ended) this.#entries.splice(at, 1);
    return { ignoredSyncs, ended };
  }
}

import { WeirError } from '@weir/errors';
import type { ErrorFields } from './engine-host.ts';
import { MessageWriter } from './message-writer.ts';
import { cellsOf } from './row-rewriter.ts';

/** Names that the engine uses on the server; clients may not use names that begin with `weir.`. */
export const reservedPrefix = 'weir.';
const ownName = 'weir.query';

type Row = readonly (string | null)[];
const maxResultBytes = 32 * 1024 * 1024;

/** A query of our own between the client's: collects rows in text form and settles its promise. */
export class OwnQuery {
  readonly result: Promise<readonly Row[]>;
  readonly #rows: Row[] = [];
  #bytes = 0;
  #resolve: (rows: readonly Row[]) => void = () => undefined;
  #reject: (error: WeirError) => void = () => undefined;

  readonly #isSync: boolean;
  #closed = 0;

  /** @param isSync the query ends with Sync (its ReadyForQuery ends it), else with its second CloseComplete */
  constructor(isSync: boolean) {
    this.#isSync = isSync;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // A host that gave up waiting (its session ended) must not bring the process down; whoever still awaits it gets the error.
    this.result.catch(() => undefined);
  }

  addRow(source: Buffer, start: number, end: number): void {
    this.#bytes += end - start;
    if (this.#bytes > maxResultBytes) {
      this.#reject(
        new WeirError('message_too_large', `the answer to an own query is larger than ${maxResultBytes} bytes`),
      );
      return;
    }
    this.#rows.push(cellsOf(source, start, end).map((cell) => (cell === null ? null : cell.toString('utf8'))));
  }

  /** CloseComplete. */
  closed(): void {
    this.#closed++;
    if (this.#closed === 2 && !this.#isSync) this.resolve();
  }

  resolve(): void {
    this.#resolve(this.#rows);
  }

  reject(fields: ErrorFields): void {
    const why = `${fields['M'] ?? 'unknown error'} (SQLSTATE ${fields['C'] ?? 'XX000'})`;
    this.#reject(new WeirError('target_error', 'the target refused a query about its own catalog', { why }));
  }
}

/** The messages of an own query under reserved names; `sync` false ends them with Flush, inside the client's pipeline. */
export function encodeOwnQuery(sql: string, sync: boolean): Buffer {
  const writer = new MessageWriter(sql.length + 128);
  writer.begin('P').cstring(ownName).cstring(sql).int16(0).end();
  writer.begin('B').cstring(ownName).cstring(ownName).int16(0).int16(0).int16(0).end();
  writer.begin('E').cstring(ownName).int32(0).end();
  writer.begin('C').byte(0x50).cstring(ownName).end();
  writer.begin('C').byte(0x53).cstring(ownName).end();
  writer.begin(sync ? 'S' : 'H').end();
  return writer.take();
}

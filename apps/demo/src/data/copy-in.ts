import type { Client, Submittable } from 'pg';
import type { Cell } from './shop-rows.ts';

/** What this file uses of node-postgres' connection (pg/lib/connection.js); its types do not name it. */
interface CopyConnection {
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
  sendCopyFail(message: string): void;
  readonly stream: { readonly writableLength: number; once(event: 'drain', listener: () => void): void };
}

/** Rows are sent in chunks of about this many characters, and no more than four chunks wait in the socket. */
const chunkLength = 64 * 1024;

/** Loads rows by `COPY table (columns) FROM STDIN`; gives the number of rows. Rejects with the server's error. */
export function copyRows(
  client: Client,
  table: string,
  columns: readonly string[],
  rows: Iterable<readonly Cell[]>,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const iterator = rows[Symbol.iterator]();
    let count = 0;
    let failure: unknown;
    const fail = (error: unknown): void => {
      // The first failure is the cause: the server's answer to our CopyFail comes after it.
      failure ??= error;
      reject(failure);
    };
    const pump = (connection: CopyConnection): void => {
      try {
        while (connection.stream.writableLength < 4 * chunkLength) {
          const { text, length, done } = nextChunk(iterator);
          count += length;
          if (text !== '') connection.sendCopyFromChunk(Buffer.from(text));
          if (done) {
            connection.endCopyFrom();
            return;
          }
        }
        connection.stream.once('drain', () => pump(connection));
      } catch (error) {
        fail(error);
        connection.sendCopyFail('the rows could not be made');
      }
    };
    // The duck type that node-postgres asks of a query; it calls these by the server's messages.
    const query = {
      submit: (connection: CopyConnection) => connection.query(`COPY ${table} (${columns.join(', ')}) FROM STDIN`),
      handleCopyInResponse: pump,
      handleCommandComplete: () => undefined,
      handleError: fail,
      handleReadyForQuery: () => resolve(count),
    };
    client.query(query as unknown as Submittable);
  });
}

function nextChunk(iterator: Iterator<readonly Cell[]>): { text: string; length: number; done: boolean } {
  let text = '';
  let length = 0;
  while (text.length < chunkLength) {
    const next = iterator.next();
    if (next.done) return { text, length, done: true };
    text += copyLine(next.value);
    length++;
  }
  return { text, length, done: false };
}

/** One line of COPY's text format: tab-separated, `\N` for NULL, backslash escapes (PostgreSQL manual, COPY, "Text Format"). */
export function copyLine(cells: readonly Cell[]): string {
  return `${cells.map((cell) => (cell === null ? '\\N' : String(cell).replaceAll(/[\\\t\n\r]/g, escapeCharacter))).join('\t')}\n`;
}

const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

function escapeCharacter(character: string): string {
  return escapes[character] ?? character;
}

import type { Socket } from 'node:net';
import { WeirError } from '@weir/errors';
import { encodeQuery, encodeTerminate } from '@weir/wire-postgres';
import type { TextRows } from './catalog-store.ts';

/** A signed-in connection of our own, for catalog questions: text rows, one at a time. */
export interface PlainClient {
  /** @throws WeirError target_error with the server's message; target_unavailable when the connection is lost. */
  query(sql: string): Promise<TextRows>;
  /** The same by messages that end in one Sync. */
  send(messages: Buffer): Promise<TextRows>;
  readonly isOpen: boolean;
  close(): void;
}

interface Running {
  readonly rows: (string | null)[][];
  error: { readonly message: string; readonly sqlstate: string } | undefined;
  readonly resolve: (rows: TextRows) => void;
  readonly reject: (error: Error) => void;
}

const maxAnswerBytes = 256 * 1024 * 1024;

/** Wraps a socket that has just received ReadyForQuery. Queries are queued. */
export function createPlainClient(socket: Socket): PlainClient {
  let pending: Buffer = Buffer.alloc(0);
  let running: Running | undefined;
  let tail: Promise<unknown> = Promise.resolve();
  let isOpen = true;

  const lose = (cause?: Error) => {
    isOpen = false;
    running?.reject(new WeirError('target_unavailable', 'the connection for catalog questions was lost', { cause }));
    running = undefined;
    socket.destroy();
  };
  socket.on('error', lose);
  socket.on('close', () => lose());
  socket.on('data', (chunk: Buffer) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    if (pending.length > maxAnswerBytes) return lose(new Error('the answer to a catalog question is too large'));
    let offset = 0;
    while (pending.length - offset >= 5) {
      const end = offset + 1 + pending.readInt32BE(offset + 1);
      if (end > pending.length) break;
      take(pending[offset] as number, pending.subarray(offset + 5, end));
      offset = end;
    }
    pending = pending.subarray(offset);
  });

  const take = (type: number, body: Buffer) => {
    if (running === undefined) return;
    if (type === 0x44) running.rows.push(parseDataRow(body));
    else if (type === 0x45)
      running.error = { message: fieldOf(body, 'M', 'no message'), sqlstate: fieldOf(body, 'C', '') };
    else if (type === 0x5a) {
      const { rows, error, resolve, reject } = running;
      running = undefined;
      if (error === undefined) resolve(rows);
      else {
        const why = `SQLSTATE ${error.sqlstate}`;
        reject(new WeirError('target_error', `the target refused a catalog question: ${error.message}`, { why }));
      }
    }
  };

  const run = (messages: Buffer) =>
    new Promise<TextRows>((resolve, reject) => {
      if (!isOpen) return reject(new WeirError('target_unavailable', 'the connection for catalog questions is closed'));
      running = { rows: [], error: undefined, resolve, reject };
      socket.write(messages);
    });

  const send = (messages: Buffer) => {
    const result = tail.then(() => run(messages));
    // The queue goes on whatever becomes of this query; its caller gets the error.
    tail = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  };
  return {
    get isOpen() {
      return isOpen;
    },
    query: (sql) => send(encodeQuery(sql)),
    send,
    close() {
      isOpen = false;
      socket.end(encodeTerminate());
    },
  };
}

function parseDataRow(body: Buffer): (string | null)[] {
  const cells: (string | null)[] = [];
  let offset = 2;
  for (let i = body.readInt16BE(0); i > 0; i -= 1) {
    const length = body.readInt32BE(offset);
    offset += 4;
    cells.push(length < 0 ? null : body.toString('utf8', offset, offset + length));
    offset += Math.max(0, length);
  }
  return cells;
}

function fieldOf(body: Buffer, letter: string, absent: string): string {
  const fields = body.toString('utf8').split('\0');
  return fields.find((field) => field.startsWith(letter))?.slice(1) ?? absent;
}

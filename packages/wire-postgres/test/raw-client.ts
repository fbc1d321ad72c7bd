import { connect, type Socket } from 'node:net';
import { encodeStartupMessage } from '../src/index.ts';

/** One server message, shortened to what tests compare: `D a|b`, `C SELECT 1`, `E 42501 message`, `Z I`, `T a,b`. */
export function summarise(type: string, body: Buffer): string {
  switch (type) {
    case 'D':
      return `D ${cells(body).join('|')}`;
    case 'C':
      return `C ${body.toString('utf8', 0, body.length - 1)}`;
    case 'Z':
      return `Z ${body.toString()}`;
    case 'd':
      return `d ${JSON.stringify(body.toString())}`;
    case 'E':
    case 'N': {
      const fields = new Map(
        body
          .toString()
          .split('\0')
          .filter(Boolean)
          .map((field) => [field[0], field.slice(1)]),
      );
      return `${type} ${fields.get('C')} ${fields.get('M')}`;
    }
    case 'T':
      return `T ${names(body).join(',')}`;
    default:
      return type;
  }
}

function cells(body: Buffer): string[] {
  const found: string[] = [];
  let at = 2;
  for (let left = body.readInt16BE(0); left > 0; left--) {
    const length = body.readInt32BE(at);
    found.push(length < 0 ? 'NULL' : body.toString('utf8', at + 4, at + 4 + length));
    at += 4 + Math.max(0, length);
  }
  return found;
}

function names(body: Buffer): string[] {
  const found: string[] = [];
  let at = 2;
  for (let left = body.readInt16BE(0); left > 0; left--) {
    const zero = body.indexOf(0, at);
    found.push(body.toString('utf8', at, zero));
    at = zero + 19;
  }
  return found;
}

/** Cuts whole messages off a byte stream. */
export function createSplitter(): (chunk: Buffer) => [string, Buffer][] {
  let buffer: Buffer = Buffer.alloc(0);
  return (chunk) => {
    buffer = Buffer.concat([buffer, chunk]);
    const found: [string, Buffer][] = [];
    while (buffer.length >= 5 && buffer.length >= 1 + buffer.readInt32BE(1)) {
      const end = 1 + buffer.readInt32BE(1);
      found.push([String.fromCharCode(buffer[0]!), buffer.subarray(5, end)]);
      buffer = buffer.subarray(end);
    }
    return found;
  };
}

/** A client that sends exactly the bytes it is told to. */
export interface RawClient {
  /** Sends everything at once; resolves with what came until `ready` ReadyForQuery messages (or a closed connection). */
  exchange(messages: readonly Buffer[], ready?: number): Promise<string[]>;
  /** Sends without waiting. */
  send(...messages: Buffer[]): void;
  /** What came since the last call, once `isEnough` says so. */
  until(isEnough: (seen: readonly string[]) => boolean): Promise<string[]>;
  close(): void;
}

/** Connects and signs in. */
export async function connectRaw(port: number): Promise<RawClient> {
  const socket: Socket = connect(port, '127.0.0.1');
  const split = createSplitter();
  let seen: string[] = [];
  let isClosed = false;
  let check: () => void = () => undefined;
  socket.setNoDelay(true);
  socket.on('data', (chunk: Buffer) => {
    for (const [type, body] of split(chunk))
      if (type !== 'S' && type !== 'K' && type !== 'R') seen.push(summarise(type, body));
    check();
  });
  socket.on('error', () => socket.destroy());
  socket.on('close', () => {
    isClosed = true;
    check();
  });
  const until = (isEnough: (seen: readonly string[]) => boolean) =>
    new Promise<string[]>((resolve) => {
      check = () => {
        if (!isClosed && !isEnough(seen)) return;
        check = () => undefined;
        const result = isClosed ? [...seen, 'closed'] : seen;
        seen = [];
        resolve(result);
      };
      check();
    });
  const isReady = (count: number) => (messages: readonly string[]) =>
    messages.filter((message) => message.startsWith('Z')).length >= count;
  socket.write(encodeStartupMessage({ user: 'postgres', database: 'postgres' }));
  await until(isReady(1));
  return {
    exchange(messages, ready = 1) {
      socket.write(Buffer.concat(messages));
      return until(isReady(ready));
    },
    send: (...messages) => void socket.write(Buffer.concat(messages)),
    until,
    close: () => socket.destroy(),
  };
}

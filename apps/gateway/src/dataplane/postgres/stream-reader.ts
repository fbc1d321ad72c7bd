import type { Duplex } from 'node:stream';
import { WeirError } from '@weir/errors';

/** Reads a stream piece by piece until it is handed over: for the few messages before a channel begins. */
export interface StreamReader {
  /** Waits until `parse` finds a value at the start of what has arrived; undefined = more bytes are needed. Parsed bytes are dropped.
   * @throws what parse throws; WeirError protocol_violation when the stream ends, is silent past the deadline, or grows past `maxBytes`. */
  next<T>(parse: (bytes: Buffer) => { readonly value: T; readonly used: number } | undefined): Promise<T>;
  /** Bytes that have arrived and were not parsed. */
  readonly unread: number;
  /** Stops reading; the caller owns the stream again. @returns what has arrived and was not parsed. */
  release(): Buffer;
}

/** Takes over a stream. `timeoutMs` bounds the whole time until release. */
export function createStreamReader(
  stream: Duplex,
  limits: { readonly maxBytes: number; readonly timeoutMs: number },
): StreamReader {
  let bytes: Buffer = Buffer.alloc(0);
  let failure: WeirError | undefined;
  let wake: () => void = () => undefined;

  const fail = (message: string, cause?: unknown) => {
    failure ??= new WeirError('protocol_violation', message, { cause });
    wake();
  };
  const onData = (chunk: Buffer) => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    if (bytes.length > limits.maxBytes) fail(`more than ${limits.maxBytes} bytes came before sign-in`);
    wake();
  };
  const onEnd = () => fail('the client closed the connection before sign-in');
  const onError = (error: Error) => fail(`the connection failed before sign-in: ${error.message}`, error);
  const timer = setTimeout(() => fail(`the client did not sign in within ${limits.timeoutMs} ms`), limits.timeoutMs);
  stream.on('data', onData).on('end', onEnd).on('close', onEnd).on('error', onError);

  return {
    async next(parse) {
      for (;;) {
        const found = bytes.length > 0 ? parse(bytes) : undefined;
        if (found !== undefined) {
          bytes = bytes.subarray(found.used);
          return found.value;
        }
        if (failure !== undefined) throw failure;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    get unread() {
      return bytes.length;
    },
    release() {
      clearTimeout(timer);
      stream.off('data', onData).off('end', onEnd).off('close', onEnd).off('error', onError);
      stream.pause();
      return bytes;
    },
  };
}

import { Fifo } from './fifo.ts';
import { createMessageReader } from './message-reader.ts';
import type { SshMessage } from './messages.ts';

/** Messages that are read ahead while something is decided. */
const maxAhead = 4096;

/** What a client has sent and was not handled yet. */
export class Inbox {
  readonly #reader = createMessageReader();
  readonly #chunks = new Fifo<Buffer>();
  readonly #ahead = new Fifo<SshMessage>();

  push(chunk: Buffer): void {
    if (chunk.length > 0) this.#chunks.push(chunk);
  }

  /** @returns the next message; null = nothing is left. @throws WeirError as MessageReader */
  next(): SshMessage | null {
    return this.#ahead.shift() ?? this.#read();
  }

  /** Reads ahead: `take` sees each message once and says whether it was handled out of turn. @throws WeirError as MessageReader */
  look(take: (message: SshMessage) => boolean): void {
    while (this.#ahead.length < maxAhead) {
      const message = this.#read();
      if (message === null) return;
      if (!take(message)) this.#ahead.push(message);
    }
  }

  clear(): void {
    this.#chunks.clear();
    this.#ahead.clear();
  }

  #read(): SshMessage | null {
    for (;;) {
      const message = this.#reader.next();
      if (message !== null) return message;
      const chunk = this.#chunks.shift();
      if (chunk === undefined) return null;
      this.#reader.push(chunk);
    }
  }
}

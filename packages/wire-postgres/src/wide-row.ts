import { WeirError } from '@weir/errors';
import { CellWalker } from './cell-walker.ts';
import type { RowMasks } from './engine-host.ts';
import type { EngineState } from './engine-state.ts';
import { writeInt32 } from './integers.ts';
import type { Entry } from './response-queue.ts';

const dataRow = 0x44;

/** How a wide row is masked. */
export interface WideRowOptions {
  readonly masks: RowMasks;
  /** Index behind the last masked column. */
  readonly prefix: number;
  readonly bodyBytes: number;
  readonly maxHeldBytes: number;
}

/**
 * A DataRow that is masked while it comes. Its length stands at its beginning, so everything up to the last masked column is held; what is masked away
 * does not count, and what follows is relayed as it comes.
 */
export class WideRow {
  readonly #state: EngineState;
  readonly #entry: Entry;
  readonly #walker: CellWalker;
  readonly #maxHeldBytes: number;
  /** Is the last column among those that are read? Nothing can come behind it then. */
  readonly #isReadToEnd: boolean;
  #left: number;

  constructor(state: EngineState, entry: Entry, { masks, prefix, bodyBytes, maxHeldBytes }: WideRowOptions) {
    this.#state = state;
    this.#entry = entry;
    this.#walker = new CellWalker(masks, prefix, maxHeldBytes);
    this.#maxHeldBytes = maxHeldBytes;
    this.#isReadToEnd = prefix === masks.length;
    this.#left = bodyBytes;
    // The header's place.
    state.slab.ensure(5);
    state.slab.position += 5;
  }

  /** Takes bytes of the body. @returns whether the client has got a part of the row. @throws WeirError when it does not fit, or too much has to be held */
  push(source: Buffer, start: number, end: number): boolean {
    const { slab, toClient } = this.#state;
    let at = start;
    if (!this.#walker.isDone) {
      at = this.#walker.push(source, start, end, slab);
      this.#left -= at - start;
      if (this.#walker.isDone && this.#isReadToEnd && this.#left > 0)
        throw new WeirError('protocol_violation', 'a row of the target has bytes behind its last column');
      if (this.#walker.isDone) this.#begin();
      else if (slab.position - slab.start > this.#maxHeldBytes)
        throw new WeirError(
          'message_too_large',
          `a row has more than ${this.#maxHeldBytes} bytes before a masked column`,
          { fix: 'Name the masked columns before the large ones in the SELECT list.' },
        );
    }
    if (at < end) {
      toClient.relay(source, at, end);
      this.#entry.bytes += end - at;
      this.#left -= end - at;
    }
    return this.#walker.isDone;
  }

  /** The length is known now. */
  #begin(): void {
    const { slab, toClient } = this.#state;
    const held = slab.position - slab.start;
    slab.buffer[slab.start] = dataRow;
    writeInt32(slab.buffer, slab.start + 1, held - 1 + this.#left);
    this.#entry.bytes += held - 5;
    slab.publish(toClient);
    slab.release();
  }

  /** The whole row has come. @throws WeirError when its columns have not */
  finish(): void {
    if (!this.#walker.isDone) throw new WeirError('protocol_violation', 'a row of the target ends inside a column');
  }
}

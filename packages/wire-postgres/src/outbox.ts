/** Largest total that is joined into one call; more goes out in pieces, so that big results are not copied twice. */
const joinBytes = 65_536;

/**
 * Collects what one engine call sends in one direction and hands it over with as few calls as possible.
 * Adjacent ranges of the same buffer become one slice without copying.
 */
export class Outbox {
  readonly #send: (bytes: Buffer) => void;
  readonly #isJoining: boolean;
  #pieces: Buffer[] = [];
  #total = 0;
  #run: Buffer | null = null;
  #runStart = 0;
  #runEnd = 0;

  /** @param isJoining false: pieces go out as they are, for a receiver that copies them anyway */
  constructor(send: (bytes: Buffer) => void, isJoining = true) {
    this.#send = send;
    this.#isJoining = isJoining;
  }

  /** Sends `buffer[start, end)` on; the buffer must not change afterwards. */
  relay(buffer: Buffer, start: number, end: number): void {
    if (this.#run === buffer && this.#runEnd === start) {
      this.#runEnd = end;
      return;
    }
    this.#closeRun();
    this.#run = buffer;
    this.#runStart = start;
    this.#runEnd = end;
  }

  #closeRun(): void {
    const run = this.#run;
    if (run === null) return;
    this.#run = null;
    const length = this.#runEnd - this.#runStart;
    if (length === 0) return;
    this.#pieces.push(length === run.length ? run : run.subarray(this.#runStart, this.#runEnd));
    this.#total += length;
  }

  flush(): void {
    this.#closeRun();
    if (this.#total === 0) return;
    const pieces = this.#pieces;
    const total = this.#total;
    this.#pieces = [];
    this.#total = 0;
    if (pieces.length === 1) this.#send(pieces[0]!);
    else if (!this.#isJoining) for (const piece of pieces) this.#send(piece);
    else if (total <= joinBytes) this.#send(Buffer.concat(pieces, total));
    else for (const group of groupPieces(pieces)) this.#send(group.length === 1 ? group[0]! : Buffer.concat(group));
  }
}

/** Neighbours that fit into one call together; order stays. */
function groupPieces(pieces: readonly Buffer[]): Buffer[][] {
  const groups: Buffer[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const piece of pieces) {
    if (size + piece.length <= joinBytes) {
      groups.at(-1)!.push(piece);
      size += piece.length;
    } else {
      groups.push([piece]);
      size = piece.length;
    }
  }
  return groups;
}

/** Sends slices of buffers on; those that lie behind each other go as one. */
export class SliceOutlet {
  readonly #send: (bytes: Buffer) => void;
  #buffer: Buffer | null = null;
  #start = 0;
  #end = 0;

  constructor(send: (bytes: Buffer) => void) {
    this.#send = send;
  }

  /** `buffer[start, end)` goes, at the latest by `flush`. */
  pass(buffer: Buffer, start: number, end: number): void {
    if (this.#buffer === buffer && this.#end === start) {
      this.#end = end;
      return;
    }
    this.flush();
    this.#buffer = buffer;
    this.#start = start;
    this.#end = end;
  }

  send(bytes: Buffer): void {
    this.pass(bytes, 0, bytes.length);
  }

  flush(): void {
    const buffer = this.#buffer;
    if (buffer === null) return;
    this.#buffer = null;
    if (this.#start < this.#end) this.#send(buffer.subarray(this.#start, this.#end));
  }
}

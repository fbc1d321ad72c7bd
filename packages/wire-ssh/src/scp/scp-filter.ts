import { ContentTally, plainOutcome } from '../content-tally.ts';
import { Judging } from '../judging.ts';
import { SliceOutlet } from '../slice-outlet.ts';
import type { FileRequest, SshDecision, StreamProtocol } from '../ssh-request.ts';
import type { FilterOutlets, StreamFilter } from '../stream-filter.ts';
import type { FilterHost } from '../stream-filters.ts';
import { ByteQueue } from './byte-queue.ts';
import { encodeScpError, readScpLine, type ScpLine } from './scp-line.ts';
import { ScpPaths } from './scp-paths.ts';

/** Longest line, and most that may arrive before it is its turn, bytes. */
const maxLineBytes = 16 * 1024;
const maxHeldBytes = 1024 * 1024;
/** Folders inside each other. */
const maxDepth = 1000;
const zero = Buffer.alloc(1);

/** What is awaited: of the receiver an answer, of the sender a line, content, or the word behind it. */
type Phase =
  | { readonly type: 'begin' | 'line' | 'over' }
  | { readonly type: 'answer'; readonly then: (error: string | null) => Phase }
  | { readonly type: 'content'; readonly tally: ContentTally; readonly size: number; left: number }
  | { readonly type: 'word'; readonly tally: ContentTally; readonly size: number };
type Entry = Extract<ScpLine, { type: 'file' | 'folder' }>;

const line: Phase = { type: 'line' };

/**
 * Reads scp's old protocol (OpenSSH's scp.c) in an exec that runs `scp -t` or `scp -f`. Both ends go in step: after each line that passes, the
 * receiver's answer is awaited, so that what is taken for content here is content at the target.
 */
export function createScpFilter(
  scp: Extract<StreamProtocol, { name: 'scp' }>,
  within: unknown,
  host: FilterHost,
  outlets: FilterOutlets,
): StreamFilter {
  return new ScpFilter(scp, within, host, outlets);
}

class ScpFilter implements StreamFilter {
  readonly #host: FilterHost;
  readonly #outlets: FilterOutlets;
  readonly #isUpload: boolean;
  readonly #paths: ScpPaths;
  readonly #judging: Judging;
  readonly #sent = new ByteQueue();
  readonly #answered = new ByteQueue();
  readonly #toReceiver: SliceOutlet;
  readonly #toSender: SliceOutlet;
  #phase: Phase = { type: 'begin' };
  /** Ends what is under way when the channel ends. */
  #open: ((why: string) => void) | null = null;
  /** The target has to be told so, behind everything else. */
  #hasClientEnded = false;

  constructor(
    scp: Extract<StreamProtocol, { name: 'scp' }>,
    within: unknown,
    host: FilterHost,
    outlets: FilterOutlets,
  ) {
    this.#host = host;
    this.#outlets = outlets;
    this.#isUpload = scp.mode === 'sink';
    this.#paths = new ScpPaths(scp, within);
    this.#judging = new Judging(host, () => {
      this.#pump();
      if (!this.isWaiting) outlets.resumed();
    });
    const toServer = new SliceOutlet((bytes) => outlets.toServer(bytes));
    const toClient = new SliceOutlet((bytes) => outlets.toClient(bytes));
    this.#toReceiver = this.#isUpload ? toServer : toClient;
    this.#toSender = this.#isUpload ? toClient : toServer;
  }

  /** Of the client: what it sends has to wait for the target's answer, too. */
  get isWaiting(): boolean {
    const { type } = this.#phase;
    if (type === 'over') return false;
    return this.#judging.isOpen || (this.#isUpload && (type === 'begin' || type === 'answer'));
  }

  fromClient(bytes: Buffer): void {
    (this.#isUpload ? this.#sent : this.#answered).push(bytes);
    this.#pump();
  }

  fromServer(bytes: Buffer): void {
    const wasWaiting = this.isWaiting;
    (this.#isUpload ? this.#answered : this.#sent).push(bytes);
    this.#pump();
    if (wasWaiting && !this.isWaiting) this.#outlets.resumed();
  }

  clientEnded(): void {
    this.#hasClientEnded = true;
    this.#pump();
  }

  /** What the target said out of turn before it ended is for the client all the same. */
  serverEnded(): void {
    if (this.#phase.type === 'over' || !this.#isUpload || this.#answered.length === 0) return;
    this.#outlets.toClient(this.#answered.takeAll());
  }

  end(why: string): void {
    this.#judging.end();
    if (this.#phase.type === 'over') return;
    this.#phase = { type: 'over' };
    this.#open?.(why);
    this.#open = null;
  }

  #pump(): void {
    while (!this.#judging.isOpen && this.#step());
    this.#toReceiver.flush();
    this.#toSender.flush();
    if (this.#phase.type === 'over') return;
    if (this.#sent.length > maxHeldBytes || this.#answered.length > maxHeldBytes) this.#broken('sent too much at once');
    else if (this.#hasClientEnded && (this.#isUpload || this.#answered.length === 0)) {
      this.#hasClientEnded = false;
      this.#outlets.endServer();
    }
  }

  /** @returns false = more has to arrive */
  #step(): boolean {
    const phase = this.#phase;
    switch (phase.type) {
      case 'over':
        return false;
      case 'begin':
        return this.#answer(() => line);
      case 'answer':
        return this.#answer(phase.then);
      case 'line':
        return this.#line();
      case 'content':
        return this.#content(phase);
      case 'word':
        return this.#word(phase);
    }
  }

  /** The receiver says that it is ready, or what is wrong. */
  #answer(then: (error: string | null) => Phase): boolean {
    const queue = this.#answered;
    const first = queue.peek();
    if (first < 0) return false;
    if (first === 0) {
      this.#toSender.send(queue.take(1));
      this.#phase = then(null);
      return true;
    }
    if (first > 2) return this.#broken('broke scp: an answer that is none', true);
    const text = this.#takeLine(queue, true);
    if (text === null) return false;
    this.#toSender.send(text);
    this.#phase = then(text.subarray(1, -1).toString('utf8'));
    return true;
  }

  #takeLine(queue: ByteQueue, isReceiver: boolean): Buffer | null {
    const text = queue.takeLine();
    if ((text?.length ?? queue.length) <= maxLineBytes) return text;
    this.#broken(`broke scp: a line of more than ${maxLineBytes} bytes`, isReceiver);
    return null;
  }

  #line(): boolean {
    const bytes = this.#takeLine(this.#sent, false);
    if (bytes === null) return false;
    const read = readScpLine(bytes);
    switch (read.type) {
      case 'flawed':
        this.#host.note('protocol', `scp: ${read.why}`);
        this.#deny(`weir: ${read.why}`);
        return true;
      case 'error':
        this.#toReceiver.send(bytes);
        return true;
      case 'times':
        this.#pass(bytes, () => line);
        return true;
      case 'end':
        if (this.#paths.depth === 0) return this.#broken('broke scp: the end of a folder that did not begin');
        this.#paths.leave();
        this.#pass(bytes, () => line);
        return true;
      default:
        if (this.#paths.depth >= maxDepth) return this.#broken(`sent more than ${maxDepth} folders inside each other`);
        this.#entry(bytes, read);
        return true;
    }
  }

  #pass(bytes: Buffer, then: (error: string | null) => Phase): void {
    this.#toReceiver.send(bytes);
    this.#phase = { type: 'answer', then };
  }

  #entry(bytes: Buffer, entry: Entry): void {
    const request = this.#paths.requestOf(entry);
    this.#judging.ask(request, (decision) => {
      if (this.#phase.type === 'over') return;
      if (decision.action === 'deny') this.#deny(decision.text);
      else if (entry.type === 'file') this.#file(bytes, entry.size, request, decision);
      else this.#folder(bytes, entry.name, decision.ticket);
    });
  }

  /** Both ends hear of the refusal in place of each other's words. */
  #deny(text: string): void {
    const error = encodeScpError(text);
    this.#toSender.send(error);
    if (!this.#isUpload) this.#toReceiver.send(error);
    this.#phase = line;
  }

  #folder(bytes: Buffer, name: string, ticket: unknown): void {
    const finish = (error: string | null) => this.#host.fileEnded(ticket, plainOutcome(error));
    this.#open = finish;
    this.#pass(bytes, (error) => {
      this.#open = null;
      finish(error);
      if (error === null) this.#paths.enter(name);
      return line;
    });
  }

  #file(
    bytes: Buffer,
    size: number,
    request: FileRequest,
    decision: Extract<SshDecision, { action: 'forward' }>,
  ): void {
    const tally = new ContentTally(this.#host, request, decision);
    const refusal = tally.refuse(this.#isUpload ? 'upload' : 'download', 0, size);
    if (refusal !== null) {
      tally.finish(refusal);
      this.#deny(refusal);
      return;
    }
    this.#open = (why) => tally.finish(why);
    this.#pass(bytes, (error) => {
      if (error !== null) {
        this.#close(tally, error);
        return line;
      }
      return size === 0 ? { type: 'word', tally, size } : { type: 'content', tally, size, left: size };
    });
  }

  #content(phase: Extract<Phase, { type: 'content' }>): boolean {
    const piece = this.#sent.take(phase.left);
    if (piece.length === 0) return false;
    const { tally, size } = phase;
    const direction = this.#isUpload ? 'upload' : 'download';
    const offset = size - phase.left;
    const refusal = tally.look(direction, offset, piece);
    if (refusal !== null) {
      // The size was promised: nothing else than the end can follow.
      this.#close(tally, refusal);
      this.#toReceiver.flush();
      this.#outlets.refused(refusal);
      return false;
    }
    tally.passed(direction, offset, piece, 0, piece.length);
    this.#toReceiver.send(piece);
    phase.left -= piece.length;
    if (phase.left === 0) this.#phase = { type: 'word', tally, size };
    return true;
  }

  /** Behind the content the sender says whether it could read all of it. */
  #word({ tally, size }: Extract<Phase, { type: 'word' }>): boolean {
    const first = this.#sent.peek();
    if (first < 0) return false;
    if (first > 2) return this.#broken('broke scp: content that is longer than was said');
    const word = first === 0 ? this.#sent.take(1) : this.#takeLine(this.#sent, false);
    if (word === null) return false;
    const failure = first === 0 ? null : word.subarray(1, -1).toString('utf8');
    if (failure === null) tally.end = size;
    this.#pass(first === 0 ? zero : word, (error) => {
      this.#close(tally, failure ?? error);
      return line;
    });
    return true;
  }

  #close(tally: ContentTally, error: string | null): void {
    this.#open = null;
    tally.finish(error);
  }

  /** @returns false, to stop */
  #broken(what: string, isReceiver = false): false {
    const isClient = isReceiver !== this.#isUpload;
    this.#toReceiver.flush();
    this.#toSender.flush();
    this.#outlets.broken(`the ${isClient ? 'client' : 'target'} ${what}`);
    return false;
  }
}

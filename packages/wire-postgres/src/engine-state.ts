import { encodeErrorResponse } from './encode-backend.ts';
import type { EngineHost, ErrorFields, TransactionStatus } from './engine-host.ts';
import { asFatal, errorFields } from './error-fields.ts';
import { Outbox } from './outbox.ts';
import { Prepared } from './prepared.ts';
import { type Entry, ResponseQueue } from './response-queue.ts';
import { Slab } from './slab.ts';

const connectionEnded = errorFields('57P01', 'the connection ended');

/** What both sides of one engine share. */
export class EngineState {
  readonly host: EngineHost;
  readonly toClient: Outbox;
  readonly toServer: Outbox;
  readonly slab = new Slab();
  readonly queue = new ResponseQueue();
  readonly prepared = new Prepared();
  status: TransactionStatus;
  /** Number of the messages up to the next Sync or Query of the client. */
  segment = 0;
  /** Extended messages were sent to the server since the last Sync or Query: an implicit transaction may be open. */
  isUnsynced = false;
  /** Executes sent in this segment. */
  executesInSegment = 0;
  /** The client's messages are discarded until its Sync, as the server does after an error. */
  isSkipping = false;
  /** A query of our own failed inside the client's pipeline; the client still has to hear of it. */
  ownFailure: ErrorFields | null = null;
  /** Syncs that the server may or may not have taken for COPY data. */
  doubtfulSyncs = 0;
  isJudging = false;
  /** The statement with a row limit that is outstanding: other statements wait behind it (see row-limit.ts). */
  limited: Entry | null = null;
  /** A cancel that the host sent may still arrive. */
  isCancelling = false;
  /** Looks again at what waits, when something else than bytes of the server ended the wait. */
  wake: () => void = () => undefined;
  /** The client's next message waits until this is true. */
  blockedUntil: (() => boolean) | null = null;
  /** What goes on then in place of that message, which was judged already; null = the message itself. */
  continuation: { readonly ticket: unknown; goOn(): void } | null = null;
  hasEnded = false;
  /** A server message was relayed in part: nothing may be put between. */
  isMidMessage = false;
  /** A Bind of the client was sent to the server in part: nothing may be put between. */
  isMidBind = false;
  /** Own messages for the client that wait for the end of that message. */
  readonly waitingNotices: Buffer[] = [];
  /** Ticket of the statement that ended last: errors at Sync (deferred constraints) belong to it. */
  lastTicket: unknown = null;
  #depth = 0;

  readonly #isHostCopying: boolean;

  constructor(host: EngineHost, status: TransactionStatus, isHostCopying: boolean) {
    this.host = host;
    this.status = status;
    this.#isHostCopying = isHostCopying;
    this.toClient = new Outbox((bytes) => host.toClient(bytes), !isHostCopying);
    this.toServer = new Outbox((bytes) => host.toServer(bytes));
  }

  /** Nothing is outstanding and no implicit transaction is open: `status` is exact. */
  get isQuiet(): boolean {
    return this.queue.head() === undefined && !this.isUnsynced && !this.isSkipping;
  }

  /** Runs one step; what it sends leaves at the end of the outermost step. */
  step(run: () => void): void {
    this.#depth++;
    try {
      run();
    } finally {
      this.#depth--;
      if (this.#depth === 0) {
        this.toServer.flush();
        this.toClient.flush();
        if (this.#isHostCopying) this.slab.rewind();
      }
    }
  }

  sendToClient(bytes: Buffer): void {
    this.toClient.relay(bytes, 0, bytes.length);
  }

  sendToServer(bytes: Buffer): void {
    this.toServer.relay(bytes, 0, bytes.length);
  }

  /** Tells the host how a statement ended and gets the entry ready for the next one of the same Query. */
  finish(entry: Entry, tag: string | null, error: ErrorFields | null): void {
    const { ticket, index, rows, bytes } = entry;
    if (entry.portal !== undefined) entry.portal.rows += rows;
    entry.index++;
    entry.rows = 0;
    entry.bytes = 0;
    this.lastTicket = ticket;
    this.host.finished(ticket, { index, tag, rows, bytes, error });
  }

  /** An entry that the server will not answer any more: names are restored, its statement ends. `error` null = it never ran. */
  abandon(entry: Entry, isFailedItself: boolean, error: ErrorFields | null): void {
    const { prepared } = this;
    switch (entry.kind) {
      case 'parse':
        if (entry.statement) prepared.undoParse(entry.statement, isFailedItself);
        break;
      case 'bind':
        if (entry.portal && prepared.portals.get(entry.portal.name) === entry.portal)
          prepared.deletePortal(entry.portal.name);
        break;
      case 'close':
        if (entry.statement && !prepared.statements.has(entry.statement.name)) prepared.setStatement(entry.statement);
        if (entry.portal && !prepared.portals.has(entry.portal.name)) prepared.setPortal(entry.portal);
        break;
      case 'describe-statement':
        if (entry.statement?.fields === undefined && entry.statement) entry.statement.described = false;
        break;
      case 'describe-portal':
        if (entry.portal?.fields === undefined && entry.portal) entry.portal.described = false;
        break;
      case 'query':
      case 'execute':
        if (entry.own === null && entry.replacement === null) this.finish(entry, null, error);
        break;
    }
    entry.own?.reject(error ?? connectionEnded);
  }

  /** Ends the connection: FATAL to the client (unless in the middle of a relayed message), every open statement ends. */
  fail(fields: ErrorFields): void {
    if (this.hasEnded) return;
    const fatal = asFatal(fields);
    this.end(fatal, () => {
      if (!this.isMidMessage) this.sendToClient(encodeErrorResponse(fatal));
    });
  }

  /** Ends the connection without an error of ours; `error` is what the open statements are told. */
  end(error: ErrorFields | null, send: () => void = () => undefined): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.step(() => {
      for (let entry = this.queue.shift(); entry !== undefined; entry = this.queue.shift())
        this.abandon(entry, false, error);
      // It was let pass, but waited for those before it.
      if (this.continuation !== null)
        this.host.finished(this.continuation.ticket, { index: 0, tag: null, rows: 0, bytes: 0, error });
      this.continuation = null;
      send();
    });
    // The end may come inside a step whose bytes have not left yet: the host closes the connection, so they leave first.
    this.toServer.flush();
    this.toClient.flush();
    this.host.end(error);
  }
}

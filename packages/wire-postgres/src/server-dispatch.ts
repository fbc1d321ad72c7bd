import { WeirError } from '@weir/errors';
import { closeTransaction, refuseChange, tellCompletion } from './affected-limit.ts';
import { CopyBinaryCodec } from './copy-binary.ts';
import { CopyCsvCodec } from './copy-csv.ts';
import { type CopyFrames, createCopyFrames } from './copy-frames.ts';
import { CopyInReader } from './copy-in-look.ts';
import { CopyTextCodec } from './copy-text.ts';
import { encodeErrorResponse } from './encode-backend.ts';
import { encodeCopyFail } from './encode-frontend.ts';
import type { ErrorFields, TransactionStatus } from './engine-host.ts';
import type { EngineState } from './engine-state.ts';
import { errorFields, isFatal, tryErrorFields, unreadableError } from './error-fields.ts';
import { MessageReader } from './message-reader.ts';
import type { Entry } from './response-queue.ts';
import type { Result } from './result.ts';
import { parseParameterDescription, parseRowDescription, withFormats } from './row-description.ts';
import { failBehind, failTransaction, isHolding, withhold } from './row-limit.ts';
import { notice, notification, parameterStatus } from './server-reports.ts';

function outOfStep(what: string): WeirError {
  return new WeirError('protocol_violation', `the target sent ${what} where nothing asked for it`);
}

/** Matches each message of the server with the request that caused it. Every method throws WeirError where the stream cannot be trusted any more. */
export class ServerDispatch {
  readonly #state: EngineState;
  readonly #result: Result;
  readonly #maxHeldBytes: number;
  readonly #publish: () => void;

  constructor(state: EngineState, result: Result, maxHeldBytes: number) {
    this.#state = state;
    this.#result = result;
    this.#maxHeldBytes = maxHeldBytes;
    this.#publish = () => this.#publishCopy();
  }

  /** One whole message, `buffer[frameStart, end)`. */
  message(type: number, buffer: Buffer, frameStart: number, end: number): void {
    const start = frameStart + 5;
    switch (String.fromCharCode(type)) {
      case 'D':
        this.#result.row(this.#head('a row'), buffer, frameStart, end);
        return;
      case 'C':
        this.#complete(buffer, frameStart, end, commandTag(buffer, start, end));
        return;
      case 'I':
        this.#complete(buffer, frameStart, end, 'EmptyQueryResponse');
        return;
      case 's':
        this.#complete(buffer, frameStart, end, 'PortalSuspended');
        return;
      case 'Z':
        this.#ready(buffer, frameStart, end);
        return;
      case 'T':
        this.#rowDescription(buffer, frameStart, end);
        return;
      case 'n':
        this.#described(buffer, frameStart, end, null);
        return;
      case 't':
        this.#parameterDescription(buffer, frameStart, end);
        return;
      case '1':
      case '2':
      case '3':
        this.#acknowledged(type, buffer, frameStart, end);
        return;
      case 'E':
        this.#error(buffer, start, end);
        return;
      default:
        this.#rare(type, buffer, frameStart, end);
        return;
    }
  }

  #rare(type: number, buffer: Buffer, frameStart: number, end: number): void {
    const start = frameStart + 5;
    switch (String.fromCharCode(type)) {
      case 'N':
        notice(this.#state, buffer, start, end);
        return;
      case 'S':
        parameterStatus(this.#state, buffer, frameStart, end);
        return;
      case 'A':
        notification(this.#state, buffer, start, end);
        return;
      case 'G':
        this.#copyIn(buffer, frameStart, end);
        return;
      case 'H':
        this.#copyOut(buffer, frameStart, end);
        return;
      case 'c':
        this.#copyDone(buffer, frameStart, end);
        return;
      default:
        throw outOfStep(`message 0x${type.toString(16).padStart(2, '0')}`);
    }
  }

  #head(what: string): Entry {
    const entry = this.#state.queue.head();
    if (entry === undefined) throw outOfStep(what);
    return entry;
  }

  /** A row or COPY data of that length comes next: what happens to it is known behind this. */
  beforeData(isRow: boolean, length: number): void {
    const result = this.#result;
    const entry = this.#head(isRow ? 'a row' : 'COPY data');
    if (isRow && result.mode === 'closed') this.#beginExecute(entry);
    const isCopy = result.mode === 'codec' || this.#isCopying;
    if (result.mode === 'closed' || (result.mode !== 'swallow' && isCopy === isRow))
      throw outOfStep(isRow ? 'a row' : 'COPY data');
    const isBounded = result.meter !== null || result.rowsLeft !== Number.POSITIVE_INFINITY;
    if (!isBounded || (!isRow && this.#copyFrames?.isRow(length) === false)) return;
    if (result.take(length - 4)) return;
    if (!isRow && result.rowsLeft <= 0) entry.rows = entry.maxRows ?? 0;
    withhold(this.#state, result, entry);
  }

  #isCopying = false;

  /** COPY data comes from the server. */
  get isCopying(): boolean {
    return this.#isCopying;
  }

  #copyFrames: CopyFrames | null = null;

  /** The first answer of an Execute: its rows are as its portal or statement was described. */
  #beginExecute(entry: Entry): void {
    if (entry.kind !== 'execute' || entry.replacement !== null) return;
    if (entry.own !== null) {
      this.#result.mode = 'own';
      return;
    }
    const { portal } = entry;
    if (portal === undefined || !this.#state.prepared.isTrustedPortal(portal))
      throw new WeirError('statement_not_understood', 'a portal was replaced by SQL while it was in use');
    const { statement } = portal;
    const fields =
      portal.fields ??
      (statement.stable && statement.fields ? withFormats(statement.fields, portal.resultFormats) : null);
    if (fields !== null) this.#result.begin(entry, fields);
  }

  #relay(entry: Entry, buffer: Buffer, frameStart: number, end: number): void {
    if (entry.visible) this.#state.toClient.relay(buffer, frameStart, end);
  }

  #acknowledged(type: number, buffer: Buffer, frameStart: number, end: number): void {
    const { queue, prepared } = this.#state;
    const entry = this.#head('an acknowledgement');
    const kind = type === 0x31 ? 'parse' : type === 0x32 ? 'bind' : 'close';
    if (entry.kind !== kind || entry.replacement !== null) throw outOfStep(`the acknowledgement of ${kind}`);
    if (kind === 'parse' && entry.statement) prepared.confirm(entry.statement);
    if (kind === 'bind' && entry.portal) {
      if (!prepared.isTrusted(entry.portal.statement))
        throw new WeirError('statement_not_understood', 'a prepared statement was replaced by SQL while it was in use');
      prepared.confirmPortal(entry.portal);
    }
    if (kind === 'close') entry.own?.closed();
    this.#relay(entry, buffer, frameStart, end);
    queue.shift();
  }

  #rowDescription(buffer: Buffer, frameStart: number, end: number): void {
    const fields = parseRowDescription(buffer, frameStart + 5, end);
    const entry = this.#head('a row description');
    if (entry.kind !== 'query') {
      this.#described(buffer, frameStart, end, fields);
      return;
    }
    if (entry.replacement !== null || this.#result.mode !== 'closed' || entry.hasError)
      throw outOfStep('a row description');
    this.#relay(entry, buffer, frameStart, end);
    this.#result.begin(entry, fields);
  }

  #described(
    buffer: Buffer,
    frameStart: number,
    end: number,
    fields: ReturnType<typeof parseRowDescription> | null,
  ): void {
    const entry = this.#head('a description');
    if (entry.kind === 'describe-statement' && entry.statement) entry.statement.fields = fields;
    else if (entry.kind !== 'describe-portal') throw outOfStep('a description');
    else if (entry.portal) entry.portal.fields = fields;
    this.#relay(entry, buffer, frameStart, end);
    this.#state.queue.shift();
  }

  #parameterDescription(buffer: Buffer, frameStart: number, end: number): void {
    const entry = this.#head('a parameter description');
    if (entry.kind !== 'describe-statement' || !entry.statement) throw outOfStep('a parameter description');
    entry.statement.parameterTypes = parseParameterDescription(buffer, frameStart + 5, end);
    this.#relay(entry, buffer, frameStart, end);
  }

  /** A statement ended well (or is suspended). */
  #complete(buffer: Buffer, frameStart: number, end: number, tag: string): void {
    const state = this.#state;
    const entry = this.#head('the end of a statement');
    if (entry.wrap === 'begin') return;
    if (entry.wrap === 'end') {
      tellCompletion(state, entry, tag);
      return;
    }
    if ((entry.kind !== 'query' && entry.kind !== 'execute') || entry.replacement !== null || this.#isCopying)
      throw outOfStep('the end of a statement');
    if (this.#result.mode === 'closed' && entry.copyIn === 'none') this.#beginExecute(entry);
    this.#result.close();
    state.prepared.noteTag(tag);
    refuseChange(state, entry, tag);
    if (entry.refused !== null) {
      this.#completeRefused(entry, entry.refused, tag);
      return;
    }
    entry.copyIn = 'none';
    if (entry.wrap === 'body') {
      entry.completion = { message: Buffer.from(buffer.subarray(frameStart, end)), tag };
      return;
    }
    this.#relay(entry, buffer, frameStart, end);
    if (entry.own === null) state.finish(entry, tag, null);
    if (entry.kind === 'execute') state.queue.shift();
  }

  /** The host refused this COPY, or rows were withheld: the client gets an error here and nothing more until ReadyForQuery. */
  #completeRefused(entry: Entry, refused: ErrorFields, tag: string): void {
    const { queue } = this.#state;
    if (entry.visible) this.#state.sendToClient(encodeErrorResponse(refused));
    entry.refused = null;
    entry.visible = false;
    entry.isMuted = true;
    const { isLimited } = entry;
    // Of a change that is undone no tag is left.
    this.#state.finish(entry, isLimited && entry.maxAffected === null ? tag : null, refused);
    if (entry.kind === 'query') {
      entry.mustFail = isLimited;
      return;
    }
    queue.shift();
    let sync: Entry | undefined;
    for (const later of queue.all()) {
      later.isMuted = true;
      if (later.kind === 'sync') {
        sync = later;
        break;
      }
      later.visible = false;
    }
    if (sync === undefined) this.#state.isSkipping = true;
    if (isLimited) failBehind(this.#state, entry, sync);
  }

  #ready(buffer: Buffer, frameStart: number, end: number): void {
    const state = this.#state;
    const { queue, host } = state;
    const status = String.fromCharCode(buffer[frameStart + 5] ?? 0);
    if (end - frameStart !== 6 || (status !== 'I' && status !== 'T' && status !== 'E'))
      throw outOfStep('a malformed ReadyForQuery');
    const entry = queue.head();
    const isDoubtful = entry === undefined && state.doubtfulSyncs > 0;
    if (!isDoubtful && entry?.kind !== 'sync' && entry?.kind !== 'query') throw outOfStep('ReadyForQuery');
    if (entry?.kind === 'query' && isUnanswered(entry)) throw outOfStep('ReadyForQuery before any result');
    // While the entry is still in the queue: it is told how its statement ended.
    if (entry?.wrap === 'begin' && status !== 'T') throw outOfStep('the end of a BEGIN');
    if (entry?.wrap === 'body' && status === 'I') throw outOfStep('the end of a transaction that was not its own');
    this.#result.close();
    this.#isCopying = false;
    if (isDoubtful) {
      state.doubtfulSyncs--;
      state.isSkipping = false;
    }
    queue.shift();
    if (entry?.wrap && this.#isInside(entry, status)) return;
    if (entry?.mustFail && status === 'T') {
      failTransaction(state, entry);
      return;
    }
    state.status = status as TransactionStatus;
    if (status === 'I') state.prepared.dropPortals(entry?.segment ?? state.segment - 1);
    if (entry?.own) {
      entry.own.resolve();
      return;
    }
    state.toClient.relay(buffer, frameStart, end);
    host.ready(state.status);
  }

  /** ReadyForQuery of a part of a transaction of our own. @returns whether it goes on */
  #isInside(entry: Entry, status: string): boolean {
    if (entry.wrap === 'end' && status === 'I') return false;
    if (entry.wrap !== 'begin') closeTransaction(this.#state, entry, status);
    return true;
  }

  #error(buffer: Buffer, start: number, end: number): void {
    const state = this.#state;
    const entry = state.queue.head();
    const raw = tryErrorFields(buffer, start, end) ?? unreadableError;
    this.#result.close();
    this.#isCopying = false;
    if (isFatal(raw)) {
      const fatal = state.host.redact(entry?.ticket ?? null, 'error', raw);
      state.end(fatal, () => state.sendToClient(encodeErrorResponse(fatal)));
      return;
    }
    if (entry?.wrap === 'begin') throw outOfStep('an error in place of BEGIN');
    const delivered = this.#deliveredError(entry, raw);
    if (entry === undefined) {
      state.sendToClient(encodeErrorResponse(delivered));
      return;
    }
    // A Describe of ours that fails stands for the client's next message, which would have failed, too.
    if (!entry.isMuted && entry.own === null) state.sendToClient(encodeErrorResponse(delivered));
    if (entry.kind === 'sync') return;
    if (entry.kind === 'query') {
      entry.copyIn = 'none';
      entry.hasError = true;
      if (entry.replacement === null) state.finish(entry, null, delivered);
      return;
    }
    this.#failToSync(entry, delivered);
  }

  #deliveredError(entry: Entry | undefined, raw: ErrorFields): ErrorFields {
    if (entry === undefined) return this.#state.host.redact(null, 'error', raw);
    if (entry.replacement !== null) return entry.replacement;
    if (entry.own !== null) return raw;
    if (entry.refused !== null) return entry.refused;
    const ticket = entry.kind === 'sync' ? this.#state.lastTicket : entry.ticket;
    return this.#state.host.redact(ticket, 'error', raw);
  }

  /** After an error the server discards what was sent up to the next Sync. */
  #failToSync(entry: Entry, error: ErrorFields): void {
    const state = this.#state;
    const { dropped, found } = state.queue.dropToSync();
    const sync = state.queue.head();
    // The cancel of a statement that failed by itself may hit its Sync.
    if (sync !== undefined && entry.refused !== null) sync.isMuted = true;
    if (entry.own !== null && !found) state.ownFailure = state.host.redact(null, 'error', error);
    for (let i = dropped.length - 1; i >= 0; i--) {
      const other = dropped[i]!;
      if (other !== entry) state.abandon(other, false, other.own === null ? null : error);
    }
    state.abandon(entry, true, error);
    if (!found) state.isSkipping = true;
  }

  #statementHead(what: string): Entry {
    const entry = this.#head(what);
    const isStatement =
      (entry.kind === 'query' || entry.kind === 'execute') && entry.replacement === null && entry.own === null;
    if (!isStatement || this.#result.mode !== 'closed' || entry.hasError) throw outOfStep(what);
    return entry;
  }

  #copyIn(buffer: Buffer, frameStart: number, end: number): void {
    const state = this.#state;
    const entry = this.#statementHead('CopyInResponse');
    // The message that waits would be read as COPY data: nobody would ever go on.
    if (state.isMidBind || (state.blockedUntil !== null && !isHolding(state)))
      throw new WeirError('protocol_violation', 'the client sent other messages where COPY data had to come');
    if (!entry.visible) {
      // The client was told that this Query failed and sends no data.
      state.sendToServer(encodeCopyFail('rows of the same query were withheld'));
      return;
    }
    const { ignoredSyncs, ended } = state.queue.enterCopyIn();
    state.doubtfulSyncs += ignoredSyncs;
    entry.copyIn = ended ? 'closed' : 'open';
    const reader = new MessageReader(buffer, frameStart + 5, end);
    const format = reader.byte();
    const look = state.host.copyIn?.(entry.ticket, entry.index, reader.count(), format) ?? null;
    entry.copyReader = look === null ? null : new CopyInReader(look, format);
    this.#relay(entry, buffer, frameStart, end);
  }

  #copyOut(buffer: Buffer, frameStart: number, end: number): void {
    const entry = this.#statementHead('CopyOutResponse');
    const reader = new MessageReader(buffer, frameStart + 5, end);
    const format = reader.byte();
    const columns = reader.count();
    this.#isCopying = true;
    const answer = this.#state.host.copyOut(entry.ticket, entry.index, columns, format);
    if (!entry.visible || answer === 'refuse') {
      this.#result.mode = 'swallow';
      if (answer === 'refuse')
        entry.refused = errorFields(
          '42501',
          'this COPY cannot be masked, so its data was withheld',
          'Use a SELECT, or COPY in text or CSV format.',
        );
      return;
    }
    this.#relay(entry, buffer, frameStart, end);
    const { masks, csv, header, text } = answer;
    if (entry.maxRows !== null) this.#result.rowsLeft = entry.maxRows;
    this.#result.meter = entry.meter;
    this.#copyFrames = createCopyFrames(format, header ?? csv?.header ?? false);
    if (masks === null || masks.every((mask) => mask === null)) {
      this.#result.mode = 'relay';
      return;
    }
    if (masks.length !== columns) throw new WeirError('internal', 'the masks do not fit the columns of the COPY');
    const options = { masks, maxHeldBytes: this.#maxHeldBytes };
    this.#result.codec =
      format === 1
        ? new CopyBinaryCodec(options)
        : csv
          ? new CopyCsvCodec({ ...options, csv })
          : new CopyTextCodec({ ...options, text });
    this.#result.mode = 'codec';
  }

  /** A piece of COPY data for the codec. */
  copyBytes(buffer: Buffer, start: number, end: number): void {
    this.#result.codec!.push(buffer, start, end, this.#state.slab, this.#publish);
  }

  #publishCopy(): void {
    const { slab, toClient } = this.#state;
    this.#head('COPY data').bytes += slab.position - slab.start - 5;
    slab.publish(toClient);
  }

  #copyDone(buffer: Buffer, frameStart: number, end: number): void {
    const entry = this.#head('CopyDone');
    if (!this.#isCopying) throw outOfStep('CopyDone');
    this.#result.codec?.finish();
    this.#isCopying = false;
    this.#result.close();
    if (entry.refused === null) this.#relay(entry, buffer, frameStart, end);
    entry.copyIn = 'closed';
  }
}

function commandTag(buffer: Buffer, start: number, end: number): string {
  if (end <= start || buffer[end - 1] !== 0) throw outOfStep('a malformed CommandComplete');
  return buffer.toString('latin1', start, end - 1);
}

/** Even an empty Query has an answer: a statement that the host let pass must not end without that the host is told. */
function isUnanswered({ own, replacement, wrap, completion, index, hasError }: Entry): boolean {
  // COMMIT of a transaction of our own: the client has still to read that its statement did.
  if (wrap === 'end') return completion !== null && !hasError;
  const isClients = own === null && replacement === null && wrap !== 'begin';
  return isClients && completion === null && index === 0;
}

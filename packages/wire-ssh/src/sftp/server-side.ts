import { isWeirError } from '@weir/errors';
import { ContentTally, plainOutcome } from '../content-tally.ts';
import { FieldReader, tryUtf8, violation } from '../field-reader.ts';
import { readAttributes } from './attributes.ts';
import { filterVersion } from './extensions.ts';
import { encodeRealpath, nameOfStatus, packetType, sftpVersion, statusCode } from './packet.ts';
import { maxHandleBytes, PacketCutter } from './packet-cutter.ts';
import type { OpenFile, Pending, SftpState } from './sftp-state.ts';

/** Id of the request that the filter itself makes, before any of the client's. */
const ownId = 0;

/** Reads what the server answers: it is relayed as it came, and what became of each request is told. */
export class SftpServerSide {
  readonly #state: SftpState;
  readonly #cutter = new PacketCutter(packetType.data);
  /** The server's VERSION, until it is known where it stands. */
  #version: Buffer | null = null;
  /** The file whose DATA is coming, if it passes. */
  #reading: OpenFile | null = null;
  #offset = 0;

  constructor(state: SftpState) {
    this.#state = state;
  }

  feed(bytes: Buffer): void {
    const state = this.#state;
    this.#cutter.push(bytes);
    try {
      while (state.phase !== 'over' && this.#one());
    } catch (error) {
      if (!isWeirError(error)) throw error;
      state.broken(`the target broke sftp: ${error.message}`);
    }
    state.toClient.flush();
    state.toServer.flush();
  }

  #one(): boolean {
    switch (this.#cutter.next()) {
      case 'need':
        return false;
      case 'packet':
        this.#packet();
        return true;
      case 'head':
        this.#dataHead();
        return true;
      case 'piece':
        this.#dataPiece();
        return true;
      case 'broken':
        throw violation(this.#cutter.reason);
    }
  }

  #packet(): void {
    const { buffer, start, end, type } = this.#cutter;
    const state = this.#state;
    if (state.phase !== 'ready') {
      this.#begin(type, buffer.subarray(start, end));
      return;
    }
    if (end - start < 9) throw violation('a packet without an id');
    const id = buffer.readUInt32BE(start + 5);
    const fields = new FieldReader(buffer, start + 9, end);
    if (type === packetType.data) {
      this.#wholeData(id, fields, buffer, start, end);
      return;
    }
    const pending = this.#take(id);
    if (pending.own !== undefined) {
      pending.own(readAnsweredPath(type, fields));
      return;
    }
    try {
      this.#answered(type, pending, fields);
    } catch (error) {
      // It is still open: it ends with the channel.
      state.pending.set(id, pending);
      throw error;
    }
    state.toClient.pass(buffer, start, end);
  }

  #answered(type: number, pending: Pending, fields: FieldReader): void {
    switch (type) {
      case packetType.status:
        this.#status(pending, fields);
        break;
      case packetType.handle:
        this.#handle(pending, fields);
        break;
      case packetType.name:
      case packetType.attrs:
      case packetType.extendedReply:
        this.#succeeded(pending, type, fields);
        break;
      default:
        throw violation(`a packet of type ${type}`);
    }
  }

  /** VERSION, then the answer to where the server stands. */
  #begin(type: number, packet: Buffer): void {
    const state = this.#state;
    if (state.phase === 'version' && type === packetType.version) {
      const { version, bytes } = filterVersion(packet);
      if (version !== sftpVersion)
        throw violation(`it speaks version ${version}, and only ${sftpVersion} is understood`);
      this.#version = bytes;
      state.phase = 'home';
      state.toServer.send(encodeRealpath(ownId, '.'));
      return;
    }
    if (state.phase !== 'home' || this.#version === null) throw violation(`a packet of type ${type} before VERSION`);
    const fields = new FieldReader(packet, 5);
    if (fields.uint32() !== ownId) throw violation('an answer to nothing');
    state.folder = readAnsweredPath(type, fields);
    state.phase = 'ready';
    state.toClient.send(this.#version);
    this.#version = null;
  }

  #take(id: number): Pending {
    const { pending } = this.#state;
    const request = pending.get(id);
    if (request === undefined) throw violation('an answer to a request that nobody made');
    pending.delete(id);
    return request;
  }

  #status(pending: Pending, fields: FieldReader): void {
    const code = fields.uint32();
    const error = code === statusCode.ok ? null : this.#textOf(code, fields);
    const { judged, file, type, offset } = pending;
    if (judged !== null) this.#state.host.fileEnded(judged.decision.ticket, plainOutcome(error));
    if (file === null) return;
    const { tally } = file;
    switch (type) {
      case packetType.read:
        if (code !== statusCode.eof) tally.error ??= error;
        else if (offset === tally.bytesDown) tally.end = offset;
        break;
      case packetType.write:
        tally.error ??= error;
        break;
      case packetType.close:
        if (file.canWrite && (file.request.flags.truncates || file.request.flags.isExclusive))
          tally.end = tally.bytesUp;
        tally.finish(error);
        break;
      default:
    }
  }

  /** The server's words; those of old servers have none. */
  #textOf(code: number, fields: FieldReader): string {
    const said = fields.left >= 4 ? fields.bytes().toString('utf8').slice(0, 1000) : '';
    return said === '' ? nameOfStatus(code) : said;
  }

  #handle({ judged }: Pending, fields: FieldReader): void {
    const handle = fields.bytes();
    if (judged === null || (judged.request.operation !== 'open' && judged.request.operation !== 'list'))
      throw violation('a handle that nobody asked for');
    const key = handle.toString('latin1');
    if (handle.length > maxHandleBytes || this.#state.files.has(key)) throw violation('a handle that cannot be one');
    const { request, decision } = judged;
    const tally = new ContentTally(this.#state.host, request, decision);
    const isDirectory = request.operation === 'list';
    if (isDirectory) tally.passedUnseen();
    this.#state.files.set(key, {
      ...{ request, tally, isDirectory },
      canRead: request.direction === 'download' || request.direction === 'both',
      canWrite: request.direction === 'upload' || request.direction === 'both',
    });
  }

  #succeeded({ judged, file, type }: Pending, answer: number, fields: FieldReader): void {
    if (judged !== null) {
      if (type === packetType.open || type === packetType.opendir) throw violation('an answer of the wrong type');
      this.#state.host.fileEnded(judged.decision.ticket, plainOutcome(null));
    }
    if (type === packetType.read || type === packetType.write || type === packetType.close)
      throw violation('an answer of the wrong type');
    if (type === packetType.fstat && answer === packetType.attrs && file !== null && !file.canWrite)
      file.tally.end = readAttributes(fields).size;
  }

  /** The READ that an answer with content belongs to. */
  #read(id: number): { readonly file: OpenFile; readonly offset: number } {
    const { pending } = this.#state;
    const { type, file = null, offset = 0 } = pending.get(id) ?? {};
    if (type !== packetType.read || file === null) throw violation('content that nobody asked for');
    pending.delete(id);
    return { file, offset };
  }

  #dataHead(): void {
    const { buffer, start, end, payload } = this.#cutter;
    const state = this.#state;
    const id = buffer.readUInt32BE(start + 5);
    const asked = state.phase === 'ready' ? state.pending.get(id)?.file : null;
    if (asked?.tally.wantsContent === true) {
      this.#cutter.collect();
      return;
    }
    const { file, offset } = this.#read(id);
    const refusal = file.tally.refuse('download', offset, payload);
    this.#reading = refusal === null ? file : null;
    this.#offset = offset;
    if (refusal !== null) {
      state.deny(id, refusal);
      return;
    }
    state.toClient.pass(buffer, start, end);
    state.isMidPayload = payload > 0;
  }

  #dataPiece(): void {
    const { buffer, start, end, payload } = this.#cutter;
    if (this.#reading === null) return;
    this.#reading.tally.passed('download', this.#offset, buffer, start, end);
    this.#offset += end - start;
    this.#state.toClient.pass(buffer, start, end);
    if (payload > 0) return;
    this.#reading = null;
    this.#state.endPayload();
  }

  /** DATA that was put together, for its content is looked at. */
  #wholeData(id: number, fields: FieldReader, buffer: Buffer, start: number, end: number): void {
    const content = fields.bytes();
    fields.finish();
    const { file, offset } = this.#read(id);
    const { tally } = file;
    const refusal = tally.refuse('download', offset, content.length) ?? tally.look('download', offset, content);
    if (refusal !== null) {
      this.#state.deny(id, refusal);
      return;
    }
    tally.passed('download', offset, content, 0, content.length);
    this.#state.toClient.pass(buffer, start, end);
  }
}

/** The absolute path in the answer to REALPATH; null = it says none. @throws WeirError protocol_violation when it is no answer to one */
function readAnsweredPath(type: number, fields: FieldReader): string | null {
  if (type === packetType.status) return null;
  if (type !== packetType.name) throw violation(`a packet of type ${type}`);
  if (fields.uint32() !== 1) return null;
  const path = tryUtf8(fields.bytes());
  return path?.startsWith('/') === true ? path : null;
}

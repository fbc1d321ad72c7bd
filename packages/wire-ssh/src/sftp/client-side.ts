import { isWeirError } from '@weir/errors';
import { FieldReader } from '../field-reader.ts';
import type { Judging } from '../judging.ts';
import type { FileRequest } from '../ssh-request.ts';
import { readAttributes } from './attributes.ts';
import { isSftpExtension } from './extensions.ts';
import { copyOperation, readExtendedOperation, readOperation } from './file-operations.ts';
import { encodeInit, encodeRealpath, nameOfStatus, packetType, statusCode } from './packet.ts';
import { PacketCutter } from './packet-cutter.ts';
import { joinRealPath, type RealPathQuestion, realPathQuestions } from './real-path.ts';
import { maxHandles, type OpenFile, type Pending, type SftpState } from './sftp-state.ts';

/** A WRITE whose payload is coming. `refusal` null = it passes. */
interface CurrentWrite {
  readonly id: number;
  readonly file: OpenFile | null;
  readonly refusal: string | null;
  offset: number;
}

/** A packet as it came. */
interface Packet {
  readonly id: number;
  readonly type: number;
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
}

/** Reads what the client asks for: what may go on is relayed as it came, the rest is answered here. */
export class SftpClientSide {
  readonly #state: SftpState;
  readonly #judging: Judging;
  readonly #note: (text: string) => void;
  readonly #cutter = new PacketCutter(packetType.write);
  #write: CurrentWrite | null = null;
  #isPumping = false;
  /** The server is asked where a path leads. */
  #isResolving = false;

  constructor(state: SftpState, judging: Judging, note: (text: string) => void) {
    this.#state = state;
    this.#judging = judging;
    this.#note = note;
  }

  get isWaiting(): boolean {
    const { phase, isFull } = this.#state;
    return this.#judging.isOpen || this.#isResolving || phase === 'version' || phase === 'home' || isFull;
  }

  feed(bytes: Buffer): void {
    this.#cutter.push(bytes);
    this.pump();
  }

  /** Handles what has arrived, up to the next wait. */
  pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      while (this.#state.phase !== 'over' && !this.isWaiting) if (!this.#one()) break;
    } finally {
      this.#isPumping = false;
    }
    this.#state.toServer.flush();
    if (!this.#state.isMidPayload) this.#state.toClient.flush();
  }

  #one(): boolean {
    switch (this.#cutter.next()) {
      case 'need':
        return false;
      case 'packet':
        this.#packet();
        return true;
      case 'head':
        this.#writeHead();
        return true;
      case 'piece':
        this.#writePiece();
        return true;
      case 'broken':
        this.#state.broken(`the client sent ${this.#cutter.reason} in sftp`);
        return false;
    }
  }

  #packet(): void {
    const { buffer, start, end, type } = this.#cutter;
    const state = this.#state;
    if (state.phase === 'init') {
      if (type !== packetType.init || end - start < 9) {
        state.broken('the client does not begin sftp by INIT');
        return;
      }
      // Of our own: no version and no extension but those that are understood.
      state.phase = 'version';
      state.toServer.send(encodeInit());
      return;
    }
    const id = end - start < 9 ? -1 : buffer.readUInt32BE(start + 5);
    if (id < 0 || state.pending.has(id)) {
      state.broken(id < 0 ? 'the client sent a request without an id in sftp' : 'the client used an id of sftp twice');
      return;
    }
    const fields = new FieldReader(buffer, start + 9, end);
    try {
      this.#request({ id, type, buffer, start, end }, fields);
    } catch (error) {
      if (!isWeirError(error)) throw error;
      this.#note(`a request of sftp: ${error.message}`);
      state.reply(id, statusCode.badMessage, `weir: ${error.message}`);
    }
  }

  #request(packet: Packet, fields: FieldReader): void {
    switch (packet.type) {
      case packetType.read:
        this.#read(packet, fields);
        break;
      case packetType.write:
        this.#wholeWrite(packet, fields);
        break;
      case packetType.close:
        this.#close(packet, fields);
        break;
      case packetType.readdir:
      case packetType.fstat:
        this.#withHandle(packet, fields, (file) => packet.type === packetType.fstat || file.isDirectory);
        break;
      case packetType.fsetstat:
        this.#setAttributes(packet, fields);
        break;
      case packetType.extended:
        this.#extended(packet, fields);
        break;
      default: {
        const request = readOperation(packet.type, fields, this.#state.context);
        if (request === undefined) {
          this.#unsupported(packet.id, `a packet of type ${packet.type}`);
          return;
        }
        fields.finish();
        this.#judge(packet, request);
      }
    }
  }

  #judge(packet: Packet, request: FileRequest): void {
    const state = this.#state;
    if (state.files.size >= maxHandles) {
      state.reply(packet.id, statusCode.failure, `weir: more than ${maxHandles} files are open`);
      return;
    }
    this.#resolve(request, state.isByLetters ? [] : realPathQuestions(request), (resolved) => {
      this.#judging.ask(resolved, (decision) => {
        if (state.phase === 'over') return;
        if (decision.action === 'deny') state.deny(packet.id, decision.text);
        else this.#pass(packet, { type: packet.type, judged: { request: resolved, decision }, file: null, offset: 0 });
      });
    });
  }

  /** Asks the server where paths really lead, one after the other; what the client sends waits. */
  #resolve(
    request: FileRequest,
    [question, ...more]: readonly RealPathQuestion[],
    done: (resolved: FileRequest) => void,
  ): void {
    if (question === undefined) {
      done(request);
      return;
    }
    const state = this.#state;
    const id = state.freeId();
    this.#isResolving = true;
    const own = (path: string | null) => {
      this.#isResolving = false;
      const real = path === null ? null : joinRealPath(path, question.name);
      this.#resolve({ ...request, [question.field]: real }, more, done);
    };
    state.pending.set(id, { type: packetType.realpath, judged: null, file: null, offset: 0, own });
    state.toServer.send(encodeRealpath(id, question.path));
  }

  /** The packet goes on as it came. */
  #pass({ id, buffer, start, end }: Packet, pending: Pending): void {
    this.#state.pending.set(id, pending);
    this.#state.toServer.pass(buffer, start, end);
  }

  #file(fields: FieldReader): OpenFile | undefined {
    return this.#state.files.get(fields.bytes().toString('latin1'));
  }

  #noHandle(id: number): void {
    this.#state.reply(id, statusCode.failure, 'weir: no such handle');
  }

  #read(packet: Packet, fields: FieldReader): void {
    const file = this.#file(fields);
    const offset = fields.uint64();
    fields.uint32();
    fields.finish();
    if (file === undefined || file.isDirectory) this.#noHandle(packet.id);
    else if (!file.canRead) this.#state.deny(packet.id, `weir: ${file.request.path} was not opened for reading`);
    else if (file.tally.refused !== null) this.#state.deny(packet.id, file.tally.refused);
    else this.#pass(packet, { type: packet.type, judged: null, file, offset });
  }

  #close(packet: Packet, fields: FieldReader): void {
    const handle = fields.bytes().toString('latin1');
    fields.finish();
    const file = this.#state.files.get(handle);
    if (file === undefined) {
      this.#noHandle(packet.id);
      return;
    }
    this.#state.files.delete(handle);
    this.#pass(packet, { type: packet.type, judged: null, file, offset: 0 });
  }

  #withHandle(packet: Packet, fields: FieldReader, fits: (file: OpenFile) => boolean): void {
    const file = this.#file(fields);
    fields.finish();
    if (file === undefined || !fits(file)) this.#noHandle(packet.id);
    else this.#pass(packet, { type: packet.type, judged: null, file, offset: 0 });
  }

  /** Attributes of a file that is open for writing belong to the writing; else they are an operation of their own. */
  #setAttributes(packet: Packet, fields: FieldReader): void {
    const file = this.#file(fields);
    const { size, mode } = readAttributes(fields);
    fields.finish();
    if (file === undefined) {
      this.#noHandle(packet.id);
      return;
    }
    const refusal = size === null ? null : file.tally.refuse('upload', size, 0);
    if (refusal !== null) {
      this.#state.deny(packet.id, refusal);
      return;
    }
    if (!file.canWrite) {
      this.#judge(packet, { ...file.request, operation: 'setstat', direction: 'change', size, mode });
      return;
    }
    if (size !== null && size !== file.tally.bytesUp) file.tally.passedUnseen();
    this.#pass(packet, { type: packet.type, judged: null, file, offset: 0 });
  }

  #extended(packet: Packet, fields: FieldReader): void {
    const name = fields.bytes().toString('latin1');
    if (!isSftpExtension(name)) {
      this.#unsupported(packet.id, `the extended request ${JSON.stringify(name.slice(0, 64))}`);
      return;
    }
    switch (name) {
      case 'fsync@openssh.com':
      case 'fstatvfs@openssh.com':
        this.#withHandle(packet, fields, () => true);
        return;
      case 'copy-data':
        this.#copy(packet, fields);
        return;
      case 'users-groups-by-id@openssh.com':
        fields.bytes();
        fields.bytes();
        break;
      case 'limits@openssh.com':
        break;
      default: {
        const request = readExtendedOperation(name, fields, this.#state.context);
        fields.finish();
        if (request !== undefined) this.#judge(packet, request);
        return;
      }
    }
    fields.finish();
    this.#pass(packet, { type: packet.type, judged: null, file: null, offset: 0 });
  }

  /** The target copies by itself: what has to be looked at, or must not pass a size, is not copied so. */
  #copy(packet: Packet, fields: FieldReader): void {
    const from = this.#file(fields);
    fields.uint64();
    const length = fields.uint64();
    const to = this.#file(fields);
    fields.uint64();
    fields.finish();
    if (from === undefined || to === undefined || !from.canRead || !to.canWrite) {
      this.#noHandle(packet.id);
      return;
    }
    for (const { tally, request } of [from, to]) {
      if (tally.wantsContent || tally.maxBytes !== null) {
        this.#state.deny(
          packet.id,
          `weir: the content of ${request.path} has to be looked at, which a copy at the target does not allow`,
        );
        return;
      }
    }
    to.tally.passedUnseen();
    this.#judge(packet, copyOperation(from.request, to.request, length, this.#state.context));
  }

  /** Why a WRITE must not pass; null = it may. */
  #refusalOfWrite(file: OpenFile | undefined, offset: number, length: number): string | null {
    if (file === undefined || file.isDirectory) return 'weir: no such handle';
    if (!file.canWrite) return `weir: ${file.request.path} was not opened for writing`;
    return file.tally.refuse('upload', offset, length);
  }

  #writeHead(): void {
    const { buffer, start, end, payload } = this.#cutter;
    const state = this.#state;
    const id = buffer.readUInt32BE(start + 5);
    if (state.phase !== 'ready' || state.pending.has(id)) {
      state.broken(
        state.phase === 'ready' ? 'the client used an id of sftp twice' : 'the client does not begin sftp by INIT',
      );
      return;
    }
    const fields = new FieldReader(buffer, start + 9, end);
    const file = this.#file(fields);
    const offset = fields.uint64();
    const refusal = this.#refusalOfWrite(file, offset, payload);
    if (refusal === null && file?.tally.wantsContent === true) {
      this.#cutter.collect();
      return;
    }
    this.#write = { id, file: file ?? null, refusal, offset };
    if (refusal === null)
      this.#pass({ id, type: packetType.write, buffer, start, end }, this.#pendingWrite(file ?? null));
    if (payload === 0) this.#endWrite();
  }

  #writePiece(): void {
    const write = this.#write;
    const { buffer, start, end, payload } = this.#cutter;
    if (write !== null && write.refusal === null) {
      write.file?.tally.passed('upload', write.offset, buffer, start, end);
      write.offset += end - start;
      this.#state.toServer.pass(buffer, start, end);
    }
    if (payload === 0) this.#endWrite();
  }

  #endWrite(): void {
    const write = this.#write;
    this.#write = null;
    if (write !== null && write.refusal !== null) this.#refuseWrite(write.id, write.file, write.refusal);
  }

  #refuseWrite(id: number, file: OpenFile | null, refusal: string): void {
    if (file === null || file.isDirectory) this.#noHandle(id);
    else this.#state.deny(id, refusal);
  }

  /** A WRITE that was put together, for its content is looked at. */
  #wholeWrite(packet: Packet, fields: FieldReader): void {
    const file = this.#file(fields);
    const offset = fields.uint64();
    const content = fields.bytes();
    fields.finish();
    const refusal =
      this.#refusalOfWrite(file, offset, content.length) ?? file?.tally.look('upload', offset, content) ?? null;
    if (refusal !== null || file === undefined) {
      this.#refuseWrite(packet.id, file ?? null, refusal ?? nameOfStatus(statusCode.failure));
      return;
    }
    file.tally.passed('upload', offset, content, 0, content.length);
    this.#pass(packet, this.#pendingWrite(file));
  }

  #pendingWrite(file: OpenFile | null): Pending {
    return { type: packetType.write, judged: null, file, offset: 0 };
  }

  #unsupported(id: number, what: string): void {
    this.#note(`${what} of sftp`);
    this.#state.reply(id, statusCode.unsupported, `weir: ${what} is not understood`);
  }
}

import { encodeDataHead, encodeExtendedDataHead, encodeMessage, encodeRequest } from './encode-message.ts';
import { extendedDataStderr } from './message-number.ts';
import type { ExitSignal } from './messages.ts';
import type { OutputStream } from './session-host.ts';

/** Largest payload of one message to the client, bytes. */
const maxPayloadBytes = 1024 * 1024;
const success = encodeMessage({ type: 'success' });
const failure = encodeMessage({ type: 'failure' });
const eof = encodeMessage({ type: 'eof' });
const close = encodeMessage({ type: 'close' });

/** What a session channel's client gets, in the order that the protocol asks for: output, exit, EOF, CLOSE, each at most once. */
export class SessionOutlet {
  /** Nothing more may be sent. */
  isClosed = false;
  #hasExited = false;
  #hasEof = false;
  readonly #send: (bytes: Buffer) => void;

  constructor(send: (bytes: Buffer) => void) {
    this.#send = send;
  }

  get hasEof(): boolean {
    return this.#hasEof;
  }

  data(stream: OutputStream, bytes: Buffer): void {
    if (this.#hasEof || this.isClosed) return;
    for (let at = 0; at < bytes.length; at += maxPayloadBytes) {
      const part = bytes.length <= maxPayloadBytes ? bytes : bytes.subarray(at, at + maxPayloadBytes);
      this.#send(
        stream === 'stdout' ? encodeDataHead(part.length) : encodeExtendedDataHead(extendedDataStderr, part.length),
      );
      this.#send(part);
    }
  }

  /** Lines for the person; behind a terminal they end with CR LF. */
  text(text: string, isTerminal: boolean): void {
    const lines = text.endsWith('\n') ? text : `${text}\n`;
    this.data('stderr', Buffer.from(isTerminal ? lines.replaceAll(/\r?\n/g, '\r\n') : lines));
  }

  answer(wantReply: boolean, isSuccess: boolean): void {
    if (wantReply && !this.isClosed) this.#send(isSuccess ? success : failure);
  }

  exitStatus(status: number): void {
    if (this.isClosed || this.#hasExited) return;
    this.#hasExited = true;
    this.#send(encodeRequest({ name: 'exit-status', status }));
  }

  exitSignal({ signal, isCoreDumped, message }: ExitSignal): void {
    if (this.isClosed || this.#hasExited) return;
    this.#hasExited = true;
    this.#send(encodeRequest({ name: 'exit-signal', signal, isCoreDumped, message }));
  }

  endOfWrite(): void {
    if (!this.isClosed) this.#send(encodeRequest({ name: 'eow@openssh.com' }));
  }

  eof(): void {
    if (this.#hasEof || this.isClosed) return;
    this.#hasEof = true;
    this.#send(eof);
  }

  close(): void {
    if (this.isClosed) return;
    this.eof();
    this.isClosed = true;
    this.#send(close);
  }
}

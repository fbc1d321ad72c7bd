import { type ChannelRequest, encodeRequest } from '@weir/wire-ssh';
import type { Client } from 'ssh2';
import { adoptChannel, protocolOf, type Ssh2Channel, type Ssh2End, sendMessage } from './ssh2-internals.ts';

/** What a channel of the target says, in its order. */
export type TargetChannelEvent =
  | { readonly type: 'data'; readonly stream: 'stdout' | 'stderr'; readonly bytes: Buffer }
  | { readonly type: 'exit-status'; readonly status: number }
  | {
      readonly type: 'exit-signal';
      /** Without SIG. */
      readonly signal: string;
      readonly isCoreDumped: boolean;
      readonly message: string;
    }
  /** What still comes for its input is not read any more. */
  | { readonly type: 'eow' }
  /** Both streams have ended. */
  | { readonly type: 'eof' }
  | { readonly type: 'close' };

/** Credit that the target has at most, bytes, and the largest packet that it may send: ssh2 takes none above 35,000 bytes. */
export const channelWindowBytes = 2 * 1024 * 1024;
export const channelPacketBytes = 32 * 1024;
/** Credit goes back when so much of it was used. */
const adjustBytes = channelWindowBytes / 4;

/**
 * A channel to the target, in ssh2's place of one: events keep their order, data is handed on without a copy, and nothing is read ahead beyond the
 * window while it is paused.
 */
export class TargetChannel implements Ssh2Channel {
  readonly type: string;
  readonly incoming: Ssh2End;
  readonly outgoing: Ssh2End;
  readonly _exit: Ssh2Channel['_exit'] = {};
  _callbacks: ((isRefused: boolean) => void)[] = [];
  _waitWindow = false;
  _chunkcb: (() => void) | undefined;
  _waitChanDrain = false;
  readable = true;
  readonly stderr: Ssh2Channel['stderr'];
  onEvent: (event: TargetChannelEvent) => void;
  /** The target takes data again. */
  onDrain: () => void = () => undefined;
  readonly #client: Client;
  #isPaused = false;
  readonly #kept: TargetChannelEvent[] = [];
  #used = 0;
  #isClosed = false;
  #pending: Buffer[] = [];
  #isEnding = false;

  constructor(
    client: Client,
    type: string,
    ends: { readonly incoming: Ssh2End; readonly outgoing: Ssh2End },
    onEvent: (event: TargetChannelEvent) => void,
  ) {
    this.type = type;
    this.incoming = ends.incoming;
    this.incoming.window = channelWindowBytes;
    this.outgoing = ends.outgoing;
    this.onEvent = onEvent;
    this.#client = client;
    this.stderr = {
      readable: false,
      destroyed: true,
      push: (bytes) => {
        if (bytes !== null) this.#happened({ type: 'data', stream: 'stderr', bytes });
        return false;
      },
      emit: () => undefined,
    };
    adoptChannel(client, this);
  }

  /** Sends data. @returns false: the target has no room, `onDrain` follows */
  write(bytes: Buffer): boolean {
    if (this.outgoing.state !== 'open' || this.#isEnding) return true;
    this.#pending.push(bytes);
    this.#flush();
    return this.#pending.length === 0;
  }

  /** The input ends behind what was written. */
  eof(): void {
    this.#isEnding = true;
    this.#flush();
  }

  /** Sends a channel request. `answered` makes it one with a reply; true = done. */
  request(request: ChannelRequest, answered?: (isDone: boolean) => void): void {
    if (this.outgoing.state !== 'open' && this.outgoing.state !== 'eof') {
      answered?.(false);
      return;
    }
    if (answered !== undefined) this._callbacks.push((isRefused) => answered(!isRefused));
    const encoded = encodeRequest(request, answered !== undefined);
    // Lanes leave out the channel's number, and have a length in front.
    const payload = Buffer.allocUnsafe(encoded.length);
    payload[0] = encoded[4] as number;
    payload.writeUInt32BE(this.outgoing.id, 1);
    encoded.copy(payload, 5, 5);
    sendMessage(protocolOf(this.#client), payload);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    while (!this.#isPaused) {
      const event = this.#kept.shift();
      if (event === undefined) break;
      this.#deliver(event);
    }
  }

  // What follows is called by ssh2.

  push(bytes: Buffer | null): boolean {
    if (bytes !== null) this.#happened({ type: 'data', stream: 'stdout', bytes });
    else if (this.readable) {
      this.readable = false;
      this.#happened({ type: 'eof' });
    }
    // Credit is given here, not by ssh2.
    return false;
  }

  emit(event: string, ...rest: unknown[]): void {
    if (event === 'eow') this.#happened({ type: 'eow' });
    else if (event === 'exit') this.#exited(rest);
    else if (event === 'close' && !this.#isClosed) {
      this.#isClosed = true;
      this.#pending = [];
      this.#happened({ type: 'close' });
    }
  }

  end(): void {
    this.#pending = [];
  }

  close(): void {
    if (this.outgoing.state !== 'open' && this.outgoing.state !== 'eof') return;
    this.#flush();
    this.outgoing.state = 'closing';
    this.#pending = [];
    protocolOf(this.#client).channelClose(this.outgoing.id);
  }

  #exited([status, signal, isCoreDumped, message]: readonly unknown[]): void {
    if (typeof status === 'number') this.#happened({ type: 'exit-status', status });
    else {
      const name = String(signal ?? '').replace(/^SIG/, '');
      this.#happened({
        ...{ type: 'exit-signal', signal: name },
        ...{ isCoreDumped: isCoreDumped === true, message: String(message ?? '') },
      });
    }
  }

  #happened(event: TargetChannelEvent): void {
    if (this.#isPaused) this.#kept.push(event);
    else this.#deliver(event);
  }

  #deliver(event: TargetChannelEvent): void {
    this.onEvent(event);
    if (event.type !== 'data') return;
    this.#used += event.bytes.length;
    if (this.#used < adjustBytes || this.incoming.state !== 'open') return;
    this.incoming.window += this.#used;
    protocolOf(this.#client).channelWindowAdjust(this.outgoing.id, this.#used);
    this.#used = 0;
  }

  #flush(): void {
    const { outgoing } = this;
    const protocol = protocolOf(this.#client);
    while (outgoing.state === 'open') {
      const next = this.#pending[0];
      if (next === undefined) break;
      if (outgoing.window === 0) {
        this._waitWindow = true;
        this._chunkcb = () => this.#gotWindow();
        return;
      }
      const length = Math.min(next.length, outgoing.window, outgoing.packetSize);
      protocol.channelData(outgoing.id, length === next.length ? next : next.subarray(0, length));
      outgoing.window -= length;
      if (length === next.length) this.#pending.shift();
      else this.#pending[0] = next.subarray(length);
    }
    if (!this.#isEnding || outgoing.state !== 'open') return;
    outgoing.state = 'eof';
    protocol.channelEOF(outgoing.id);
  }

  #gotWindow(): void {
    this.#flush();
    if (this.#pending.length === 0) this.onDrain();
  }
}

import { isWeirError } from '@weir/errors';
import { encodeDataHead, encodeMessage } from './encode-message.ts';
import type { Forward, ForwardAction, ForwardEngine, ForwardEvent, ForwardHost } from './forward-host.ts';
import { Inbox } from './inbox.ts';
import { Judging } from './judging.ts';
import { openFailure } from './message-number.ts';
import type { SshMessage } from './messages.ts';
import type { SessionOptions } from './session-host.ts';
import type { Destination, SshDecision } from './ssh-request.ts';

/** Longest host name or path of a destination, bytes. */
const maxDestinationBytes = 4096;
const confirmation = encodeMessage({ type: 'open-confirmation' });
const eof = encodeMessage({ type: 'eof' });
const close = encodeMessage({ type: 'close' });

/** Makes the engine of one forwarded channel (RFC 4254, section 7.2; OpenSSH's PROTOCOL): judged as a whole, then bytes both ways as they are. */
export function createForwardEngine(host: ForwardHost, forward: Forward, options: SessionOptions = {}): ForwardEngine {
  return new ForwardedChannel(host, forward, options);
}

/** Did the target open it? */
const isIncoming = ({ kind }: Forward) => kind !== 'direct-tcpip' && kind !== 'direct-streamlocal';

function destinationOf(forward: Forward): Destination | null {
  return 'destination' in forward ? forward.destination : null;
}

/** Why a destination cannot be one; null = it can. */
export function flawOfDestination(destination: Destination): string | null {
  const name = 'path' in destination ? destination.path : destination.host;
  if (name.includes('\0')) return 'the destination holds a NUL';
  if (Buffer.byteLength(name) > maxDestinationBytes)
    return `the destination is longer than ${maxDestinationBytes} bytes`;
  if ('path' in destination) return name === '' ? 'the destination is empty' : null;
  return destination.port > 65_535 ? 'the port of the destination is greater than 65535' : null;
}

class ForwardedChannel implements ForwardEngine {
  readonly #host: ForwardHost;
  readonly #forward: Forward;
  readonly #resumed: () => void;
  readonly #inbox = new Inbox();
  readonly #judging: Judging;
  /** `asking`: judged, or the client asked whether it takes what the target opened; `opening`: at the target. */
  #phase: 'asking' | 'opening' | 'open' | 'over' = 'asking';
  #isAllowed = false;
  #ticket: unknown = null;
  #bytesUp = 0;
  #bytesDown = 0;
  #hasClientEof = false;
  #hasServerEof = false;
  #isPumping = false;

  constructor(host: ForwardHost, forward: Forward, options: SessionOptions) {
    this.#host = host;
    this.#forward = forward;
    this.#resumed = options.resumed ?? (() => undefined);
    this.#judging = new Judging(host, () => undefined);
  }

  get paused(): boolean {
    return this.#phase === 'asking' || this.#phase === 'opening';
  }

  start(): void {
    const destination = destinationOf(this.#forward);
    const flaw = destination === null || isIncoming(this.#forward) ? null : flawOfDestination(destination);
    if (flaw === null) {
      this.#judging.ask(this.#forward, (decision) => this.#decided(decision));
      return;
    }
    this.#host.note('refused', flaw);
    this.#fail(openFailure.prohibited, `weir: ${flaw}`);
  }

  fromClient(bytes: Buffer): void {
    if (this.#phase === 'over') return;
    this.#inbox.push(bytes);
    this.#pump();
  }

  fromServer(event: ForwardEvent): void {
    if (this.#phase === 'over' || !this.#isAllowed) return;
    switch (event.type) {
      case 'opened':
        if (this.#phase === 'opening') this.#opened();
        break;
      case 'refused':
        if (this.#phase === 'opening') this.#fail(event.reason, event.text);
        break;
      case 'data':
        if (this.#phase !== 'open' || this.#hasServerEof || event.bytes.length === 0) return;
        this.#bytesDown += event.bytes.length;
        this.#host.toClient(encodeDataHead(event.bytes.length));
        this.#host.toClient(event.bytes);
        break;
      case 'eof':
        this.#serverEof();
        break;
      case 'close':
        if (this.#phase === 'open') this.#over(null);
        else this.#fail(openFailure.connectFailed, 'weir: the target closed the channel before it was open');
        break;
    }
  }

  kill(text: string): void {
    if (this.#phase === 'open') this.#over(null);
    else this.#fail(openFailure.prohibited, text);
  }

  abandon(): void {
    this.#end('the channel was closed');
  }

  #decided(decision: SshDecision): void {
    if (decision.action === 'deny') {
      this.#fail(openFailure.prohibited, decision.text);
      return;
    }
    this.#isAllowed = true;
    this.#ticket = decision.ticket;
    if (isIncoming(this.#forward)) {
      // The client is asked first; its answer is awaited in `asking`.
      this.#host.toClient(confirmation);
      this.#pump();
    } else this.#open();
  }

  #open(): void {
    this.#phase = 'opening';
    this.#act({ type: 'open' });
  }

  #opened(): void {
    this.#phase = 'open';
    if (!isIncoming(this.#forward)) this.#host.toClient(confirmation);
    this.#pump();
    this.#resumed();
  }

  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      for (;;) {
        if (this.#phase === 'over') return;
        if (this.#phase !== 'open') {
          this.#inbox.look((message) => this.#handleEarly(message));
          return;
        }
        const message = this.#inbox.next();
        if (message === null) return;
        this.#handle(message);
      }
    } catch (error) {
      if (!isWeirError(error)) throw error;
      // What lies behind the client's CLOSE means nothing.
      if (this.#phase === 'over') return;
      this.#host.note('protocol', error.message);
      this.kill(`weir: the client broke the protocol: ${error.message}`);
    } finally {
      this.#isPumping = false;
    }
  }

  /** What counts before the channel is open. */
  #handleEarly(message: SshMessage): boolean {
    if (this.#phase === 'over') return true;
    switch (message.type) {
      case 'close':
        this.#end('the client closed the channel');
        return true;
      case 'open-confirmation':
        if (this.#phase === 'asking' && this.#isAllowed && isIncoming(this.#forward)) this.#open();
        return true;
      case 'open-failure':
        if (isIncoming(this.#forward)) this.#refusedByClient(message.reason, message.text);
        return true;
      default:
        return false;
    }
  }

  #handle(message: SshMessage): void {
    switch (message.type) {
      case 'data':
        if (this.#hasClientEof) return;
        this.#bytesUp += message.bytes.length;
        this.#act({ type: 'data', bytes: message.bytes });
        break;
      case 'eof':
        if (this.#hasClientEof) return;
        this.#hasClientEof = true;
        this.#act({ type: 'eof' });
        break;
      case 'close':
        this.#over(null);
        break;
      case 'request':
        // No request has a meaning here: refused as RFC 4254 section 5.4 says.
        if (message.wantReply) this.#host.toClient(encodeMessage({ type: 'failure' }));
        break;
      default:
    }
  }

  #refusedByClient(reason: number, text: string): void {
    this.#act({ type: 'refuse', reason, text });
    this.#finish(`the client refused it: ${text}`);
  }

  #serverEof(): void {
    if (this.#phase !== 'open' || this.#hasServerEof) return;
    this.#hasServerEof = true;
    this.#host.toClient(eof);
  }

  #act(action: ForwardAction): void {
    this.#host.toServer(action);
  }

  /** It does not come about. */
  #fail(reason: number, text: string): void {
    if (this.#phase === 'over') return;
    const wasOpening = this.#phase === 'opening';
    if (isIncoming(this.#forward)) {
      if (!wasOpening) this.#act({ type: 'refuse', reason, text });
      // A channel that the client has is closed, not refused.
      this.#host.toClient(wasOpening ? close : encodeMessage({ type: 'open-failure', reason, text }));
    } else {
      if (wasOpening) this.#act({ type: 'close' });
      this.#host.toClient(encodeMessage({ type: 'open-failure', reason, text }));
    }
    this.#finish(text);
  }

  /** An open channel ends, from whichever side. */
  #over(error: string | null): void {
    if (this.#phase === 'over') return;
    this.#act({ type: 'close' });
    this.#serverEof();
    this.#host.toClient(close);
    this.#finish(error);
  }

  /** Nobody hears of the end at the client any more. */
  #end(why: string): void {
    if (this.#phase === 'over') return;
    if (this.#phase === 'asking' && isIncoming(this.#forward))
      this.#act({ type: 'refuse', reason: openFailure.connectFailed, text: why });
    else if (this.#phase !== 'asking') this.#act({ type: 'close' });
    this.#finish(this.#phase === 'open' ? null : why);
  }

  #finish(error: string | null): void {
    this.#phase = 'over';
    this.#judging.end();
    this.#inbox.clear();
    if (this.#isAllowed) {
      this.#host.forwardEnded(this.#ticket, {
        destination: destinationOf(this.#forward),
        bytesUp: this.#bytesUp,
        bytesDown: this.#bytesDown,
        error,
      });
    }
    this.#host.end();
  }
}

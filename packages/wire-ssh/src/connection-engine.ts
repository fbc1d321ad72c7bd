import { isWeirError } from '@weir/errors';
import type { ConnectionEngine, ConnectionEvent, ConnectionHost } from './connection-host.ts';
import { encodeMessage } from './encode-message.ts';
import { flawOfDestination } from './forward-engine.ts';
import { Inbox } from './inbox.ts';
import { Judging } from './judging.ts';
import { disconnectReason, openFailure } from './message-number.ts';
import type { Endpoint, GlobalRequest, SshMessage } from './messages.ts';
import type { SessionOptions } from './session-host.ts';
import type { Destination, SshRequest } from './ssh-request.ts';

/** Places that the target may listen at for one connection. */
const maxListeners = 100;

/** Makes the engine of the lane channel that stands for a client's whole connection: global requests down, announced channels up (RFC 4254, sections 4 and 7.1). */
export function createConnectionEngine(host: ConnectionHost, options: SessionOptions = {}): ConnectionEngine {
  return new Connection(host, options);
}

/** A listener at the target. */
interface Listener {
  readonly at: Destination;
  readonly ticket: unknown;
}

/** What is awaited of the target. */
type Outstanding = { readonly wantReply: boolean } & (
  | { readonly type: 'listen'; readonly at: Destination; readonly ticket: unknown }
  | { readonly type: 'unlisten'; readonly key: string }
);

class Connection implements ConnectionEngine {
  readonly #host: ConnectionHost;
  readonly #resumed: () => void;
  readonly #inbox = new Inbox();
  readonly #judging: Judging;
  readonly #listeners = new Map<string, Listener>();
  #isReady = false;
  #isOver = false;
  #outstanding: Outstanding | null = null;
  #isPumping = false;
  readonly #noted = new Set<string>();

  constructor(host: ConnectionHost, options: SessionOptions) {
    this.#host = host;
    this.#resumed = options.resumed ?? (() => undefined);
    this.#judging = new Judging(host, () => this.#goOn());
  }

  /** Requests wait for the sign-in at the target, too. */
  get paused(): boolean {
    return !this.#isOver && this.#isWaiting;
  }

  fromClient(bytes: Buffer): void {
    if (this.#isOver) return;
    this.#inbox.push(bytes);
    this.#pump();
  }

  fromServer(event: ConnectionEvent): void {
    if (this.#isOver) return;
    switch (event.type) {
      case 'ready':
        if (this.#isReady) return;
        this.#isReady = true;
        this.#host.toClient(encodeMessage({ type: 'open-confirmation' }));
        this.#goOn();
        break;
      case 'failed':
        this.#finish(event.text, disconnectReason.connectionLost);
        break;
      case 'answer':
        this.#answered(event.isSuccess, event.port);
        break;
      case 'incoming':
        if (!this.#isReady) return;
        this.#host.toClient(encodeMessage({ type: 'open', number: event.number, channel: event.channel }));
        break;
    }
  }

  kill(text: string): void {
    this.#finish(text, disconnectReason.byApplication);
  }

  abandon(): void {
    this.#over('the connection was closed');
  }

  get #isWaiting(): boolean {
    return !this.#isReady || this.#judging.isOpen || this.#outstanding !== null;
  }

  #goOn(): void {
    this.#pump();
    if (!this.#isOver && !this.#isWaiting) this.#resumed();
  }

  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      while (!this.#isOver && !this.#isWaiting) {
        const message = this.#inbox.next();
        if (message === null) return;
        this.#handle(message);
      }
      if (!this.#isOver) this.#inbox.look((message) => this.#handleEarly(message));
    } catch (error) {
      if (!isWeirError(error)) throw error;
      // What lies behind the client's CLOSE means nothing.
      if (this.#isOver) return;
      this.#host.note('protocol', error.message);
      this.#finish(`weir: the client broke the protocol: ${error.message}`, disconnectReason.protocolError);
    } finally {
      this.#isPumping = false;
    }
  }

  #handleEarly(message: SshMessage): boolean {
    if (!this.#isOver && message.type === 'close') this.abandon();
    return this.#isOver;
  }

  #handle(message: SshMessage): void {
    if (message.type === 'close') this.abandon();
    else if (message.type === 'global-request') this.#request(message.request, message.wantReply);
    else if (message.type === 'request') {
      this.#note(`the channel request ${message.request.name} of a connection`);
      if (message.wantReply) this.#host.toClient(encodeMessage({ type: 'failure' }));
    } else if (message.type !== 'eof') this.#note(`a message ${message.type} of a connection`);
  }

  #request(request: GlobalRequest, wantReply: boolean): void {
    switch (request.name) {
      case 'tcpip-forward':
        this.#listen({ host: request.host, port: request.port }, wantReply);
        break;
      case 'streamlocal-forward@openssh.com':
        this.#listen({ path: request.path }, wantReply);
        break;
      case 'cancel-tcpip-forward':
        this.#unlisten({ host: request.host, port: request.port }, wantReply);
        break;
      case 'cancel-streamlocal-forward@openssh.com':
        this.#unlisten({ path: request.path }, wantReply);
        break;
      case 'keepalive@openssh.com':
      case 'no-more-sessions@openssh.com':
        // Any answer shows that the connection lives; sshd gives this one.
        this.#reply(wantReply, false);
        break;
      case 'other':
        this.#note(`the global request ${JSON.stringify(request.type.slice(0, 64))}`);
        this.#reply(wantReply, false);
        break;
    }
  }

  #listen(at: Destination, wantReply: boolean): void {
    const isFull = this.#listeners.size >= maxListeners;
    const flaw = isFull ? `more than ${maxListeners} listeners` : flawOfDestination(at);
    if (flaw !== null || this.#listeners.has(keyOf(at))) {
      this.#note(flaw ?? 'a second listener at the same place');
      this.#reply(wantReply, false);
      return;
    }
    const request: SshRequest =
      'path' in at
        ? { kind: 'forwarded-streamlocal', isListening: true, destination: at }
        : { kind: 'forwarded-tcpip', isListening: true, destination: at, origin: null };
    this.#judging.ask(request, (decision) => {
      if (decision.action === 'deny') {
        this.#reply(wantReply, false);
        return;
      }
      this.#outstanding = { type: 'listen', at, ticket: decision.ticket, wantReply };
      this.#host.toServer({ type: 'listen', at });
    });
  }

  #unlisten(at: Destination, wantReply: boolean): void {
    const key = keyOf(at);
    if (!this.#listeners.has(key)) {
      this.#reply(wantReply, false);
      return;
    }
    this.#outstanding = { type: 'unlisten', key, wantReply };
    this.#host.toServer({ type: 'unlisten', at });
  }

  #answered(isSuccess: boolean, port: number | null): void {
    const outstanding = this.#outstanding;
    if (outstanding === null) return;
    this.#outstanding = null;
    if (outstanding.type === 'unlisten') this.#unlistened(outstanding.key, isSuccess);
    const chosen = outstanding.type === 'listen' ? this.#listened(outstanding, isSuccess, port) : null;
    this.#reply(outstanding.wantReply, isSuccess, chosen);
    this.#goOn();
  }

  /** @returns the port that the client has to be told */
  #listened({ at, ticket }: Listener, isSuccess: boolean, port: number | null): number | null {
    if (!isSuccess) {
      this.#host.listenEnded(ticket, 'the target refused it');
      return null;
    }
    const chosen = 'port' in at && at.port === 0 ? port : null;
    const real: Destination = chosen === null ? at : { host: (at as Endpoint).host, port: chosen };
    this.#listeners.set(keyOf(real), { at: real, ticket });
    return chosen;
  }

  #unlistened(key: string, isSuccess: boolean): void {
    const listener = this.#listeners.get(key);
    this.#listeners.delete(key);
    if (listener !== undefined)
      this.#host.listenEnded(listener.ticket, isSuccess ? null : 'the target did not cancel it');
  }

  #reply(wantReply: boolean, isSuccess: boolean, port: number | null = null): void {
    if (!wantReply) return;
    this.#host.toClient(encodeMessage(isSuccess ? { type: 'request-success', port } : { type: 'request-failure' }));
  }

  #finish(text: string, reason: number): void {
    if (this.#isOver) return;
    this.#host.toClient(
      encodeMessage(
        this.#isReady
          ? { type: 'disconnect', reason, text }
          : { type: 'open-failure', reason: openFailure.connectFailed, text },
      ),
    );
    this.#over(text);
  }

  #over(why: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#judging.end();
    this.#inbox.clear();
    this.#host.toServer({ type: 'close' });
    const outstanding = this.#outstanding;
    if (outstanding?.type === 'listen') this.#host.listenEnded(outstanding.ticket, why);
    for (const { ticket } of this.#listeners.values()) this.#host.listenEnded(ticket, null);
    this.#host.end();
  }

  #note(what: string): void {
    if (this.#noted.has(what) || this.#noted.size >= 100) return;
    this.#noted.add(what);
    this.#host.note('refused', what);
  }
}

function keyOf(at: Destination): string {
  return 'path' in at ? `path ${at.path}` : `port ${at.port} ${at.host}`;
}

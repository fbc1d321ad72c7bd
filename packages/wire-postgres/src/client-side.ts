import { WeirError } from '@weir/errors';
import { clientMessage } from './client-dispatch.ts';
import { ClientFramer, type FrameLimits } from './client-framer.ts';
import { denyExtended, denyQuery } from './denial.ts';
import { encodeCopyFail } from './encode-frontend.ts';
import type { EngineState } from './engine-state.ts';
import { fieldsOfThrown, fieldsOfWeirError } from './error-fields.ts';
import { LargeBindRelay } from './large-bind-relay.ts';
import { askForAnswers, isHeld } from './row-limit.ts';

/** Requests that may be unanswered before the client has to wait. */
const maxOutstanding = 40_000;

/** The client's half of an engine: cuts its bytes into messages, in order, one at a time; waits while a judgement is open. */
export class ClientSide {
  readonly #state: EngineState;
  readonly #framer: ClientFramer;
  readonly #maxBufferedBytes: number;
  #backlog: Buffer[] = [];
  #backlogBytes = 0;
  #isPumping = false;
  /** The framer's message waits for something; it is handled again. */
  #hasMessage = false;
  #dropCopy = false;
  readonly #largeBind: LargeBindRelay;

  constructor(state: EngineState, limits: FrameLimits, maxBufferedBytes: number) {
    this.#state = state;
    this.#framer = new ClientFramer(limits);
    this.#largeBind = new LargeBindRelay(state, this.#framer);
    this.#maxBufferedBytes = maxBufferedBytes;
  }

  feed(chunk: Buffer): void {
    const state = this.#state;
    if (state.hasEnded || chunk.length === 0) return;
    this.#backlog.push(chunk);
    this.#backlogBytes += chunk.length;
    this.pump();
    if (
      this.#backlogBytes + this.#framer.unread > this.#maxBufferedBytes &&
      (state.isJudging || state.blockedUntil !== null)
    ) {
      const message = `more than ${this.#maxBufferedBytes} bytes were sent behind a statement that waits`;
      state.fail(fieldsOfWeirError(new WeirError('message_too_large', message)));
    }
  }

  /** Handles what has arrived, up to the next wait. */
  pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      while (this.#canGoOn()) if (!this.#one()) return;
    } finally {
      this.#isPumping = false;
    }
  }

  #canGoOn(): boolean {
    const state = this.#state;
    if (state.hasEnded || state.isJudging) return false;
    if (state.blockedUntil === null) return true;
    if (!state.blockedUntil()) return false;
    state.blockedUntil = null;
    return true;
  }

  #one(): boolean {
    const state = this.#state;
    const framer = this.#framer;
    if (this.#hasMessage) {
      if (this.#largeBind.isOpen) this.#bindPart();
      else this.#message();
      return true;
    }
    switch (framer.next()) {
      case 'need': {
        const chunk = this.#backlog.shift();
        if (chunk === undefined) return false;
        this.#backlogBytes -= chunk.length;
        framer.push(chunk);
        return true;
      }
      case 'message':
        this.#message();
        return true;
      case 'copy':
        this.#copy();
        return true;
      case 'bind':
        this.#bindPart();
        return true;
      case 'oversize':
        this.#oversize();
        return true;
      case 'broken':
        state.fail(fieldsOfWeirError(new WeirError('protocol_violation', `the client sent ${framer.reason}`), 'FATAL'));
        return false;
    }
  }

  #message(): void {
    const state = this.#state;
    this.#hasMessage = false;
    const { type } = this.#framer;
    const { continuation } = state;
    if (continuation !== null) {
      state.continuation = null;
      continuation.goOn();
    } else if (isHeld(state, type)) {
      askForAnswers(state);
      state.blockedUntil = () => !isHeld(state, type);
    } else if (state.queue.length >= maxOutstanding) {
      state.blockedUntil = () => state.queue.length < maxOutstanding / 2;
    } else {
      try {
        clientMessage(state, this.#framer, this.#resume);
      } catch (error) {
        this.#refuse(error);
      }
    }
    if (state.blockedUntil !== null) this.#hasMessage = true;
  }

  /** A part of a Bind that is too large to be held. */
  #bindPart(): void {
    const state = this.#state;
    try {
      this.#largeBind.part();
    } catch (error) {
      // The beginning is with the server already, or the stream cannot be trusted: there is no way to go on.
      state.fail(fieldsOfThrown(error, 'the gate failed on this message'));
    }
    this.#hasMessage = state.blockedUntil !== null && !state.hasEnded;
  }

  /** A judgement that took its time has ended. */
  readonly #resume = (apply: () => void): void => {
    const state = this.#state;
    if (state.hasEnded) return;
    state.step(() => {
      state.isJudging = false;
      apply();
      if (state.blockedUntil !== null) this.#hasMessage = true;
      this.pump();
    });
  };

  /** A message that is framed well but malformed inside: denied in its protocol, the stream goes on. */
  #refuse(error: unknown): void {
    const state = this.#state;
    const fields = fieldsOfThrown(error, 'the gate failed on this message; it was not sent');
    if (this.#framer.type === 0x51) denyQuery(state, fields);
    else denyExtended(state, fields);
  }

  #oversize(): void {
    const isText = this.#framer.type === 0x51 || this.#framer.type === 0x50;
    const what = isText ? 'the statement text' : 'the message';
    this.#refuse(new WeirError('message_too_large', `${what} is larger than this gate takes`));
  }

  /** CopyData goes through as it comes, whatever its length; where the server would ignore it, it is dropped. */
  #copy(): void {
    const state = this.#state;
    const framer = this.#framer;
    if (framer.isFirst) this.#dropCopy = state.isSkipping || state.queue.head() === undefined;
    const head = state.queue.head();
    // The server hears of a refusal behind the message in which it was found.
    if (framer.isFirst && head?.copyIn === 'open' && head.refused !== null) this.#dropCopy = true;
    if (this.#dropCopy) return;
    state.toServer.relay(framer.buffer, framer.frameStart, framer.end);
    const reader = head?.copyIn === 'open' ? head.copyReader : null;
    if (head === undefined || reader === null) return;
    head.refused ??= reader.push(framer.buffer, framer.start, framer.end);
    if (head.refused === null || !framer.isLast) return;
    head.copyReader = null;
    state.sendToServer(encodeCopyFail('the gate refused a value'));
  }
}

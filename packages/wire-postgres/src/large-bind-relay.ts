import { openPortal } from './client-extended.ts';
import type { ClientFramer } from './client-framer.ts';
import { violation } from './client-messages.ts';
import type { EngineState } from './engine-state.ts';
import { keptBytes, LargeBind } from './large-bind.ts';
import type { Portal } from './prepared.ts';
import { askForAnswers, isHeld } from './row-limit.ts';

/** As an Execute it waits for every statement with a row limit: nothing of ours may come between its parts. */
const heldAs = 0x45;

/** Sends a Bind on while it still comes. It is admitted when its names are known; from then on the server gets all of it. */
export class LargeBindRelay {
  readonly #state: EngineState;
  readonly #framer: ClientFramer;
  #bind: LargeBind | null = null;
  #portal: Portal | null = null;
  /** Parts that came before it was admitted; dropped when it is not. */
  #waiting: Buffer[] = [];
  #isDropped = false;
  /** The framer's part was read; it only waits. */
  #isRead = false;

  constructor(state: EngineState, framer: ClientFramer) {
    this.#state = state;
    this.#framer = framer;
  }

  /** A message is on its way. */
  get isOpen(): boolean {
    return this.#bind !== null;
  }

  /** Handles the framer's part; `blockedUntil` is set when it has to wait. @throws WeirError when the connection cannot go on */
  part(): void {
    const state = this.#state;
    const framer = this.#framer;
    if (!this.#isRead && framer.isFirst) this.#begin();
    const bind = this.#bind as LargeBind;
    if (!this.#isDropped) {
      if (!this.#isRead) bind.push(framer.buffer, framer.start, framer.end);
      if (this.#portal !== null) state.toServer.relay(framer.buffer, framer.frameStart, framer.end);
      else {
        if (!this.#isRead) this.#waiting.push(framer.buffer.subarray(framer.frameStart, framer.end));
        this.#isRead = true;
        if (bind.head !== null) this.#admit(bind);
        if (state.blockedUntil !== null) return;
      }
    }
    this.#isRead = false;
    if (framer.isLast) this.#end(bind);
  }

  #begin(): void {
    const state = this.#state;
    if (state.queue.head()?.copyIn === 'open') throw violation("message 'B' in the middle of COPY data");
    this.#bind = new LargeBind();
    this.#isDropped = state.isSkipping;
  }

  #admit(bind: LargeBind): void {
    const state = this.#state;
    // The server gave up this pipeline while the names came.
    if (state.isSkipping) {
      this.#drop();
      return;
    }
    if (isHeld(state, heldAs)) {
      askForAnswers(state);
      state.blockedUntil = () => !isHeld(state, heldAs);
      return;
    }
    const { head } = bind;
    this.#portal = head === null ? null : openPortal(state, head, keptBytes(head));
    if (this.#portal === null) {
      if (state.blockedUntil === null) this.#drop();
      return;
    }
    state.isMidBind = true;
    for (const bytes of this.#waiting) state.sendToServer(bytes);
    this.#waiting = [];
  }

  #drop(): void {
    this.#isDropped = true;
    this.#waiting = [];
  }

  #end(bind: LargeBind): void {
    const portal = this.#portal;
    this.#bind = null;
    this.#portal = null;
    this.#waiting = [];
    this.#state.isMidBind = false;
    if (this.#isDropped) return;
    bind.finish();
    if (portal === null) throw violation('a message ends in the middle of a field');
    portal.parameters = bind.parameters;
    portal.resultFormats = bind.resultFormats;
    // The server plans when it has all of the message.
    portal.bound = this.#state.host.bound?.();
  }
}

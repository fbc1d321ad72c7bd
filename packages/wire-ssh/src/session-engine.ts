import { isWeirError } from '@weir/errors';
import { Inbox } from './inbox.ts';
import { Judging } from './judging.ts';
import type { ChannelRequest, SshMessage, TerminalSize } from './messages.ts';
import type {
  OutputStream,
  SessionAction,
  SessionEngine,
  SessionEvent,
  SessionExit,
  SessionHost,
  SessionOptions,
} from './session-host.ts';
import { SessionOutlet } from './session-outlet.ts';
import { flawOfStart, nameOf, SessionSetup } from './session-setup.ts';
import type { SshDecision, StartRequest } from './ssh-request.ts';
import type { StreamFilter } from './stream-filter.ts';
import { createStreamFilter } from './stream-filters.ts';

/** Exit status of what Weir refuses or ends; 126 and 127 are the shell's own, 255 is ssh's. */
const refusedStatus = 254;
/** Exit status when the target does not do it. */
const failedStatus = 255;
const interrupt = 0x03;
const noExit: SessionExit = { status: null, signal: null };

/** Makes the engine between a client's session channel and the target's (RFC 4254, section 6). It does no I/O and keeps no time. */
export function createSessionEngine(host: SessionHost, options: SessionOptions = {}): SessionEngine {
  return new Session(host, options);
}

class Session implements SessionEngine {
  readonly #host: SessionHost;
  readonly #resumed: () => void;
  readonly #inbox = new Inbox();
  readonly #setup = new SessionSetup();
  readonly #outlet: SessionOutlet;
  readonly #judging: Judging;
  /** `asked`: something that starts was asked for; `running`: it was let pass. */
  #phase: 'setup' | 'asked' | 'running' | 'over' = 'setup';
  /** The target has not begun what it was asked to start: what the client sends is kept. */
  #isStarting = false;
  #ticket: unknown = null;
  #filter: StreamFilter | null = null;
  #exit: SessionExit | null = null;
  #hasExited = false;
  #isPumping = false;
  #hasClientEof = false;
  #hasServerEof = false;
  readonly #noted = new Set<string>();

  constructor(host: SessionHost, options: SessionOptions) {
    this.#host = host;
    this.#resumed = options.resumed ?? (() => undefined);
    this.#outlet = new SessionOutlet((bytes) => host.toClient(bytes));
    this.#judging = new Judging(host, () => this.#goOn());
  }

  get paused(): boolean {
    return this.#phase !== 'over' && this.#isWaiting;
  }

  fromClient(bytes: Buffer): void {
    if (this.#phase === 'over') return;
    this.#inbox.push(bytes);
    this.#pump();
  }

  fromServer(event: SessionEvent): void {
    if (this.#phase !== 'running') return;
    const wasStarting = this.#isStarting;
    this.#isStarting = false;
    this.#happened(event);
    if (!wasStarting || this.#phase !== 'running') return;
    // Its input was at its end before it began.
    if (this.#hasClientEof) this.#passEof();
    this.#goOn();
  }

  #happened(event: SessionEvent): void {
    switch (event.type) {
      case 'data':
        if (event.stream === 'stdout' && this.#filter !== null) this.#filter.fromServer(event.bytes);
        else this.#output(event.stream, this.#host.output(this.#ticket, event.stream, event.bytes));
        break;
      case 'eof':
        this.#serverEof();
        break;
      case 'exit-status':
        this.#exited({ status: event.status, signal: null });
        break;
      case 'exit-signal': {
        const { type: _, ...signal } = event;
        this.#exited({ status: null, signal });
        break;
      }
      case 'eow':
        this.#outlet.endOfWrite();
        break;
      case 'refused':
        this.#finish(event.text, failedStatus);
        break;
      case 'close':
        this.#serverEof();
        this.#deliverExit();
        this.#over('the channel was closed');
        break;
      default:
    }
  }

  notice(text: string): void {
    if (this.#phase !== 'over') this.#outlet.text(text, this.#setup.terminal !== null);
  }

  release(stream: OutputStream, bytes: Buffer): void {
    this.#output(stream, bytes);
  }

  kill(text: string): void {
    this.#finish(text, refusedStatus);
  }

  abandon(): void {
    this.#outlet.isClosed = true;
    this.#over('the channel was closed');
  }

  get #isWaiting(): boolean {
    return this.#judging.isOpen || this.#isStarting || this.#filter?.isWaiting === true;
  }

  #goOn(): void {
    this.#pump();
    if (this.#phase !== 'over' && !this.#isWaiting) this.#resumed();
  }

  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      while (this.#phase !== 'over' && !this.#isWaiting) {
        const message = this.#inbox.next();
        if (message === null) return;
        this.#handle(message);
      }
      if (this.#phase !== 'over') this.#inbox.look((message) => this.#handleEarly(message));
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

  /** What does not wait for a decision that is open. */
  #handleEarly(message: SshMessage): boolean {
    if (this.#phase === 'over') return true;
    if (message.type === 'close') this.#clientClosed();
    else if (message.type === 'request' && message.request.name === 'window-change') this.#request(message);
    else if (this.#isGivingUp(message)) this.kill('weir: given up before it was decided');
    else return false;
    return true;
  }

  /** Control-C while the start is not decided: there is no program that could get it. */
  #isGivingUp(message: SshMessage): boolean {
    const isUndecided = this.#phase === 'asked' && this.#setup.terminal !== null;
    return isUndecided && message.type === 'data' && message.bytes.includes(interrupt);
  }

  #handle(message: SshMessage): void {
    switch (message.type) {
      case 'data':
        this.#input(message.bytes);
        break;
      case 'request':
        this.#request(message);
        break;
      case 'eof':
        this.#clientEof();
        break;
      case 'close':
        this.#clientClosed();
        break;
      default:
        this.#refuse(`a message ${message.type} of the client`);
    }
  }

  #input(bytes: Buffer): void {
    if (this.#phase !== 'running' || this.#hasClientEof) {
      this.#refuse('data that nothing reads');
    } else if (this.#filter !== null) {
      this.#filter.fromClient(bytes);
    } else {
      const passes = (passed: Buffer | null) => {
        if (passed !== null && passed.length > 0) this.#act({ type: 'data', bytes: passed });
      };
      this.#judging.wait<Buffer | null>(() => this.#host.input(this.#ticket, bytes), null, passes);
    }
  }

  #clientEof(): void {
    if (this.#hasClientEof) return;
    this.#hasClientEof = true;
    if (this.#phase === 'running') this.#passEof();
  }

  #passEof(): void {
    if (this.#filter !== null) {
      this.#filter.clientEnded();
      return;
    }
    this.#host.inputEnded(this.#ticket);
    this.#act({ type: 'eof' });
  }

  #clientClosed(): void {
    this.#over('the client closed the channel');
  }

  #request({ request, wantReply }: Extract<SshMessage, { type: 'request' }>): void {
    switch (request.name) {
      case 'window-change': {
        const { name: _, ...size } = request;
        this.#outlet.answer(wantReply, this.#resize(size));
        break;
      }
      case 'signal':
        this.#outlet.answer(wantReply, this.#signal(request.signal));
        break;
      case 'break': {
        const isRunning = this.#phase === 'running';
        if (isRunning) this.#act({ type: 'break', lengthMs: request.lengthMs });
        this.#outlet.answer(wantReply, isRunning);
        break;
      }
      default:
        if (this.#phase === 'setup') this.#prepare(request, wantReply);
        else this.#refuse(`the request ${nameOf(request)} after something was started`, wantReply);
    }
  }

  #resize(size: TerminalSize): boolean {
    if (this.#setup.terminal === null) {
      this.#refuse('a size without a terminal');
      return false;
    }
    this.#setup.resize(size);
    this.#host.resized(size, null);
    if (this.#phase === 'running') this.#act({ type: 'window-change', ...size });
    return true;
  }

  #signal(signal: string): boolean {
    const isPassed = this.#phase === 'running' && /^[A-Z][A-Z0-9]{0,15}(@[\w.-]{1,64})?$/.test(signal);
    if (isPassed) this.#act({ type: 'signal', signal });
    else this.#refuse('a signal that nothing gets');
    return isPassed;
  }

  #prepare(request: ChannelRequest, wantReply: boolean): void {
    const prepared = this.#setup.prepare(request);
    switch (prepared.type) {
      case 'start':
        this.#outlet.answer(wantReply, true);
        this.#ask(prepared.request);
        break;
      case 'ask':
        this.#judging.ask(prepared.request, (decision) => {
          if (decision.action === 'forward') prepared.apply();
          this.#outlet.answer(wantReply, decision.action === 'forward');
        });
        break;
      case 'done': {
        const { terminal } = this.#setup;
        if (terminal !== null) this.#host.resized(terminal, terminal);
        this.#outlet.answer(wantReply, true);
        break;
      }
      case 'flawed':
        this.#outlet.answer(wantReply, true);
        this.#refuseStart(prepared.why);
        break;
      case 'refused':
        this.#refuse(prepared.why, wantReply);
        break;
    }
  }

  #ask(request: StartRequest): void {
    this.#phase = 'asked';
    const flaw = flawOfStart(request);
    if (flaw === null) this.#judging.ask(request, (decision) => this.#decided(request, decision));
    else this.#refuseStart(flaw);
  }

  #refuseStart(why: string): void {
    this.#host.note('refused', why);
    this.kill(`weir: ${why}`);
  }

  #decided(request: StartRequest, decision: SshDecision): void {
    if (decision.action === 'deny') {
      this.kill(decision.text);
      return;
    }
    this.#phase = 'running';
    this.#ticket = decision.ticket;
    this.#filter = createStreamFilter(decision.protocol ?? { name: 'raw' }, decision.ticket, this.#host, {
      toClient: (bytes) => this.#outlet.data('stdout', bytes),
      toServer: (bytes) => this.#act({ type: 'data', bytes }),
      endServer: () => this.#act({ type: 'eof' }),
      notice: (text) => this.notice(text),
      resumed: () => this.#goOn(),
      refused: (text) => this.kill(text),
      broken: (text) => {
        this.#host.note('protocol', text);
        this.kill(`weir: ${text}`);
      },
    });
    this.#isStarting = true;
    this.#act({ type: 'start', start: this.#setup.startOf(request) });
  }

  #act(action: SessionAction): void {
    if (this.#phase === 'running') this.#host.toServer(action);
  }

  #output(stream: OutputStream, bytes: Buffer | null): void {
    if (bytes !== null && bytes.length > 0) this.#outlet.data(stream, bytes);
  }

  #serverEof(): void {
    if (this.#hasServerEof) return;
    this.#flush();
    if (this.#exit !== null) this.#deliverExit();
    // A client that has ended its input closes the channel at EOF, and would never learn how the program ended.
    if (!this.#hasClientEof) this.#outlet.eof();
  }

  /** Everything that is held back of the output goes. */
  #flush(): void {
    if (this.#hasServerEof) return;
    this.#filter?.serverEnded();
    this.#hasServerEof = true;
    if (this.#filter === null) this.#output('stdout', this.#host.outputEnded(this.#ticket, 'stdout'));
    this.#output('stderr', this.#host.outputEnded(this.#ticket, 'stderr'));
  }

  /** The end of a program may overtake its last output: the client gets it behind. */
  #exited(exit: SessionExit): void {
    this.#exit ??= exit;
    if (this.#hasServerEof) this.#deliverExit();
  }

  #deliverExit(): void {
    if (this.#hasExited) return;
    const exit = this.#exit ?? noExit;
    this.#hasExited = true;
    this.#filter?.end('the channel ended');
    this.#host.exited(this.#ticket, exit);
    if (exit.signal !== null) this.#outlet.exitSignal(exit.signal);
    else if (exit.status !== null) this.#outlet.exitStatus(exit.status);
    this.#outlet.eof();
  }

  /** Ends the channel with a text and a status of ours. */
  #finish(text: string, status: number): void {
    if (this.#phase === 'over') return;
    if (this.#phase === 'running') this.#flush();
    this.notice(text);
    if (this.#phase === 'running' && !this.#hasExited) {
      this.#hasExited = true;
      this.#filter?.end('the channel ended');
      this.#host.exited(this.#ticket, noExit);
    }
    this.#outlet.exitStatus(status);
    this.#over('the channel ended');
  }

  #over(why: string): void {
    if (this.#phase === 'over') return;
    const wasRunning = this.#phase === 'running';
    if (wasRunning && !this.#hasExited) {
      this.#flush();
      this.#hasExited = true;
      this.#filter?.end(why);
      this.#host.exited(this.#ticket, this.#exit ?? noExit);
    }
    this.#act({ type: 'close' });
    this.#phase = 'over';
    this.#judging.end();
    this.#inbox.clear();
    this.#outlet.close();
    this.#host.end();
  }

  #refuse(what: string, wantReply = false): void {
    this.#outlet.answer(wantReply, false);
    if (this.#noted.has(what) || this.#noted.size >= 100) return;
    this.#noted.add(what);
    this.#host.note('refused', what);
  }
}

import type { ChannelRequest, TerminalRequest, TerminalSize, X11Request } from './messages.ts';
import type { SessionStart } from './session-host.ts';
import type { SshRequest, StartRequest } from './ssh-request.ts';

/** Bounds on what a client may say of a session before it starts, bytes. */
const maxNameBytes = 256;
const maxValueBytes = 64 * 1024;
const maxEnvironmentBytes = 256 * 1024;
const maxVariables = 256;
const maxModesBytes = 4096;
/** Longest command, bytes. */
export const maxCommandBytes = 256 * 1024;

/** What a request of the client amounts to: something to ask the host about, or why it is refused at once. */
export type Prepared =
  | { readonly type: 'ask'; readonly request: SshRequest; readonly apply: () => void }
  | { readonly type: 'start'; readonly request: StartRequest }
  /** A start that nothing could judge. */
  | { readonly type: 'flawed'; readonly why: string }
  | { readonly type: 'done' }
  | { readonly type: 'refused'; readonly why: string };

const done: Prepared = { type: 'done' };
const refused = (why: string): Prepared => ({ type: 'refused', why });
const isName = (text: string) => text !== '' && Buffer.byteLength(text) <= maxNameBytes && !text.includes('\0');

/** What a session channel will be started with, as the client puts it together request by request. */
export class SessionSetup {
  terminal: TerminalRequest | null = null;
  readonly #environment: { variable: string; value: string }[] = [];
  #environmentBytes = 0;
  #forwardsAgent = false;
  #x11: X11Request | null = null;

  /** Everything for the start. */
  startOf(request: StartRequest): SessionStart {
    return {
      request,
      terminal: this.terminal,
      environment: this.#environment,
      forwardsAgent: this.#forwardsAgent,
      x11: this.#x11,
    };
  }

  /** The window changed before the start. */
  resize(size: TerminalSize): void {
    if (this.terminal !== null) this.terminal = { ...this.terminal, ...size };
  }

  /** Looks at a request that comes before the start. */
  prepare(request: ChannelRequest): Prepared {
    const terminal = this.terminal !== null;
    switch (request.name) {
      case 'pty-req':
        return this.#terminal(request);
      case 'env':
        return this.#variable(request.variable, request.value);
      case 'auth-agent-req@openssh.com':
        return {
          type: 'ask',
          request: { kind: 'auth-agent' },
          apply: () => {
            this.#forwardsAgent = true;
          },
        };
      case 'x11-req':
        return this.#display(request);
      case 'shell':
        return { type: 'start', request: { kind: 'shell', terminal } };
      case 'exec':
        return { type: 'start', request: { kind: 'exec', command: request.command, terminal } };
      case 'subsystem':
        return { type: 'start', request: { kind: 'subsystem', name: request.subsystem, terminal } };
      case 'other':
        if (request.type === 'exec' || request.type === 'subsystem')
          return { type: 'flawed', why: `the ${request.type === 'exec' ? 'command' : 'subsystem'} is not UTF-8` };
        return refused(`the request ${nameOf(request)}`);
      default:
        return refused(`the request ${nameOf(request)} has no meaning before something was started`);
    }
  }

  #terminal(request: Extract<ChannelRequest, { name: 'pty-req' }>): Prepared {
    if (this.terminal !== null) return refused('a second terminal');
    if (request.term !== '' && !isName(request.term)) return refused('the name of a terminal type that cannot be one');
    if (request.modes.length > maxModesBytes) return refused(`terminal modes of more than ${maxModesBytes} bytes`);
    const { name: _, ...terminal } = request;
    this.terminal = terminal;
    return done;
  }

  #variable(variable: string, value: string): Prepared {
    if (!isName(variable) || variable.includes('='))
      return refused('an environment variable of a name that cannot be one');
    const bytes = Buffer.byteLength(variable) + Buffer.byteLength(value);
    if (value.includes('\0') || bytes > maxValueBytes)
      return refused(
        `the environment variable ${variable}, whose value is longer than ${maxValueBytes} bytes or holds a NUL`,
      );
    if (this.#environment.length >= maxVariables || this.#environmentBytes + bytes > maxEnvironmentBytes)
      return refused(`more than ${maxVariables} environment variables, or ${maxEnvironmentBytes} bytes of them`);
    return {
      type: 'ask',
      request: { kind: 'env', variable, value },
      apply: () => {
        this.#environmentBytes += bytes;
        this.#environment.push({ variable, value });
      },
    };
  }

  #display(request: Extract<ChannelRequest, { name: 'x11-req' }>): Prepared {
    if (this.#x11 !== null) return refused('a second X11 display');
    if (!isName(request.protocol) || !isName(request.cookie)) return refused('X11 credentials that cannot be some');
    const { name: _, ...x11 } = request;
    return {
      type: 'ask',
      request: { kind: 'x11' },
      apply: () => {
        this.#x11 = x11;
      },
    };
  }
}

/** Why a start cannot be judged at all; null = it can. */
export function flawOfStart(request: StartRequest): string | null {
  if (request.kind === 'subsystem') return isName(request.name) ? null : 'the name of the subsystem cannot be one';
  if (request.kind === 'shell') return null;
  if (request.command.includes('\0')) return 'the command holds a NUL';
  if (Buffer.byteLength(request.command) > maxCommandBytes)
    return `the command is longer than ${maxCommandBytes} bytes`;
  return null;
}

/** A request's type, shortened for sentences. */
export function nameOf(request: ChannelRequest): string {
  return request.name === 'other' ? JSON.stringify(request.type.slice(0, 64)) : request.name;
}

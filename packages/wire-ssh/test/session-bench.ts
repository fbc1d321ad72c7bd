import {
  type ChannelRequest,
  createMessageReader,
  createSessionEngine,
  encodeMessage,
  encodeRequest,
  type FileOutcome,
  type SessionAction,
  type SessionHost,
  type SshDecision,
  type SshMessage,
  type SshRequest,
} from '../src/index.ts';

/** One line for a message that the client got. */
export function lineOf(message: SshMessage): string {
  switch (message.type) {
    case 'data':
      return `out ${message.bytes.toString('latin1')}`;
    case 'extended-data':
      return `err ${message.bytes.toString('latin1')}`;
    case 'request': {
      const { name, ...fields } = message.request;
      return [name, ...Object.values(fields)].join(' ');
    }
    case 'open':
      return `open ${message.number} ${JSON.stringify(message.channel)}`;
    case 'request-success':
      return `request-success ${message.port}`;
    case 'open-failure':
    case 'disconnect':
      return `${message.type} ${message.reason} ${message.text}`;
    default:
      return message.type;
  }
}

/** Messages in bytes, as lines; pieces of a stream that follow each other are one line. */
export function linesOf(bytes: Buffer): string[] {
  const reader = createMessageReader();
  reader.push(bytes);
  const lines: string[] = [];
  for (let message = reader.next(); message !== null; message = reader.next()) {
    const line = lineOf(message);
    const last = lines.at(-1);
    const kind = line.slice(0, 4);
    if ((kind === 'out ' || kind === 'err ') && last?.startsWith(kind)) lines.splice(-1, 1, last + line.slice(4));
    else lines.push(line);
  }
  return lines;
}

export function actionOf(action: SessionAction): string {
  switch (action.type) {
    case 'data':
      return `in ${action.bytes.toString('latin1')}`;
    case 'start': {
      const { request, terminal, environment, forwardsAgent, x11 } = action.start;
      const what =
        request.kind === 'exec'
          ? `exec ${request.command}`
          : request.kind === 'shell'
            ? 'shell'
            : `subsystem ${request.name}`;
      const extras = [
        terminal === null ? '' : ` on ${terminal.term} ${terminal.columns}x${terminal.rows}`,
        ...environment.map(({ variable, value }) => ` ${variable}=${value}`),
        forwardsAgent ? ' agent' : '',
        x11 === null ? '' : ` x11 ${x11.screen}`,
      ];
      return `start ${what}${extras.join('')}`;
    }
    case 'window-change':
      return `size ${action.columns}x${action.rows}`;
    case 'signal':
      return `signal ${action.signal}`;
    case 'break':
      return `break ${action.lengthMs}`;
    default:
      return action.type;
  }
}

export type Judge = (request: SshRequest) => SshDecision | Promise<SshDecision>;

/** What a bench's host does beside writing down. */
export interface BenchOptions {
  readonly judge?: Judge;
  readonly output?: SessionHost['output'];
  readonly outputEnded?: SessionHost['outputEnded'];
  readonly input?: SessionHost['input'];
  readonly content?: SessionHost['content'];
  readonly hash?: SessionHost['hash'];
  /** The target does not begin what it is asked to start before the test says so. */
  readonly startsLater?: boolean;
}

/** A session engine between scripts; everything that happens is written down. */
export function createSessionBench(options: BenchOptions = {}) {
  const client: Buffer[] = [];
  const server: string[] = [];
  /** What the host was told, in order, with the number of bytes that the client had got before. */
  const told: string[] = [];
  const judged: SshRequest[] = [];
  const files: { ticket: unknown; outcome: FileOutcome }[] = [];
  let resumed = 0;
  const host: SessionHost = {
    toClient: (bytes) => void client.push(Buffer.from(bytes)),
    toServer(action) {
      const line = actionOf(action);
      const last = server.at(-1);
      if (action.type === 'data' && last?.startsWith('in ')) server.splice(-1, 1, last + line.slice(3));
      else server.push(line);
      if (action.type === 'start' && options.startsLater !== true) engine.fromServer({ type: 'started' });
    },
    judge(request) {
      judged.push(request);
      return options.judge?.(request) ?? { action: 'forward', ticket: request.kind };
    },
    output: options.output ?? ((_ticket, _stream, bytes) => bytes),
    outputEnded: options.outputEnded ?? (() => null),
    input: options.input ?? ((_ticket, bytes) => bytes),
    inputEnded: () => void told.push('input ended'),
    resized: (size, terminal) =>
      void told.push(`size ${size.columns}x${size.rows}${terminal === null ? '' : ' first'}`),
    exited: (_ticket, { status, signal }) => void told.push(`exited ${status ?? signal?.signal ?? 'unknown'}`),
    note: (code, text) => void told.push(`${code}: ${text}`),
    content: options.content ?? (() => null),
    fileEnded: (ticket, outcome) => void files.push({ ticket, outcome }),
    end: () => void told.push('end'),
    ...(options.hash === undefined ? {} : { hash: options.hash }),
  };
  const engine = createSessionEngine(host, { resumed: () => void resumed++ });
  return {
    engine,
    ...{ server, told, judged, files },
    /** Raw bytes that the client has got. */
    clientBytes: () => Buffer.concat(client),
    /** What the client has got, as lines. */
    client: () => linesOf(Buffer.concat(client)),
    resumed: () => resumed,
    send: (message: SshMessage) => engine.fromClient(encodeMessage(message)),
    request: (request: ChannelRequest, wantReply = false) => engine.fromClient(encodeRequest(request, wantReply)),
    type: (text: string) => engine.fromClient(encodeMessage({ type: 'data', bytes: Buffer.from(text) })),
    print: (text: string, stream: 'stdout' | 'stderr' = 'stdout') =>
      engine.fromServer({ type: 'data', stream, bytes: Buffer.from(text) }),
  };
}

/** Lets open promises go on. */
export const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

import { createHash } from 'node:crypto';
import {
  createConnectionEngine,
  createForwardEngine,
  createMessageReader,
  createSessionEngine,
  encodeMessage,
  encodeRequest,
  type Forward,
  type SshDecision,
  type SshRequest,
} from '@weir/wire-ssh';
import { must } from '../core/target.ts';
import type { Conversation } from './conversation.ts';
import { connectionEventOf, forwardEventOf, sessionEventOf } from './ssh-events.ts';

/** Kinds of channels, by the three low bits of a conversation's options. */
const kinds = ['session', 'sftp', 'sink', 'source', 'direct', 'incoming', 'connection', 'linked'] as const;
export type SshRunKind = (typeof kinds)[number];
/** What the other bits do. */
const option = { late: 8, content: 16, tight: 32 } as const;

/** Everything that an engine did with a conversation. */
export interface SshRun {
  readonly kind: SshRunKind;
  /** Data that the target got, and its streams to the client. */
  readonly toServer: Buffer;
  readonly out: Buffer;
  readonly err: Buffer;
  /** What else each side got, in order. */
  readonly acts: readonly string[];
  readonly control: readonly string[];
  /** What the host was asked and told. */
  readonly judged: readonly string[];
  readonly outcomes: readonly string[];
  /** Things that were let pass, with how often the end of each was told. */
  readonly endings: ReadonlyMap<unknown, number>;
  /** Did the engine end by itself? */
  readonly hasEnded: boolean;
}

const incoming: Forward = {
  kind: 'forwarded-tcpip',
  isListening: false,
  ...{ destination: { host: 'h', port: 1 }, origin: null },
};

/** Plays a conversation; `split` cuts what arrives together. The channel is lost at its end. */
export async function runSsh(
  { options, steps }: Conversation,
  split: (bytes: Buffer) => readonly Buffer[],
): Promise<SshRun> {
  const kind = kinds[options & 7] as SshRunKind;
  const has = (bit: number) => (options & bit) !== 0;
  const toServer: Buffer[] = [];
  const toClient: Buffer[] = [];
  const acts: string[] = [];
  const judged: string[] = [];
  const outcomes: string[] = [];
  const endings = new Map<unknown, number>();
  let ends = 0;
  const isOver = () => must(ends === 0, 'something was sent or told after the end');

  const decide = (request: SshRequest): SshDecision => {
    const text = JSON.stringify({ ...request, within: undefined });
    judged.push(text);
    if (text.includes('denied')) return { action: 'deny', text: 'weir: no\nhint: ask' };
    const ticket = { text };
    if (ends === 0 && request.kind !== 'env' && request.kind !== 'auth-agent' && request.kind !== 'x11')
      endings.set(ticket, 0);
    return {
      ...{ action: 'forward', ticket, wantsContent: has(option.content), maxBytes: has(option.tight) ? 40 : null },
      protocol: protocolOf(kind),
    };
  };
  const ended = (ticket: unknown, outcome: unknown) => {
    isOver();
    endings.set(ticket, (endings.get(ticket) ?? 0) + 1);
    outcomes.push(`${(ticket as { text: string }).text} ${JSON.stringify(outcome)}`);
  };
  const act = (action: { readonly type: string }) => {
    isOver();
    if ('bytes' in action) toServer.push(Buffer.from(action.bytes as Buffer));
    else acts.push(JSON.stringify(action));
  };
  const host = {
    toClient(bytes: Buffer) {
      isOver();
      toClient.push(Buffer.from(bytes));
    },
    toServer: act,
    judge: (request: SshRequest) =>
      has(option.late) ? Promise.resolve().then(() => decide(request)) : decide(request),
    output: (_ticket: unknown, _stream: string, bytes: Buffer) => bytes,
    outputEnded: () => null,
    input: (_ticket: unknown, bytes: Buffer) => bytes,
    inputEnded: () => isOver(),
    resized: () => isOver(),
    exited: ended,
    forwardEnded: ended,
    listenEnded: ended,
    fileEnded: ended,
    hash: () => createHash('sha256'),
    content: (_ticket: unknown, _direction: string, offset: number, bytes: Buffer) =>
      offset + bytes.length > 40 ? 'weir: the content is refused' : null,
    note: () => isOver(),
    end() {
      isOver();
      ends++;
    },
  };
  const { engine, feedServer } = createEngine(kind, host);
  for (const { side, bytes } of steps) {
    if (side === 'client') {
      const isInside = kind === 'sftp' || kind === 'linked' || kind === 'sink' || kind === 'source';
      for (const piece of split(bytes))
        engine.fromClient(isInside ? encodeMessage({ type: 'data', bytes: piece }) : Buffer.from(piece));
    } else feedServer(bytes, split);
    // Decisions that take their time come between steps, however these are split.
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  const hasEnded = ends > 0;
  engine.abandon();
  must(ends === 1, 'the end was told never, or twice');
  const streams = readClient(Buffer.concat(toClient));
  return { kind, toServer: Buffer.concat(toServer), ...streams, acts, judged, outcomes, endings, hasEnded };
}

function protocolOf(kind: SshRunKind) {
  if (kind === 'sftp' || kind === 'linked') return { name: 'sftp', isByLetters: kind === 'sftp' } as const;
  if (kind === 'sink' || kind === 'source') return { name: 'scp', mode: kind, paths: ['/p'] } as const;
  return { name: 'raw' } as const;
}

/** An engine with what came from its target. */
function createEngine(kind: SshRunKind, host: Parameters<typeof createSessionEngine>[0] & HostOfAll) {
  if (kind === 'connection') {
    const engine = createConnectionEngine(host);
    return { engine, feedServer: (bytes: Buffer) => engine.fromServer(connectionEventOf(bytes)) };
  }
  if (kind === 'direct' || kind === 'incoming') {
    const direct: Forward = { kind: 'direct-tcpip', destination: { host: 'h', port: 1 }, origin: null };
    const engine = createForwardEngine(host, kind === 'direct' ? direct : incoming);
    engine.start();
    return { engine, feedServer: (bytes: Buffer) => engine.fromServer(forwardEventOf(bytes)) };
  }
  if (kind === 'session') {
    const engine = createSessionEngine(host);
    return { engine, feedServer: (bytes: Buffer) => engine.fromServer(sessionEventOf(bytes)) };
  }
  const engine = createSessionEngine({
    ...host,
    toServer(action) {
      host.toServer(action);
      if (action.type === 'start') engine.fromServer({ type: 'started' });
    },
  });
  engine.fromClient(encodeRequest({ name: 'subsystem', subsystem: 'sftp' }));
  const feedServer = (bytes: Buffer, split: (bytes: Buffer) => readonly Buffer[]) => {
    for (const piece of split(bytes)) engine.fromServer({ type: 'data', stream: 'stdout', bytes: Buffer.from(piece) });
  };
  return { engine, feedServer };
}

type HostOfAll = Parameters<typeof createForwardEngine>[0] & Parameters<typeof createConnectionEngine>[0];

/** Reads what the client got, which has to be messages. */
function readClient(bytes: Buffer): Pick<SshRun, 'out' | 'err' | 'control'> {
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  const control: string[] = [];
  const reader = createMessageReader();
  reader.push(bytes);
  for (let message = reader.next(); message !== null; message = reader.next()) {
    if (message.type === 'data') out.push(message.bytes);
    else if (message.type === 'extended-data') err.push(message.bytes);
    else control.push(JSON.stringify(message));
  }
  must(reader.isBetweenMessages, 'the client gets half a message');
  return { out: Buffer.concat(out), err: Buffer.concat(err), control };
}

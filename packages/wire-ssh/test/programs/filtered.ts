/**
 * Stands for ssh, gateway and target in tests: `node filtered.ts RULES COMMAND…` runs the command behind a session engine, whose client is this
 * process's stdin and stdout. RULES is JSON; what happened is written to its `log` when all has ended.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import {
  createMessageReader,
  createSessionEngine,
  encodeMessage,
  encodeRequest,
  type FileRequest,
  type SshDecision,
  type SshRequest,
  type StreamProtocol,
} from '../../src/index.ts';

/** What the host of the test does. */
export interface FilteredRules {
  readonly log: string;
  readonly protocol: StreamProtocol;
  /** Operations whose path or target holds one of these are denied. */
  readonly deny?: readonly string[];
  /** Content that holds this must not pass. */
  readonly content?: string;
  readonly maxBytes?: number;
  /** Decisions take a turn of the loop. */
  readonly isSlow?: boolean;
}

const [, , json = '{}', command = '', ...words] = process.argv;
const rules = JSON.parse(json) as FilteredRules;
const log: string[] = [];
const show = ({ operation, direction, path, absolutePath, to, size }: FileRequest) =>
  `${operation} ${direction} ${path}${absolutePath === path ? '' : ` (${absolutePath})`}${to === null ? '' : ` -> ${to}`}${size === null ? '' : ` ${size} bytes`}`;

function decide(request: SshRequest): SshDecision {
  if (request.kind !== 'file') return { action: 'forward', ticket: 'session', protocol: rules.protocol };
  const denied = rules.deny?.some((part) => request.path.includes(part) || request.to?.includes(part));
  log.push(`${denied === true ? 'deny ' : ''}${show(request)}`);
  if (denied === true)
    return { action: 'deny', text: `weir: ${request.operation} ${request.path} is denied\nhint: ask` };
  return {
    ...{ action: 'forward', ticket: show(request), maxBytes: rules.maxBytes ?? null },
    wantsContent: rules.content !== undefined,
  };
}

let child: ChildProcessByStdio<Writable, Readable, null> | undefined;
let status = 0;
const reader = createMessageReader();
const engine = createSessionEngine(
  {
    toClient(bytes) {
      reader.push(bytes);
      for (let message = reader.next(); message !== null; message = reader.next()) {
        if (message.type === 'data') process.stdout.write(message.bytes);
        else if (message.type === 'extended-data') process.stderr.write(message.bytes);
        else if (message.type === 'request' && message.request.name === 'exit-status') status = message.request.status;
      }
    },
    toServer(action) {
      if (action.type === 'start') start();
      else if (action.type === 'data') child?.stdin.write(action.bytes);
      else if (action.type === 'eof') child?.stdin.end();
      else if (action.type === 'close') child?.kill();
    },
    judge: (request) =>
      rules.isSlow === true ? new Promise((resolve) => setImmediate(() => resolve(decide(request)))) : decide(request),
    output: (_ticket, _stream, bytes) => bytes,
    outputEnded: () => null,
    input: (_ticket, bytes) => bytes,
    inputEnded: () => undefined,
    resized: () => undefined,
    exited: (_ticket, exit) => void log.push(`exit ${exit.status}`),
    note: (code, text) => void log.push(`${code}: ${text}`),
    hash: () => createHash('sha256'),
    content: (_ticket, _direction, _offset, bytes) =>
      rules.content !== undefined && bytes.includes(rules.content) ? 'weir: the content is denied' : null,
    fileEnded(ticket, { bytesUp, bytesDown, sha256, isWhole, error }) {
      const content = `${bytesUp} up ${bytesDown} down ${sha256?.slice(0, 8) ?? '-'}${isWhole ? ' whole' : ''}`;
      log.push(`ended ${String(ticket)}: ${content}${error === null ? '' : ` ${error}`}`);
    },
    end() {
      writeFileSync(rules.log, log.map((line) => `${line}\n`).join(''));
      process.stdin.destroy();
      process.exitCode = status;
    },
  },
  {
    resumed: () => process.stdin.resume(),
  },
);
engine.fromClient(encodeRequest({ name: 'exec', command }));
process.stdin.on('data', (bytes: Buffer) => {
  engine.fromClient(encodeMessage({ type: 'data', bytes }));
  if (engine.paused) process.stdin.pause();
});
process.stdin.on('end', () => engine.fromClient(encodeMessage({ type: 'eof' })));

function start(): void {
  child = spawn(command, words, { stdio: ['pipe', 'pipe', 'inherit'] });
  engine.fromServer({ type: 'started' });
  child.stdout.on('data', (bytes: Buffer) => engine.fromServer({ type: 'data', stream: 'stdout', bytes }));
  child.stdout.on('end', () => engine.fromServer({ type: 'eof' }));
  child.on('exit', (code) => engine.fromServer({ type: 'exit-status', status: code ?? 255 }));
  child.on('close', () => engine.fromServer({ type: 'close' }));
}

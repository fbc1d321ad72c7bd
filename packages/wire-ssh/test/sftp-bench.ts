import { createHash } from 'node:crypto';
import { createMessageReader, encodeMessage, encodeRequest, type FileRequest, type SshDecision } from '../src/index.ts';
import { type BenchOptions, createSessionBench } from './session-bench.ts';
import { answer, ask, packetsOf } from './sftp-packets.ts';

/** What a bench of sftp decides; `file` is asked about file operations. */
export interface SftpBenchOptions extends Omit<BenchOptions, 'judge'> {
  readonly file?: (request: FileRequest) => SshDecision | Promise<SshDecision>;
  /** Default true. */
  readonly isByLetters?: boolean;
}

/** Decisions of a bench: `denied` in a path is refused. */
export function decideByPath(request: FileRequest): SshDecision {
  const text = `${request.operation} ${request.direction} ${request.absolutePath}${request.to === null ? '' : ` ${request.absoluteTo}`}`;
  if (request.path.includes('denied') || request.to?.includes('denied'))
    return { action: 'deny', text: `weir: ${request.path} is not for you` };
  return { action: 'forward', ticket: text };
}

/** A session engine in which the subsystem sftp was started. */
export function createSftpBench(options: SftpBenchOptions = {}) {
  const { file = decideByPath, isByLetters = true, ...others } = options;
  const asked: string[] = [];
  const bench = createSessionBench({
    hash: () => createHash('sha256'),
    ...others,
    judge(request) {
      if (request.kind !== 'file')
        return { action: 'forward', ticket: 'sftp', protocol: { name: 'sftp', isByLetters } };
      asked.push(`${request.operation} ${request.path}`);
      return file(request);
    },
  });
  bench.engine.fromClient(encodeRequest({ name: 'subsystem', subsystem: 'sftp' }));
  const stream = (type: 'data' | 'extended-data') => {
    const reader = createMessageReader();
    reader.push(bench.clientBytes());
    const parts: Buffer[] = [];
    for (let message = reader.next(); message !== null; message = reader.next())
      if (message.type === type) parts.push(message.bytes);
    return Buffer.concat(parts);
  };
  return {
    ...bench,
    /** File operations that were judged. */
    asked,
    client: (bytes: Buffer) => bench.engine.fromClient(encodeMessage({ type: 'data', bytes })),
    target: (bytes: Buffer) => bench.engine.fromServer({ type: 'data', stream: 'stdout', bytes }),
    /** INIT, VERSION and where the server stands. */
    begin() {
      this.client(ask.init());
      this.target(answer.version(3));
      this.target(answer.name(0, '/home/u'));
    },
    /** Bytes that the target has got. */
    toTarget: () =>
      Buffer.concat(
        bench.server.filter((line) => line.startsWith('in ')).map((line) => Buffer.from(line.slice(3), 'latin1')),
      ),
    toClient: () => stream('data'),
    stderr: () => stream('extended-data').toString(),
    /** Packets that the target got behind the beginning. */
    targetPackets() {
      return packetsOf(this.toTarget()).slice(2);
    },
    /** Packets that the client got behind VERSION. */
    clientPackets() {
      return packetsOf(this.toClient()).slice(1);
    },
    /** What became of the files, one line each. */
    ended: () =>
      bench.files.map(({ ticket, outcome: { bytesUp, bytesDown, sha256, isWhole, error } }) =>
        [
          String(ticket),
          bytesUp,
          bytesDown,
          sha256?.slice(0, 6) ?? '-',
          isWhole ? 'whole' : 'part',
          error ?? 'ok',
        ].join(' '),
      ),
  };
}

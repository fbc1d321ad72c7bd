import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeMessage, type StreamProtocol } from '../src/index.ts';
import { lineOfOutcome, lineOfRequest } from './file-log.ts';
import { createSessionBench } from './session-bench.ts';

/** What real programs sent each other through a session engine, and what its host was asked and told. Paths with `denied` were refused. */
interface Capture {
  readonly client: string;
  readonly protocol: StreamProtocol;
  /** Side and base64, in the order of arrival. */
  readonly steps: readonly (readonly ['client' | 'target', string])[];
  readonly log: readonly string[];
}

const folder = join(import.meta.dirname, 'captures');
const captures = readdirSync(folder).map((name) => [
  name,
  JSON.parse(readFileSync(join(folder, name), 'utf8')) as Capture,
]) satisfies [string, Capture][];

/** Plays a capture; `split` cuts what arrived together. */
function play({ protocol, steps }: Capture, split: (bytes: Buffer) => readonly Buffer[]) {
  const log: string[] = [];
  const bench = createSessionBench({
    hash: () => createHash('sha256'),
    judge(request) {
      if (request.kind !== 'file') return { action: 'forward', ticket: 'session', protocol };
      const line = lineOfRequest(request);
      const isDenied = request.path.includes('denied');
      log.push(`${isDenied ? 'deny ' : ''}${line}`);
      if (isDenied) return { action: 'deny', text: `weir: ${request.operation} ${request.path} is denied\nhint: ask` };
      return { action: 'forward', ticket: line };
    },
    fileEnded: (ticket, outcome) => void log.push(lineOfOutcome(ticket, outcome)),
  });
  bench.request({ name: 'exec', command: 'x' });
  for (const [side, base64] of steps) {
    for (const bytes of split(Buffer.from(base64, 'base64'))) {
      if (side === 'client') bench.engine.fromClient(encodeMessage({ type: 'data', bytes }));
      else bench.engine.fromServer({ type: 'data', stream: 'stdout', bytes });
    }
  }
  return { log, server: bench.server, client: bench.client(), told: bench.told };
}

describe('what real clients and servers said', () => {
  it.each(captures)('%s: is understood as it was then', (_name, capture) => {
    const { log, told } = play(capture, (bytes) => [bytes]);
    expect(log).toEqual(capture.log);
    expect(told).toEqual([]);
  });

  it.each(captures)('%s: is understood the same byte by byte', (_name, capture) => {
    const bytes = (buffer: Buffer) => Array.from(buffer, (byte) => Buffer.from([byte]));
    expect(play(capture, bytes)).toEqual(play(capture, (buffer) => [buffer]));
  });
});

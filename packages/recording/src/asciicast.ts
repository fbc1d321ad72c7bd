import type { RecordEntry } from './event.ts';
import { createTerminalFrames, type TerminalFrame } from './terminal-frames.ts';

/** How to export. */
export interface AsciicastOptions {
  /** Version 2 (all players) or 3 (asciinema 3). */
  readonly version: 2 | 3;
  /** Channel of the terminal; the first one when absent. */
  readonly channel?: number | undefined;
  readonly title: string;
}

/**
 * The recording of one terminal as asciicast (https://docs.asciinema.org/manual/asciicast/v2/ and v3/), line by line with LF: header, output (`o`), input (`i`) when it
 * was recorded, sizes (`r`), notes as markers (`m`), in version 3 the exit status (`x`). No line at all: the session has no such terminal.
 */
export async function* toAsciicast(
  entries: AsyncIterable<RecordEntry>,
  { version, channel, title }: AsciicastOptions,
): AsyncGenerator<string> {
  const frames = createTerminalFrames(channel);
  let beginMs: number | undefined;
  let lastMs = 0;
  for await (const entry of entries) {
    for (const frame of frames.of(entry)) {
      if (beginMs === undefined) {
        if (frame.frame !== 'start') continue;
        beginMs = lastMs = frame.atMs;
        yield line(headerOf(frame, version, title));
        continue;
      }
      const code = codeOf(frame, version);
      if (code === undefined) continue;
      const seconds = (frame.atMs - (version === 2 ? beginMs : lastMs)) / 1000;
      lastMs = frame.atMs;
      yield line([seconds, ...code]);
    }
  }
}

function headerOf(frame: TerminalFrame & { frame: 'start' }, version: 2 | 3, title: string) {
  const { term, columns, rows } = frame;
  const timestamp = Math.floor(frame.atMs / 1000);
  if (version === 3) return { version, term: { cols: columns, rows, type: term }, timestamp, title };
  return { version, width: columns, height: rows, timestamp, title, env: { TERM: term } };
}

function codeOf(frame: TerminalFrame, version: 2 | 3): [code: string, data: string] | undefined {
  switch (frame.frame) {
    case 'output':
      return ['o', frame.text];
    case 'input':
      return ['i', frame.text];
    // A second terminal of the channel is another size at most.
    case 'start':
    case 'resize':
      return ['r', `${frame.columns}x${frame.rows}`];
    case 'note':
      return ['m', frame.text];
    case 'exit':
      return version === 3 ? ['x', String(frame.status ?? 1)] : undefined;
  }
}

function line(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

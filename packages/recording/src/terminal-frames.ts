import { streamBytesOf } from './encode-stream.ts';
import type { RecordEntry } from './event.ts';
import type { InputTyped, OutputShown } from './ssh-event.ts';

/** What happens at a recorded terminal, in order. Times are milliseconds since the epoch and never go back. */
export type TerminalFrame = { readonly atMs: number; readonly channel: number } & (
  | { readonly frame: 'start'; readonly term: string; readonly columns: number; readonly rows: number }
  | { readonly frame: 'output' | 'input'; readonly text: string }
  | { readonly frame: 'resize'; readonly columns: number; readonly rows: number }
  /** Something that the recording notes, e.g. a pause. */
  | { readonly frame: 'note'; readonly text: string }
  | { readonly frame: 'exit'; readonly status: number | null; readonly signal: string | null }
);

/** Most columns and rows that a frame names; a client may claim any number. */
const maxSize = 10_000;

/** Turns entries into frames of one terminal. */
export interface TerminalFrames {
  /** The channel that it shows; undefined = no terminal was seen yet. */
  readonly channel: number | undefined;
  of(entry: RecordEntry): TerminalFrame[];
}

/**
 * Follows one terminal of a session: of this channel, or the first one. Notes of the session itself belong to it while it lives. Characters that were
 * cut in two between chunks are put together; bytes that are no UTF-8 become U+FFFD, as in a terminal.
 */
export function createTerminalFrames(wanted?: number): TerminalFrames {
  let channel: number | undefined;
  let lastMs = Number.NEGATIVE_INFINITY;
  const decoders = { output: new TextDecoder(), input: new TextDecoder() };
  const textOf = (event: OutputShown | InputTyped): string =>
    decoders[event.event].decode(streamBytesOf(event), { stream: true });
  const frameOf = ({ event }: RecordEntry, at: { atMs: number; channel: number }): TerminalFrame | undefined => {
    switch (event.event) {
      case 'terminal':
        return { ...at, frame: 'start', term: event.term, ...sizeOf(event) };
      case 'resize':
        return { ...at, frame: 'resize', ...sizeOf(event) };
      case 'output':
      case 'input': {
        const text = textOf(event);
        return text === '' ? undefined : { ...at, frame: event.event, text };
      }
      case 'note':
        return { ...at, frame: 'note', text: event.message };
      case 'exit':
        return { ...at, frame: 'exit', status: event.status, signal: event.signal };
      default:
        return undefined;
    }
  };
  return {
    get channel() {
      return channel;
    },
    of(entry) {
      const isStart = entry.event.event === 'terminal' && (wanted === undefined || entry.channel === wanted);
      if (channel === undefined && isStart) channel = entry.channel;
      if (channel === undefined || (entry.channel !== channel && entry.channel !== 0)) return [];
      lastMs = Math.max(lastMs, entry.event.atMs);
      const frame = frameOf(entry, { atMs: lastMs, channel });
      return frame === undefined ? [] : [frame];
    },
  };
}

function sizeOf({ columns, rows }: { readonly columns: number; readonly rows: number }) {
  return { columns: within(columns, 80), rows: within(rows, 24) };
}

/** A size of 0 means that the client does not know it. */
function within(size: number, usual: number): number {
  return size === 0 ? usual : Math.min(size, maxSize);
}

import { Readable } from 'node:stream';
import type { RecordEntry } from '@weir/recording';
import type { LiveFeeds } from './live-feeds.ts';

/** A session while it happens: what was recorded, then what is being recorded, as lines of JSON. */
export interface LiveStream {
  readonly stream: Readable;
  /** Ends it; the reader gets the reason as a last note. */
  end(reason: string): void;
}

/** What a stream is made of. */
export interface LiveStreamParts {
  readonly session: string;
  readonly feeds: Pick<LiveFeeds, 'follow'>;
  /** Entries of the session so far, oldest first; those that exist at the moment of the call. */
  readonly read: (session: string) => AsyncIterable<RecordEntry>;
  readonly now: () => number;
  /** All that was recorded before has been sent: from here on it is live. */
  readonly onLive: () => void;
  /** The stream is over, whoever ended it. Called once. */
  readonly onOver: (reason: string) => void;
  /** Most bytes that wait for the reader while it follows … */
  readonly maxWaitingBytes?: number;
  /** … and the longest time that it may take nothing, milliseconds. */
  readonly stallMs?: number;
  /** Pause after which an empty line says that the connection lives, milliseconds. */
  readonly beatMs?: number;
}

const tooSlow = 'the watcher does not keep up';

/**
 * Starts the stream. Memory is bounded: what waits for a reader that does not keep up is let go, and the reader with it; while it still gets what
 * was recorded before, the recording itself holds what it missed.
 */
export function createLiveStream(parts: LiveStreamParts): LiveStream {
  const { session, now, maxWaitingBytes = 4 * 1024 * 1024, stallMs = 30_000, beatMs = 5_000 } = parts;
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  let isLive = false;
  /** Something was let go that the reader has not got yet. */
  let isBehind = false;
  let isOver = false;
  /** Set when the session, or the watch, has ended: what waits is still delivered. */
  let last: string | undefined;
  let isTaking = true;
  let tookAtMs = now();
  let wake = (): void => undefined;

  const over = (reason: string): void => {
    if (isOver) return;
    isOver = true;
    clearInterval(timer);
    unfollow();
    waiting = [];
    wake();
    parts.onOver(reason);
  };
  const stream = new Readable({
    highWaterMark: 64 * 1024,
    read: () => {
      isTaking = true;
      tookAtMs = now();
      wake();
    },
    destroy: (error, done) => {
      over('the watcher is gone');
      done(error);
    },
  });
  const finish = (reason: string): void => {
    if (isOver) return;
    const note = { event: 'note', atMs: now(), code: 'watch-ended', message: reason, statement: null };
    stream.push(lineOf({ session, channel: 0, sequence: 0, receivedAtMs: now(), event: note }));
    stream.push(null);
    over(reason);
  };
  const push = (line: Buffer): void => {
    isTaking = stream.push(line);
  };
  const flush = (): void => {
    while (isTaking && waiting.length > 0) {
      const line = waiting.shift() as Buffer;
      waitingBytes -= line.length;
      push(line);
    }
    if (waiting.length === 0 && last !== undefined) finish(last);
  };
  const drop = (): void => {
    waiting = [];
    waitingBytes = 0;
    if (isLive) finish(tooSlow);
    else isBehind = true;
  };
  const unfollow = parts.feeds.follow(session, {
    arrived: (entry) => {
      if (isBehind) return;
      const line = lineOf(entry);
      waiting.push(line);
      waitingBytes += line.length;
      if (waitingBytes > maxWaitingBytes) drop();
      else if (isLive) flush();
    },
    ended: () => {
      last = 'the session has ended';
      if (isLive) flush();
    },
  });
  const timer = setInterval(() => {
    if (!isTaking && now() - tookAtMs > stallMs) finish(tooSlow);
    else if (isTaking) push(Buffer.from('\n'));
  }, beatMs);
  timer.unref();

  const sendPast = async (): Promise<void> => {
    for (let sent = 0; ; ) {
      isBehind = false;
      waiting = [];
      waitingBytes = 0;
      let index = 0;
      // The call and the line above belong together: what comes after it waits, what came before it is read.
      for await (const entry of parts.read(session)) {
        if (isOver) return;
        if (index++ < sent) continue;
        push(lineOf(entry));
        sent += 1;
        while (!isTaking && !isOver) await new Promise<void>((resolve) => (wake = resolve));
      }
      if (!isBehind || isOver) return;
    }
  };
  sendPast()
    .then(() => {
      if (isOver) return;
      isLive = true;
      wake = flush;
      parts.onLive();
      flush();
    })
    .catch((error: Error) => stream.destroy(error));
  return { stream, end: finish };
}

function lineOf(entry: Omit<RecordEntry, 'event'> & { readonly event: object }): Buffer {
  return Buffer.from(`${JSON.stringify(entry)}\n`);
}

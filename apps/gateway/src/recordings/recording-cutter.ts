import { createRecordingWriter } from '@weir/recording';
import type { AnchorQueue } from './anchor-queue.ts';
import { createKeyedQueue } from './keyed-queue.ts';
import { writeRecording } from './recording-file.ts';
import type { RecordingKeys } from './recording-keys.ts';
import type { SessionLog } from './session-log.ts';

/** Moves entries from memory into recordings, a few sessions at a time, in the background. */
export interface RecordingCutter {
  /** Puts a session in the queue; nothing happens when it already waits. */
  cut(log: SessionLog): void;
  /** Cuts what is left, seals, anchors; resolves when the anchor is stored. */
  seal(log: SessionLog): Promise<void>;
  /** Resolves when the queue is empty (anchors may still be on their way). */
  drained(): Promise<void>;
}

/** What the cutter needs and whom it tells. */
export interface RecordingCutterOptions {
  readonly dir: string;
  readonly keys: RecordingKeys;
  readonly anchors: AnchorQueue;
  readonly now: () => number;
  /** Bytes left the memory. */
  readonly onCut: (bytes: number) => void;
  /** The journal may need less of its segments than before. */
  readonly onAnchored: () => void;
  /** A recording could not be written: the gateway cannot keep evidence. */
  readonly onFailed: (error: unknown) => void;
}

/** Files at once: more would only make the journal's own fdatasync wait. */
const concurrency = 2;

/** Cuts one session: its parts go into the file; `anchored` resolves when the store has the anchor, too. */
async function cutParts(
  options: RecordingCutterOptions,
  log: SessionLog,
  seal: boolean,
): Promise<{ readonly anchored: Promise<void> }> {
  const { dir, keys, anchors, now, onCut, onAnchored } = options;
  const { session, parts, bytes } = log;
  const recording = log.recording ?? {
    writer: createRecordingWriter({ session, createdAtMs: now(), ...keys }),
    bytes: 0,
  };
  log.recording = recording;
  log.cutting = parts;
  log.parts = [];
  log.bytes = 0;
  const anchor = await writeRecording(dir, log, parts, seal);
  log.unanchored ??= parts[0]?.first ?? null;
  // Together: a reader takes the file up to `bytes` and then what is not in it.
  recording.bytes = anchor.bytes;
  log.cutting = [];
  onCut(bytes);
  const anchored = anchors.store(anchor).then(() => {
    // A newer cut may have come meanwhile; its own anchor clears the mark.
    if (recording.bytes === anchor.bytes) log.unanchored = null;
    onAnchored();
  });
  return { anchored };
}

/** A session's cuts never overlap, and it waits for a cut at most once. After a failure nothing is cut any more. */
export function createRecordingCutter(options: RecordingCutterOptions): RecordingCutter {
  const queue = createKeyedQueue<SessionLog>(concurrency);
  const waiting = new Set<SessionLog>();
  let failed: { readonly cause: unknown } | null = null;
  const attempt = async (log: SessionLog, seal: boolean): Promise<{ readonly anchored: Promise<void> } | null> => {
    if (failed !== null) throw failed.cause;
    if (!seal && log.parts.length === 0) return null;
    try {
      return await cutParts(options, log, seal);
    } catch (cause) {
      failed ??= { cause };
      options.onFailed(cause);
      throw cause;
    }
  };
  const cutOnce = async (log: SessionLog): Promise<void> => {
    waiting.delete(log);
    const cut = await attempt(log, false);
    // Nobody waits for this anchor: without it the entries stay in the journal and are found at the next start.
    cut?.anchored.catch(() => undefined);
  };
  return {
    cut(log) {
      if (waiting.has(log) || log.ended || failed !== null) return;
      waiting.add(log);
      // The failure was told to `onFailed`.
      queue.run(log, () => cutOnce(log)).catch(() => undefined);
    },
    async seal(log) {
      const cut = await queue.run(log, () => attempt(log, true));
      await cut?.anchored;
    },
    drained: () => queue.drained(),
  };
}

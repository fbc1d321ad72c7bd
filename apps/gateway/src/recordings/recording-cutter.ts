import { createRecordingWriter } from '@weir/recording';
import type { AnchorQueue } from './anchor-queue.ts';
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
  readonly onAnchored: (log: SessionLog) => void;
  /** A recording could not be written: the gateway cannot keep evidence. */
  readonly onFailed: (error: unknown) => void;
}

/** Files at once: more would only make the journal's own fdatasync wait. */
const concurrency = 2;

interface Task {
  readonly log: SessionLog;
  /** Who waits for the sealed recording's anchor; null for a cut. */
  readonly waiter: { readonly resolve: () => void; readonly reject: (error: unknown) => void } | null;
}

/** A session's tasks never overlap: it is in the queue at most once, and while one runs its next one waits. */
export function createRecordingCutter(options: RecordingCutterOptions): RecordingCutter {
  const { dir, keys, anchors, now, onCut, onAnchored, onFailed } = options;
  const queue: Task[] = [];
  const queued = new Set<SessionLog>();
  const active = new Set<SessionLog>();
  let idle: (() => void)[] = [];
  let failed: unknown = null;

  const begin = (log: SessionLog): void => {
    const { session } = log;
    log.recording ??= { writer: createRecordingWriter({ session, createdAtMs: now(), ...keys }), bytes: 0 };
  };
  /** Resolves when the recording is durable; `anchored` when the store has its anchor, too. */
  const write = async (log: SessionLog, seal: boolean): Promise<{ readonly anchored: Promise<void> }> => {
    begin(log);
    const { parts, bytes } = log;
    log.cutting = parts;
    log.parts = [];
    log.bytes = 0;
    const anchor = await writeRecording(dir, log, parts, seal);
    log.unanchored ??= parts[0]?.first ?? null;
    // Together: a reader takes the file up to `bytes` and then what is not in it.
    if (log.recording !== null) log.recording.bytes = anchor.bytes;
    log.cutting = [];
    onCut(bytes);
    const anchored = anchors.store(anchor).then(() => {
      // A newer cut may have come meanwhile; its own anchor clears the mark.
      if (log.recording?.bytes === anchor.bytes) log.unanchored = null;
      onAnchored(log);
    });
    return { anchored };
  };
  const perform = async ({ log, waiter }: Task): Promise<void> => {
    if (failed !== null) throw failed;
    if (waiter === null && log.parts.length === 0) return;
    const { anchored } = await write(log, waiter !== null);
    // Without a waiter nobody needs to know: what is not anchored stays in the journal and is found at the next start.
    anchored.then(waiter?.resolve, waiter?.reject ?? (() => undefined));
  };
  const pump = (): void => {
    for (let at = 0; at < queue.length && active.size < concurrency; ) {
      const task = queue[at] as Task;
      if (active.has(task.log)) {
        at += 1;
        continue;
      }
      queue.splice(at, 1);
      if (task.waiter === null) queued.delete(task.log);
      active.add(task.log);
      run(task);
    }
    if (active.size === 0 && queue.length === 0) {
      const resolved = idle;
      idle = [];
      for (const resolve of resolved) resolve();
    }
  };
  const run = (task: Task): void => {
    perform(task)
      .catch((error: unknown) => {
        task.waiter?.reject(error);
        if (failed === null) {
          failed = error;
          onFailed(error);
        }
      })
      .finally(() => {
        active.delete(task.log);
        pump();
      });
  };
  return {
    cut(log) {
      if (queued.has(log) || log.ended) return;
      queued.add(log);
      queue.push({ log, waiter: null });
      pump();
    },
    seal: (log) =>
      new Promise((resolve, reject) => {
        queue.push({ log, waiter: { resolve, reject } });
        pump();
      }),
    drained: () =>
      active.size === 0 && queue.length === 0 ? Promise.resolve() : new Promise((resolve) => idle.push(resolve)),
  };
}

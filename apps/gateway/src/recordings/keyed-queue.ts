/** Runs tasks, a few at once, those of one key one after the other in the order in which they came. */
export interface KeyedQueue<Key> {
  /** Resolves or rejects as the task does. */
  run<Result>(key: Key, task: () => Promise<Result>): Promise<Result>;
  /** Resolves when nothing runs or waits. */
  drained(): Promise<void>;
}

interface Waiting<Key> {
  readonly key: Key;
  readonly start: () => Promise<void>;
}

/** `concurrency` tasks run at once. */
export function createKeyedQueue<Key>(concurrency: number): KeyedQueue<Key> {
  const queue: Waiting<Key>[] = [];
  const active = new Set<Key>();
  let idle: (() => void)[] = [];
  const settle = (): void => {
    const resolved = idle;
    idle = [];
    for (const resolve of resolved) resolve();
  };
  const pump = (): void => {
    while (active.size < concurrency) {
      const at = queue.findIndex(({ key }) => !active.has(key));
      const next = at < 0 ? undefined : queue.splice(at, 1)[0];
      if (next === undefined) break;
      active.add(next.key);
      void next.start().finally(() => {
        active.delete(next.key);
        pump();
      });
    }
    if (active.size === 0 && queue.length === 0) settle();
  };
  return {
    run: (key, task) =>
      new Promise((resolve, reject) => {
        queue.push({ key, start: () => task().then(resolve, reject) });
        pump();
      }),
    drained: () =>
      active.size === 0 && queue.length === 0 ? Promise.resolve() : new Promise((resolve) => idle.push(resolve)),
  };
}

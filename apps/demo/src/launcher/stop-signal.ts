/** A terminal and npm may both pass one Ctrl-C on: signals this close together are one. */
const sameSignalMs = 1_500;

/**
 * Settles with 'stop' at the first SIGINT, SIGTERM or SIGHUP, or when the process that started us is gone (its IPC channel closes). Later signals
 * are heard and have no effect while we stop, except that one after 1.5 s ends this process at once: the watchdog ends its children then.
 */
export function untilStopAsked(): Promise<'stop'> {
  return new Promise((resolve) => {
    let askedAt: number | undefined;
    const ask = (): void => {
      const now = performance.now();
      if (askedAt !== undefined && now - askedAt > sameSignalMs) process.exit(130);
      askedAt ??= now;
      resolve('stop');
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, ask);
    process.once('disconnect', ask);
  });
}

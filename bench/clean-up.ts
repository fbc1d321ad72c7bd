/** What the bench has started, to be ended in reverse order: at its end, after an error, and at Ctrl-C. */
export interface CleanUp {
  /** What is added while everything is ended, or after that, is ended at once. */
  add(what: string, end: () => Promise<void> | void): void;
  /** Ends everything; safe to call again. Failures are written to stderr, and the rest is ended all the same. */
  run(): Promise<void>;
}

/** Creates an empty list that also runs at SIGINT, SIGTERM and SIGHUP, which then end the process. */
export function createCleanUp(): CleanUp {
  const ends: { what: string; end: () => Promise<void> | void }[] = [];
  let running: Promise<void> | undefined;
  const runAll = async () => {
    for (;;) {
      const next = ends.pop();
      if (next === undefined) return;
      try {
        await next.end();
      } catch (error) {
        process.stderr.write(`could not end ${next.what}: ${error instanceof Error ? error.message : String(error)}\n`);
      }
    }
  };
  const run = () => {
    // Whoever asks again waits for the same end, and for what was added meanwhile.
    running = (running ?? Promise.resolve()).then(runAll);
    return running;
  };
  let isStopping = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    // Not once: a group of processes gets a signal together, and pnpm then passes its own on, which would end us in the middle of this.
    process.on(signal, () => {
      if (isStopping) return;
      isStopping = true;
      process.stderr.write('stopping …\n');
      void run().then(() => process.exit(130));
    });
  }
  // A reader that has gone (`| head`) must not end us before what we started.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  return {
    add(what, end) {
      ends.push({ what, end });
      if (running !== undefined) void run();
    },
    run,
  };
}

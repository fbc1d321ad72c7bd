/** What the bench has started, to be ended in reverse order: at its end, after an error, and at Ctrl-C. */
export interface CleanUp {
  add(what: string, end: () => Promise<void> | void): void;
  /** Ends everything; safe to call again. Failures are written to stderr, and the rest is ended all the same. */
  run(): Promise<void>;
}

/** Creates an empty list that also runs at SIGINT, SIGTERM and SIGHUP, which then end the process. */
export function createCleanUp(): CleanUp {
  const ends: { what: string; end: () => Promise<void> | void }[] = [];
  const run = async () => {
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
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      process.stderr.write('stopping …\n');
      void run().then(() => process.exit(130));
    });
  }
  return { add: (what, end) => void ends.push({ what, end }), run };
}

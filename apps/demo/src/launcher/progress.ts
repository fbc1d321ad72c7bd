/** Tells the user what is going on, one line per step with its time. */
export interface Progress {
  /** Runs one step under its title; the title ends with the time, or with `failed`. */
  step<T>(title: string, work: () => Promise<T>): Promise<T>;
}

/** Progress on a stream, e.g. stderr. */
export function createProgress(out: { write(text: string): unknown }): Progress {
  return {
    step: async (title, work) => {
      const start = performance.now();
      out.write(`  ${title} … `);
      try {
        const result = await work();
        out.write(`${((performance.now() - start) / 1000).toFixed(1)} s\n`);
        return result;
      } catch (error) {
        out.write('failed\n');
        throw error;
      }
    },
  };
}

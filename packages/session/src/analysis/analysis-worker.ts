import { Worker } from 'node:worker_threads';
import type { AnalysisRequest, AnalysisResult, Catalog } from '@weir/sql';
import type { FromWorker, ToWorker, WorkerOptions } from './worker-messages.ts';

/** One analysis thread. It does one request at a time and is thrown away when it fails. */
export interface AnalysisWorker {
  /** Sends a request; `settle` is called once, with the result or with what went wrong with the thread. Only when idle. */
  run(request: AnalysisRequest, settle: (outcome: WorkerOutcome) => void): void;
  load(catalog: Catalog): void;
  drop(version: string): void;
  /** Ends the thread; a running request settles as `stopped`. */
  stop(): Promise<void>;
}

export type WorkerOutcome =
  | { readonly outcome: 'result'; readonly result: AnalysisResult }
  | { readonly outcome: 'timeout' | 'stopped' }
  | { readonly outcome: 'crashed'; readonly cause: unknown };

/** Stack for deeply nested statements; with Node's default of 4 MB the parser breaks earlier and not cleanly. */
const stackSizeMb = 16;
/** A tree of the largest text takes some hundred MB. */
const maxOldGenerationSizeMb = 768;
/** A thread that starts for the first time loads the parser: it gets this much longer, ms. */
const startAllowanceMs = 10_000;

/** Starts a thread. `timeoutMs` bounds one request; a thread that exceeds it is stopped. */
export function startAnalysisWorker(options: WorkerOptions, timeoutMs: number, onIdle: () => void): AnalysisWorker {
  const isSource = import.meta.url.endsWith('.ts');
  const entry = new URL(isSource ? './worker-entry.ts' : './worker-entry.js', import.meta.url);
  const worker = new Worker(entry, {
    workerData: options,
    execArgv: isSource ? ['--conditions=source', '--disable-warning=ExperimentalWarning'] : [],
    resourceLimits: { stackSizeMb, maxOldGenerationSizeMb },
  });
  let nextId = 0;
  let ready = false;
  let current: { id: number; settle: (outcome: WorkerOutcome) => void; timer: NodeJS.Timeout } | null = null;
  const send = (message: ToWorker) => worker.postMessage(message);
  const settle = (outcome: WorkerOutcome) => {
    if (current === null) return;
    const { settle: done, timer } = current;
    current = null;
    clearTimeout(timer);
    done(outcome);
  };
  worker.on('message', (message: FromWorker) => {
    if (message.kind === 'ready') ready = true;
    else if (message.id === current?.id) settle({ outcome: 'result', result: message.result });
    if (current === null) onIdle();
  });
  worker.on('error', (cause) => settle({ outcome: 'crashed', cause }));
  worker.on('exit', (code) =>
    settle({ outcome: 'crashed', cause: new Error(`the analysis thread ended with code ${code}`) }),
  );
  return {
    run(request, done) {
      nextId += 1;
      const allowance = ready ? timeoutMs : timeoutMs + startAllowanceMs;
      current = { id: nextId, settle: done, timer: setTimeout(() => settle({ outcome: 'timeout' }), allowance) };
      send({ kind: 'analyse', id: nextId, request });
    },
    load: (catalog) => send({ kind: 'load', catalog }),
    drop: (version) => send({ kind: 'drop', version }),
    async stop() {
      settle({ outcome: 'stopped' });
      await worker.terminate();
    },
  };
}

import {
  type ChildExit,
  childFailed,
  type SupervisedChild,
  type SuperviseOptions,
  superviseChild,
} from '@weir/embedded-postgres';

/** The processes of the demo. The first that ends by itself is a failure of the whole. */
export interface DemoChildren {
  start(options: SuperviseOptions): Promise<SupervisedChild>;
  /** Puts a process that was started elsewhere under the same watch; the last added is stopped first. */
  add(child: Pick<SupervisedChild, 'exited' | 'pid'> & { stop(): Promise<unknown> }, logFile: string): void;
  /** Rejects with a WeirError (log included) when a process ended that nobody stopped; never resolves. */
  readonly failure: Promise<never>;
  /** Stops all, the latest first; what is added from now on is stopped at once. */
  stopAll(): Promise<void>;
}

/** An empty set of processes; `onChange` is told the numbers of those that run. */
export function createDemoChildren(onChange: (pids: readonly number[]) => void = () => undefined): DemoChildren {
  const running: { readonly pid: number; stop(): Promise<unknown> }[] = [];
  const changed = (): void => onChange(running.map(({ pid }) => pid));
  let isStopping = false;
  let fail: (error: Error) => void = () => undefined;
  const failure = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  // It is looked at later: until then a rejection is no fault of the program.
  failure.catch(() => undefined);
  const add: DemoChildren['add'] = (child, logFile) => {
    running.push(child);
    changed();
    if (isStopping) void child.stop();
    void child.exited.then((exit: ChildExit) => {
      running.splice(running.indexOf(child), 1);
      changed();
      if (!exit.wasStopped) fail(childFailed(exit, logFile));
    });
  };
  return {
    failure,
    add,
    start: async (options) => {
      const child = await superviseChild(options);
      add(child, options.logFile);
      return child;
    },
    stopAll: async () => {
      isStopping = true;
      for (const child of [...running].reverse()) await child.stop();
    },
  };
}

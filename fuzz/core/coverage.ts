import { type Profiler, Session } from 'node:inspector';

/** What parts of the code have run, by V8's precise block coverage of this process. */
export interface Coverage {
  /** Takes what ran since the last call. @returns characters of source that ran for the first time. */
  take(): number;
  /** The same without remembering it as known: what an input alone would add. */
  peek(): number;
  /** Characters of source that have run so far. */
  readonly known: number;
}

/**
 * Starts it. `isOwn` says which scripts count, by URL; start before these are loaded, else their blocks are not told apart. A block that V8 reports together
 * with the one around it (because both ran equally often) is the same to us as when it is reported alone: characters are compared, not blocks.
 */
export function startCoverage(isOwn: (url: string) => boolean): Coverage {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  const functions = new Map<string, Uint8Array>();
  let known = 0;

  /** The inspector of one's own process answers at once. */
  const read = (): Profiler.ScriptCoverage[] => {
    let scripts: Profiler.ScriptCoverage[] = [];
    session.post('Profiler.takePreciseCoverage', (error, answer) => {
      if (error !== null) throw error;
      scripts = answer.result;
    });
    return scripts;
  };
  const look = (isKept: boolean): number => {
    let fresh = 0;
    for (const script of read()) {
      if (!isOwn(script.url)) continue;
      for (const one of script.functions) fresh += lookAt(script.url, one, isKept);
    }
    if (isKept) known += fresh;
    return fresh;
  };
  const lookAt = (url: string, { ranges }: Profiler.FunctionCoverage, isKept: boolean): number => {
    const [whole] = ranges;
    if (whole === undefined || whole.count === 0) return 0;
    const size = whole.endOffset - whole.startOffset;
    const ran = new Uint8Array(size);
    // Ranges come from the outer to the inner ones.
    for (const { startOffset, endOffset, count } of ranges)
      ran.fill(count > 0 ? 1 : 0, startOffset - whole.startOffset, endOffset - whole.startOffset);
    const key = `${url}:${whole.startOffset}-${whole.endOffset}`;
    const before = functions.get(key) ?? new Uint8Array(size);
    let fresh = 0;
    for (let at = 0; at < size; at++) {
      if (ran[at] === 0 || before[at] === 1) continue;
      fresh += 1;
      if (isKept) before[at] = 1;
    }
    if (isKept) functions.set(key, before);
    return fresh;
  };
  return {
    take: () => look(true),
    peek: () => look(false),
    get known() {
      return known;
    },
  };
}

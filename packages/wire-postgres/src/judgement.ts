import { encodeErrorResponse } from './encode-backend.ts';
import type { Decision, JudgeRequest } from './engine-host.ts';
import type { EngineState } from './engine-state.ts';
import { fieldsOfThrown } from './error-fields.ts';

/** Ends a judgement that took its time. */
export type Resume = (apply: () => void) => void;

/** Asks the host; a decision at once takes no microtask. */
export function judge(
  state: EngineState,
  request: JudgeRequest,
  resume: Resume,
  apply: (decision: Decision) => void,
): void {
  state.isJudging = true;
  let answer: Decision | Promise<Decision>;
  try {
    answer = state.host.judge(request);
  } catch (error) {
    answer = undecided(error);
  }
  const settled = (decision: Decision) => {
    if (decision.action === 'deny' && decision.fatal === true) state.fail(decision.error);
    else if (state.isSkipping) failedMeanwhile(state, decision);
    else apply(decision);
  };
  if (answer instanceof Promise) {
    answer.then(
      (decision) => resume(() => settled(decision)),
      (error: unknown) => resume(() => settled(undecided(error))),
    );
    return;
  }
  state.isJudging = false;
  settled(answer);
}

function undecided(error: unknown): Decision {
  const fields = fieldsOfThrown(error, 'the statement could not be judged, so it was not run');
  return { action: 'deny', error: fields };
}

/** An earlier message of the pipeline failed during the judgement: the server would discard this one, so it never reaches it. */
function failedMeanwhile(state: EngineState, decision: Decision): void {
  const own = state.ownFailure;
  state.ownFailure = null;
  // Nothing is outstanding then: the failed segment was dropped, and the client waits for this answer.
  if (own !== null) state.sendToClient(encodeErrorResponse(decision.action === 'deny' ? decision.error : own));
  if (decision.action === 'forward') {
    state.host.finished(decision.ticket, { index: 0, tag: null, rows: 0, bytes: 0, error: own });
  }
}

/** Have statements before this one not ended yet? */
export function isPipelined(state: EngineState): boolean {
  return state.executesInSegment > 0 || state.queue.statements > 0;
}

import { WeirError } from '@weir/errors';
import type { ApprovalAnswer, ApprovalDesk, ApprovalQuestion } from '@weir/gate';
import type { ApprovalAsk, ApprovalState } from '@weir/proto';

/** The desk's two ends: the gate asks, frames arrive. */
export interface ChannelApprovalDesk<Subject = unknown> extends ApprovalDesk<Subject> {
  /** An APPROVAL_STATE frame. */
  stateArrived(state: ApprovalState): void;
  /** The lane is gone: an open question cannot be answered any more. */
  lost(): void;
}

/** What the desk sends. */
export interface ApprovalFrames {
  ask(ask: ApprovalAsk): void;
  withdraw(ask: number): void;
}

interface OpenQuestion {
  readonly ask: number;
  readonly mode: 'wait' | 'retry';
  requestId: string;
  /** The gateway knows of it. */
  isSent: boolean;
  readonly onPending: (requestId: string, link: string | null, notice?: string) => void;
  readonly resolve: (answer: ApprovalAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** Creates the desk of one channel. `database` completes the question, and the estimate that approvers see; null = there is nothing to estimate. */
export function createApprovalDesk<Subject>(
  frames: ApprovalFrames,
  database: string,
  estimate: ((question: ApprovalQuestion<Subject>) => Promise<NonNullable<ApprovalAsk['estimate']>>) | null,
): ChannelApprovalDesk<Subject> {
  let open: OpenQuestion | undefined;
  let asks = 0;

  const finish = (answer: Omit<ApprovalAnswer, 'requestId'>) => {
    const question = open;
    open = undefined;
    question?.resolve({ requestId: question.requestId, ...answer });
  };

  return {
    ask(question, onPending) {
      asks += 1;
      const ask = asks;
      return new Promise((resolve, reject) => {
        const asked = { ask, mode: question.mode, requestId: '', isSent: false, onPending, resolve, reject };
        open = asked;
        const send = (expected: ApprovalAsk['estimate']): void => {
          // Withdrawn meanwhile: the gateway never hears of it.
          if (open !== asked) return;
          asked.isSent = true;
          frames.ask(askOf(question, ask, database, expected));
        };
        if (estimate === null) send(undefined);
        else estimate(question).then(send, reject);
      });
    },
    stateArrived(state) {
      if (open === undefined || state.ask !== open.ask) return;
      open.requestId = state.requestId;
      if (state.state === 'pending' && open.mode === 'wait') {
        open.onPending(state.requestId, state.link ?? null, state.notice);
      } else {
        const link = state.link === undefined ? {} : { link: state.link };
        finish({ state: state.state, by: state.by ?? null, reason: state.reason ?? null, ...link });
      }
    },
    withdraw(why) {
      if (open === undefined) return false;
      if (open.isSent) frames.withdraw(open.ask);
      finish({ state: why, by: null, reason: null });
      return true;
    },
    lost() {
      const question = open;
      open = undefined;
      question?.reject(
        new WeirError('gateway_unavailable', 'the gateway was lost while the statement waited for approval'),
      );
    },
  };
}

function askOf(
  question: ApprovalQuestion,
  ask: number,
  database: string,
  estimate: ApprovalAsk['estimate'],
): ApprovalAsk {
  const { verdict, subject: _kept, ...rest } = question;
  return {
    ...rest,
    ask,
    database,
    rule: verdict.rule,
    reason: verdict.reason,
    approvers: verdict.approvers,
    require: verdict.require,
    people: verdict.people,
    timeoutMs: verdict.timeoutMs,
    ...(estimate !== undefined && { estimate }),
  };
}

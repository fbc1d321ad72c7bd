import type { ApprovalVerdict } from '@weir/policy';
import type { AnalysedStatement } from '@weir/sql';
import { createDenial, type Denial } from './denial.ts';
import type { UnderstoodText } from './ticket.ts';

/** What the gate asks people; the joiner adds the channel and sends it to the gateway. */
export interface ApprovalQuestion {
  readonly binding: string;
  readonly mode: 'wait' | 'retry';
  readonly statement: string;
  readonly parameters: readonly (string | null)[];
  readonly role: string;
  readonly searchPath: readonly string[];
  readonly tables: readonly string[];
  readonly kind: string;
  readonly verdict: ApprovalVerdict;
  /** Somebody of `verdict.approvers` has to watch, not to decide; `approved` says that he does. In mode `wait` only. */
  readonly watch?: true;
  /** What an estimate of its rows is made of. It stays in this process. */
  readonly subject: {
    readonly understood: UnderstoodText;
    /** As of GateRequest, one of each parameter and as far as known. */
    readonly parameterFormats: readonly number[];
    readonly parameterTypes: readonly number[];
  };
}

/** How a question ended. `pending` ends a question in retry mode: the statement is refused with the request's id. */
export interface ApprovalAnswer {
  readonly requestId: string;
  readonly state: 'approved' | 'denied' | 'expired' | 'pending' | 'cancelled' | 'client-gone';
  readonly by: string | null;
  readonly reason: string | null;
  /** Page on which a pending request is decided; null or absent = there is none. */
  readonly link?: string | null;
}

/** The way to the people: one question at a time per channel. */
export interface ApprovalDesk {
  /**
   * `onPending` is called when the request exists and the statement waits; `notice` is the gateway's own sentence about it, where it has one.
   * @throws WeirError when the gateway is lost.
   */
  ask(
    question: ApprovalQuestion,
    onPending: (requestId: string, link: string | null, notice?: string) => void,
  ): Promise<ApprovalAnswer>;
  /** Gives up the open question. @returns whether there was one. */
  withdraw(why: 'cancelled' | 'client-gone'): boolean;
}

/** Wait or retry? Waiting is for people who watch, outside transactions: a parked statement would hold the locks of what ran before. */
export function approvalMode(
  verdict: ApprovalVerdict,
  state: { readonly interactive: boolean; readonly insideTransaction: boolean },
): 'wait' | 'retry' {
  if (state.insideTransaction || verdict.mode === 'retry') return 'retry';
  return verdict.mode === 'wait' || state.interactive ? 'wait' : 'retry';
}

/** What an approver types or opens. */
export function howToApprove(requestId: string, link: string | null): string {
  const command = `weir requests approve ${requestId}`;
  return link === null ? command : `${link} or ${command}`;
}

/** The refusal that an answer other than approved means. */
export function refuseByAnswer(answer: ApprovalAnswer, rule: string): Denial {
  const detail = `Approval request ${answer.requestId}, rule "${rule}".`;
  const who = answer.by === null ? '' : ` by ${answer.by}`;
  const why = answer.reason ? `: ${answer.reason}` : '';
  switch (answer.state) {
    case 'pending':
      return createDenial(
        'approval_pending',
        `this statement needs the approval of another person: request ${answer.requestId}`,
        {
          detail,
          hint: `After approval (${howToApprove(answer.requestId, answer.link ?? null)}) send the same statement again; it then runs once.`,
        },
      );
    case 'denied':
      return createDenial('approval_denied', `approval was denied${who}${why}`, { detail });
    case 'expired':
      return createDenial('approval_expired', 'nobody approved this statement in time', { detail });
    default:
      return createDenial('query_canceled', 'canceling statement while it waited for approval', {
        detail,
        hint: 'Nothing ran; the approval request was withdrawn.',
      });
  }
}

/** The kind that a request shows: of the statement that changes most. */
export const leadingKind = (statements: readonly AnalysedStatement[]) =>
  statements.find(({ facts }) => facts.kind !== 'transaction')?.facts.kind ?? 'empty';

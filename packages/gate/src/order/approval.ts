import type { ApprovalVerdict } from '@weir/policy';
import { createDenial, type Denial } from './denial.ts';

/** What a gate asks people; the joiner adds the channel and sends it to the gateway. `Subject`: what an estimate is made of, where there is one. */
export interface ApprovalQuestion<Subject = unknown> {
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
  /** It stays in this process. */
  readonly subject: Subject;
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
export interface ApprovalDesk<Subject = unknown> {
  /**
   * `onPending` is called when the request exists and the statement waits; `notice` is the gateway's own sentence about it, where it has one.
   * @throws WeirError when the gateway is lost.
   */
  ask(
    question: ApprovalQuestion<Subject>,
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
export function refuseByAnswer(answer: ApprovalAnswer, rule: string, noun = 'statement'): Denial {
  const detail = `Approval request ${answer.requestId}, rule "${rule}".`;
  const who = answer.by === null ? '' : ` by ${answer.by}`;
  const why = answer.reason ? `: ${answer.reason}` : '';
  switch (answer.state) {
    case 'pending':
      return createDenial(
        'approval_pending',
        `this ${noun} needs the approval of another person: request ${answer.requestId}`,
        {
          detail,
          hint: `After approval (${howToApprove(answer.requestId, answer.link ?? null)}) send the same ${noun} again; it then runs once.`,
        },
      );
    case 'denied':
      return createDenial('approval_denied', `approval was denied${who}${why}`, { detail });
    case 'expired':
      return createDenial('approval_expired', `nobody approved this ${noun} in time`, { detail });
    default:
      return createDenial('query_canceled', `canceling ${noun} while it waited for approval`, {
        detail,
        hint: 'Nothing ran; the approval request was withdrawn.',
      });
  }
}

import type { ApprovalVerdict, Verdict } from '@weir/policy';
import {
  type ApprovalAnswer,
  type ApprovalDesk,
  type ApprovalQuestion,
  howToApprove,
  refuseByAnswer,
} from './approval.ts';
import { createDenial, type Denial, denialOfVerdict } from './denial.ts';

/** What asking people needs of a gate. */
export interface AskingServices<Subject> {
  readonly approvals: ApprovalDesk<Subject>;
  readonly sessionId: string;
  note(code: string, message: string, statement: number | null): void;
  /** A sentence to the client while it waits, and what can be done. */
  notice(message: string, hint: string): void;
}

/** One thing that waits for people. `Present` is what a protocol knows of it when it is judged again. */
export interface AskingRound<Subject, Present extends { readonly verdict: Verdict }, Decision> {
  readonly question: ApprovalQuestion<Subject>;
  /** Number that it will have in the record. */
  readonly number: number;
  /** How it is called in sentences: `statement`, `command`, … */
  readonly noun: string;
  /** The approval is not one of the rules, so they need not ask for it afterwards. */
  readonly isBesideRules: boolean;
  /** What it is and how it is judged by the plan of now; null = it would do something else than what was approved. */
  again(): Present | null | Promise<Present | null>;
  refuse(denial: Denial, answer: ApprovalAnswer, present: Present | null): Decision;
  release(present: Present, answer: ApprovalAnswer): Decision | Promise<Decision>;
}

/**
 * Asks people and judges once more: the world and the policy may have moved while they thought. An approval stands for one person's agreement to what
 * was asked, never against a rule that denies by now.
 */
export async function askPeople<Subject, Present extends { readonly verdict: Verdict }, Decision>(
  services: AskingServices<Subject>,
  round: AskingRound<Subject, Present, Decision>,
): Promise<Decision> {
  const { question, noun } = round;
  const answer = await services.approvals.ask(question, (requestId, link) => {
    services.note('approval-asked', `request ${requestId} waits for a decision`, round.number);
    services.notice(
      `weir: this ${noun} waits for approval, request ${requestId}`,
      `Another person decides: ${howToApprove(requestId, link)}. Ctrl-C withdraws it.`,
    );
  });
  if (answer.state !== 'approved')
    return round.refuse(refuseByAnswer(answer, question.verdict.rule, noun), answer, null);
  const present = await round.again();
  if (present === null) {
    const message = `the ${noun} would now do something else than what was approved: its tables or settings changed meanwhile`;
    return round.refuse(createDenial('approval_expired', message), answer, null);
  }
  const { verdict } = present;
  if (verdict.action === 'deny') return round.refuse(denialOfVerdict(verdict, services.sessionId), answer, present);
  if (verdict.action === 'require-approval' && !round.isBesideRules && !asksTheSame(verdict, question.verdict)) {
    const message = `the rules ask for another approval by now: send the ${noun} again`;
    return round.refuse(createDenial('approval_expired', message), answer, present);
  }
  return round.release(present, answer);
}

/** Would the same people be asked by the same rule? */
const asksTheSame = (now: ApprovalVerdict, then: ApprovalVerdict) =>
  now.rule === then.rule &&
  now.require === then.require &&
  now.people === then.people &&
  JSON.stringify(now.approvers) === JSON.stringify(then.approvers);

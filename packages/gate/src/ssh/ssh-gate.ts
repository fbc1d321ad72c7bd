import type { ContentType, OutputStreamKind, PlanEvaluator, SshKind } from '@weir/policy';
import type { ApprovalDesk } from '../order/approval.ts';
import type { SshGateDecision, SshTicket } from './ssh-decision.ts';
import { createSshJudgement } from './ssh-judgement.ts';
import type { SshRequest } from './ssh-request.ts';

/** Who acts where: constants of a channel of SSH. */
export interface SshGateIdentity {
  readonly sessionId: string;
  readonly principal: string;
  readonly connection: string;
  /** User at the target. */
  readonly login: string;
}

/** The world of a gate for SSH. */
export interface SshGateServices {
  readonly identity: SshGateIdentity;
  /** The plan in force now; a new object after a plan update. */
  evaluator(): PlanEvaluator;
  readonly approvals: ApprovalDesk<null>;
  /** Sends one event up. `isEvidence`: everything that the client gets afterwards depends on it. */
  record(eventJson: Buffer, isEvidence: boolean): void;
  /** Lines for the person while it waits, separated by LF; the first begins with `weir: `. */
  notice(text: string): void;
  now(): number;
}

/** The one place that knows the order for SSH: inspect, decide, (approve), record, release. */
export interface SshGate {
  /** Judges one request. Answers at once unless people must be asked. Never rejects. */
  judge(request: SshRequest): SshGateDecision | Promise<SshGateDecision>;
  /** Judges a line that was typed, as far as it was seen. Advisory. `ticket`: of the shell or command that reads it. */
  typed(ticket: SshTicket, line: string): SshGateDecision | Promise<SshGateDecision>;
  /** Must typed lines be judged at all? */
  readonly isInputJudged: boolean;
  /** Does policy want what people type in the recording? */
  readonly isInputRecorded: boolean;
  /**
   * Detectors have found these types in the content of a file, before it passes.
   * @returns why this and the rest must not pass, for the person; null = it may
   */
  content(ticket: SshTicket, found: readonly ContentType[]): string | null;
  /**
   * Types that are masked in what this program shows. Ask again after a plan update. What carries files (rsync, git, other subsystems) is never masked:
   * a changed file is a broken file.
   */
  masks(ticket: SshTicket, stream: OutputStreamKind): readonly ContentType[];
  /** The client gave up (gone, Ctrl-C): withdraws what waits for people. @returns whether something did. */
  withdraw(why: 'cancelled' | 'client-gone'): boolean;
  note(code: string, message: string, statement: number | null): void;
}

/** What prints for people. */
const shown: readonly SshKind[] = ['shell', 'exec'];

/** Creates the gate of one channel of SSH. */
export function createSshGate(services: SshGateServices): SshGate {
  const judgement = createSshJudgement(services);
  const streams = () => services.evaluator().ssh;
  return {
    ...judgement,
    get isInputJudged() {
      return streams().isInputJudged;
    },
    get isInputRecorded() {
      return streams().isInputRecorded;
    },
    masks: ({ statement }, stream) => (shown.includes(statement.facts.kind) ? streams().masksOf(stream) : []),
    withdraw: (why) => services.approvals.withdraw(why),
  };
}

import type { PlanEvaluator } from '@weir/policy';
import type { AnalysisRequest, AnalysisResult, Catalog } from '@weir/sql';
import type { ApprovalDesk } from '../order/approval.ts';
import { encodeNote } from '../order/statement-record.ts';
import { createAnswers, type GateAnswers } from './answers.ts';
import type { SqlSubject } from './approval-binding.ts';
import type { BudgetDesk } from './budget.ts';
import type { DeliveredMasks } from './delivered-masks.ts';
import { createJudgement, type GateDecision, type GateRequest } from './judgement.ts';
import type { SampleLimits } from './result-sample.ts';
import { createObjectTracker, type ObjectTracker } from './session-objects.ts';
import type { BoundIn, TargetState } from './target-view.ts';
import type { Ticket } from './ticket.ts';

/** Who acts where: constants of a channel. */
export interface GateIdentity {
  readonly sessionId: string;
  readonly principal: string;
  readonly connection: string;
  readonly database: string;
  /** A person looks at the client's output while a statement runs (psql). */
  readonly interactive: boolean;
  /** Key of hash and fake transforms. */
  readonly maskingKey: Buffer;
  readonly sampleLimits: SampleLimits;
}

/** The world of a gate. */
export interface GateServices {
  readonly identity: GateIdentity;
  /** The plan in force now; a new object after a plan update. */
  evaluator(): PlanEvaluator;
  analyse(request: AnalysisRequest, database: string, catalog: Catalog): AnalysisResult | Promise<AnalysisResult>;
  readonly target: TargetState;
  readonly approvals: ApprovalDesk<SqlSubject>;
  /** What the session, in all of its channels, has been shown in place of protected values. */
  delivered(): DeliveredMasks;
  readonly budgets: BudgetDesk;
  /**
   * Sends one event up. `isEvidence`: everything that the client gets afterwards depends on it. Statements, notes and denials are evidence; the
   * outcome of a statement follows its answer, so that no answer waits for the journal twice.
   */
  record(eventJson: Buffer, isEvidence: boolean): void;
  /** A sentence to the client while it waits. */
  notice(message: string, hint: string): void;
  now(): number;
}

/** What judgement and answers share. */
export interface GateContext extends GateServices {
  readonly objects: ObjectTracker;
  /** Counts statements of this channel that may have changed what others mean. */
  changes(): number;
  note(code: string, message: string, statement: number | null): void;
  /** Changes of catalog and environment count from the moment that a statement is forwarded. */
  forwarded(ticket: Ticket, isIdle: boolean): void;
}

/** The one place that knows the order: inspect, decide, (approve), record, release; answer: mask, record, deliver. */
export interface Gate extends GateAnswers {
  /** Judges one statement text or bound portal. Answers at once when everything that it needs is cached. */
  judge(request: GateRequest): GateDecision | Promise<GateDecision>;
  /** The client gave up (CancelRequest, gone): withdraws a parked statement. @returns whether one was parked. */
  withdraw(why: 'cancelled' | 'client-gone'): boolean;
  /** A portal is bound now. */
  bound(): BoundIn;
  /** The client gave this name to a statement or portal of its own by protocol: what SQL made under it is not meant any more. */
  named(kind: 'statement' | 'portal', name: string): void;
  note(code: string, message: string, statement: number | null): void;
}

/** Creates the gate of one channel. */
export function createGate(services: GateServices): Gate {
  const objects = createObjectTracker();
  let changes = 0;
  const context: GateContext = {
    ...services,
    objects,
    changes: () => changes,
    note(code, message, statement) {
      services.record(encodeNote(services.now(), code, message, statement), true);
    },
    forwarded(ticket, isIdle) {
      const { statements } = ticket.understood;
      objects.expect(ticket);
      for (const { changes: made, facts } of statements) {
        for (const { change } of made) {
          if (change !== 'catalog' && change !== 'environment') continue;
          changes += 1;
          services.target.touched(change);
        }
        if (facts.kind !== 'transaction') continue;
        // With nothing outstanding BEGIN cannot end anything; our own question behind it would keep the client from SET TRANSACTION.
        const begins = isIdle && statements.length === 1 && /^(BEGIN|START TRANSACTION)$/.test(facts.command);
        if (begins) services.target.transactionBegan();
        else {
          changes += 1;
          services.target.transactionEnded();
        }
      }
    },
  };
  const judgement = createJudgement(context);
  return {
    judge: judgement.judge,
    bound: () => ({ view: services.target.current(), changes }),
    withdraw: (why) => services.approvals.withdraw(why),
    named: (kind, name) => objects.taken(kind, name),
    note: context.note,
    ...createAnswers(context),
  };
}

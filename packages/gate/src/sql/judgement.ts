import type { Verdict } from '@weir/policy';
import type { AnalysedStatement } from '@weir/sql';
import { type ApprovalAnswer, approvalMode } from '../order/approval.ts';
import { askPeople } from '../order/asking.ts';
import { createDenial, type Denial, denialOfError, denialOfVerdict } from '../order/denial.ts';
import { encodeJudged } from '../order/statement-record.ts';
import { bindToRule, leadingKind, tablesOf } from './approval-binding.ts';
import {
  type Allowance,
  type BudgetLease,
  budgetDenial,
  budgetVerdict,
  leaseAll,
  metersOf,
  observedBudgets,
  type ResultMeter,
} from './budget.ts';
import type { GateContext } from './gate.ts';
import type { BoundIn } from './target-view.ts';
import type { Ticket, UnderstoodText } from './ticket.ts';
import { createUnderstanding } from './understanding.ts';
import { createVerdicts, type Ruling, unreadableRuling } from './verdicts.ts';
import { createWriteBackGuard, writeBackVerdict } from './write-back.ts';

/** What the joiner asks for one statement. */
export interface GateRequest {
  readonly phase: 'query' | 'parse' | 'execute';
  readonly text: string;
  /** execute: the ticket that this statement's parse got. */
  readonly prepared: Ticket | null;
  /** execute: where the portal was bound; null = not known. */
  readonly bound?: BoundIn | null;
  /** Parameters as the record shows them. */
  readonly parameters: readonly (string | null)[];
  /** Formats of the parameters (0 text, 1 binary), one each, and their type OIDs where known. Absent = text of unknown type. */
  readonly parameterFormats?: readonly number[];
  readonly parameterTypes?: readonly number[];
  /** In a transaction block, a failed one, or behind statements of the same pipeline. */
  readonly insideTransaction: boolean;
  readonly failedTransaction: boolean;
}

/** Release, or refuse in words. `describe`: masks need the server's description of this result (execute: of this portal, not of the statement as it was parsed). */
export type GateDecision =
  | {
      readonly action: 'forward';
      readonly ticket: Ticket;
      readonly describe: boolean;
      readonly maxRows: number | null;
      /** Meters of its results by statement; null = no budget counts them. */
      readonly meters: readonly (ResultMeter | null)[] | null;
      /** Most rows that the statement may change. */
      readonly maxAffected: number | null;
    }
  | { readonly action: 'deny'; readonly denial: Denial };

/** Creates the judging half: inspect, decide, (approve), record, release. */
export function createJudgement(context: GateContext): {
  judge(request: GateRequest): GateDecision | Promise<GateDecision>;
} {
  const { identity } = context;
  const understanding = createUnderstanding(context);
  const verdicts = createVerdicts(context);
  const writeBack = createWriteBackGuard(context.delivered);
  let count = 0;
  const asking = {
    approvals: context.approvals,
    sessionId: identity.sessionId,
    note: context.note,
    notice: context.notice,
  };

  const record = (
    request: GateRequest,
    number: number,
    ruling: Ruling,
    approval: ApprovalAnswer | null,
    action = ruling.action,
  ) => {
    const shown = approval && { requestId: approval.requestId, state: approval.state, by: approval.by };
    const head = {
      atMs: context.now(),
      statement: number,
      phase: request.phase,
      text: request.text,
      parameters: request.parameters,
      approval: shown,
    };
    context.record(encodeJudged(head, ruling.tail(action)), true);
  };

  const deny = (
    request: GateRequest,
    denial: Denial,
    ruling: Ruling,
    approval: ApprovalAnswer | null = null,
  ): GateDecision => {
    count += 1;
    record(request, count, ruling, approval, 'deny');
    return { action: 'deny', denial };
  };

  const release = (
    request: GateRequest,
    understood: UnderstoodText,
    ruling: Ruling,
    approval: ApprovalAnswer | null,
    leases: readonly BudgetLease[] = [],
  ): GateDecision => {
    const { evaluator, rowLimit, charges, affectedBound, observedBounds } = ruling;
    const startedAtMs = context.now();
    const ticketOf = (number: number): Ticket => ({
      ...{ number, understood, evaluator, rowLimit, affectedBound, observedBounds, leases, startedAtMs },
      ...{ samples: [], unsettled: new Set() },
    });
    if (request.phase === 'parse') {
      const describe = evaluator.hasMasks && understood.statements.some(({ facts }) => facts.outputs !== null);
      return { action: 'forward', ticket: ticketOf(0), describe, maxRows: null, maxAffected: null, meters: null };
    }
    count += 1;
    record(request, count, ruling, approval);
    const ticket = ticketOf(count);
    for (const lease of leases) lease.begin();
    for (const sentence of observedBudgets(leases)) context.note('budget-observed', sentence, count);
    context.forwarded(ticket, !request.insideTransaction);
    const meters = charges === null ? null : metersOf(charges, leases);
    // A statement that was described at Parse may be planned anew since then; what was not confirmed is seen in the portal's own description.
    const describe =
      request.phase === 'execute' &&
      evaluator.hasMasks &&
      understood.statements.some(deliversColumns) &&
      !understanding.wasConfirmed(understood);
    const bounds = { maxRows: rowLimit?.maxRows ?? null, maxAffected: affectedBound?.over ?? null };
    return { action: 'forward', ticket, describe, ...bounds, meters };
  };

  /** Allowed by the rules: released as soon as the budgets that count its rows have something left. */
  const admit = (
    request: GateRequest,
    understood: UnderstoodText,
    ruling: Ruling,
    approval: ApprovalAnswer | null,
    added: { readonly rule: string; readonly requestId: string } | null = null,
  ): GateDecision | Promise<GateDecision> => {
    if (request.phase === 'parse' || ruling.charges === null) return release(request, understood, ruling, approval);
    const settle = (allowance: Allowance): GateDecision | Promise<GateDecision> => {
      if ('leases' in allowance) return release(request, understood, ruling, approval, allowance.leases);
      const { refusedBy, answer } = allowance;
      context.note('budget', `the budget "${refusedBy.rule}" refuses a statement: ${answer.state}`, count + 1);
      const verdict = added?.rule === refusedBy.rule ? null : budgetVerdict(refusedBy, answer, ruling);
      if (verdict !== null) return park(request, understood, ruling, verdict, refusedBy.rule);
      return deny(request, budgetDenial(refusedBy, answer, identity.sessionId), ruling, approval);
    };
    const allowance = leaseAll(context.budgets, ruling.charges, added);
    return allowance instanceof Promise ? allowance.then(settle) : settle(allowance);
  };

  const park = (
    request: GateRequest,
    understood: UnderstoodText,
    ruling: Ruling,
    verdict: Verdict & { action: 'require-approval' },
    budget: string | null = null,
  ): Promise<GateDecision> => {
    const definitionsOf = ({ statements }: UnderstoodText) =>
      context.objects.definitions(statements.some(({ facts }) => facts.kinds.includes('execute')));
    const bind = (known: UnderstoodText) =>
      bindToRule(budget, {
        ...known,
        definitions: definitionsOf(known),
        parameters: request.parameters,
        database: identity.database,
        connection: identity.connection,
        principal: identity.principal,
      });
    const binding = bind(understood);
    const mode = approvalMode(verdict, {
      interactive: identity.interactive,
      insideTransaction: request.insideTransaction,
    });
    const question = {
      binding,
      mode,
      statement: withDefinitions(request.text, definitionsOf(understood)),
      parameters: request.parameters,
      role: understood.view.role,
      searchPath: understood.view.searchPath,
      tables: tablesOf(understood.statements),
      kind: leadingKind(understood.statements),
      verdict,
      subject: {
        understood,
        parameterFormats: request.parameterFormats ?? [],
        parameterTypes: request.parameterTypes ?? [],
      },
    };
    return askPeople(asking, {
      question,
      number: count + 1,
      noun: 'statement',
      isBesideRules: budget !== null,
      again: async () => {
        // What was approved must still be what would run.
        const now = await understanding.again(request.text);
        if ('denial' in now || bind(now) !== binding) return null;
        const present = verdicts.of(now, request.parameters);
        return { now, present, verdict: present.verdict };
      },
      refuse: (denial, answer, judged) => deny(request, denial, judged?.present ?? ruling, answer),
      release: ({ now, present }, answer) => {
        const added = budget === null ? null : { rule: budget, requestId: answer.requestId };
        return admit(request, now, present, answer, added);
      },
    });
  };

  const decide = (request: GateRequest, understood: UnderstoodText): GateDecision | Promise<GateDecision> => {
    const ruling = verdicts.of(understood, request.parameters);
    const { verdict } = ruling;
    // A failed transaction cannot be asked what its end will restore, so nothing may follow in the same text.
    if (request.failedTransaction && understood.statements.length > 1) return deny(request, afterFailure(), ruling);
    if (verdict.action === 'deny')
      return deny(request, nameDenial(understood) ?? denialOfVerdict(verdict, identity.sessionId), ruling);
    const masked = writeBack.find(understood, ruling.evaluator, request);
    if (masked?.stance === 'deny') {
      const refusal = writeBackVerdict(masked);
      return deny(request, denialOfVerdict(refusal, identity.sessionId), verdicts.denied(ruling, understood, refusal));
    }
    if (masked !== null && request.phase !== 'parse')
      context.note('write-back-observed', `observe only: ${writeBackVerdict(masked).reason}`, count + 1);
    if (verdict.action === 'require-approval' && request.phase !== 'parse')
      return park(request, understood, ruling, verdict);
    return admit(request, understood, ruling, null);
  };

  const withMeaning = (request: GateRequest, meaning: UnderstoodText | { denial: Denial }) =>
    'denial' in meaning
      ? deny(request, meaning.denial, unreadableRuling(context.evaluator(), meaning.denial.message))
      : decide(request, meaning);

  return {
    judge(request) {
      const meaning = understanding.of(request);
      if (!(meaning instanceof Promise)) return withMeaning(request, meaning);
      return meaning
        .then(
          (known) => withMeaning(request, known),
          (error: unknown) => withMeaning(request, { denial: denialOfError(error) }),
        )
        .catch((error: unknown) => ({ action: 'deny' as const, denial: denialOfError(error) }));
    },
  };
}

const deliversColumns = ({ facts }: AnalysedStatement) =>
  facts.outputs?.some(({ origins }) => origins.length > 0) ?? false;

/** What the approver sees: with the statements and cursors that the text may use, because EXECUTE alone says nothing. */
function withDefinitions(text: string, definitions: readonly (readonly [name: string, text: string])[]): string {
  return [text, ...definitions.map(([name, made]) => `-- ${name} was made by: ${made}`)].join('\n');
}

/** What is denied because a name is unknown fails as the server would fail it: the usual cause is a slip of the pen. */
function nameDenial({ unknownRelations, unknownColumns, unknownFunctions }: UnderstoodText): Denial | undefined {
  const [relation] = unknownRelations;
  if (relation !== undefined) return unknownName('42P01', `relation "${relation}" does not exist`);
  const [column] = unknownColumns;
  if (column !== undefined) return unknownName('42703', `column ${column} does not exist`);
  const [call] = unknownFunctions;
  if (call !== undefined) return unknownName('42883', `function ${call}() does not exist`);
  return undefined;
}

const unknownName = (sqlstate: string, message: string) =>
  createDenial('statement_not_understood', message, {
    sqlstate,
    hint: 'Check the name and the search_path; nothing ran.',
  });

const afterFailure = () =>
  createDenial('statement_not_understood', 'the transaction has failed: end it alone before other statements', {
    sqlstate: '25P02',
    hint: 'Send ROLLBACK, then the rest.',
  });

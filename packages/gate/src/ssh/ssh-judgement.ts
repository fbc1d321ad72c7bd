import {
  type ApprovalVerdict,
  builtInRules,
  type PlanEvaluator,
  type SshStatement,
  type Verdict,
  type WatcherNeed,
} from '@weir/policy';
import { type ApprovalAnswer, approvalMode } from '../order/approval.ts';
import { type AskingServices, askPeople } from '../order/asking.ts';
import { createDenial, type Denial, denialOfError, denialOfVerdict } from '../order/denial.ts';
import { createRecordTail, encodeJudged, encodeNote } from '../order/statement-record.ts';
import { denialText } from './denial-text.ts';
import { bindSshApproval } from './ssh-binding.ts';
import type { SshGateDecision, SshStreamProtocol, SshTicket } from './ssh-decision.ts';
import { maxRecordedText, type SshMeaning, understandSsh, understandTyped } from './ssh-facts.ts';
import type { SshGate, SshGateServices } from './ssh-gate.ts';
import type { SshRequest } from './ssh-request.ts';

/** A request with its meaning and what the plan of now says of it. */
interface Judged {
  readonly meaning: SshMeaning;
  readonly statement: SshStatement;
  readonly evaluator: PlanEvaluator;
  readonly verdict: Verdict;
}

/** Creates the judging half of a gate for SSH: inspect, decide, (approve), (wait for a watcher), record, release. */
export function createSshJudgement(services: SshGateServices): Pick<SshGate, 'judge' | 'typed' | 'content' | 'note'> {
  const { identity } = services;
  let count = 0;

  const note = (code: string, message: string, statement: number | null): void =>
    services.record(encodeNote(services.now(), code, message, statement), true);

  const asking: AskingServices<null> = {
    approvals: services.approvals,
    sessionId: identity.sessionId,
    note,
    notice: (message, hint) => services.notice(`${message}\n${hint}`),
  };

  const judgeNow = (meaning: SshMeaning, terminal: boolean): Judged => {
    const evaluator = services.evaluator();
    const statement = { text: meaning.text, login: identity.login, terminal, facts: meaning.facts };
    const circumstances = { now: new Date(services.now()), interactive: terminal };
    const verdict = evaluator.evaluateSsh(statement, circumstances);
    const judged = { meaning, statement, evaluator, verdict };
    if (verdict.rule !== builtInRules.noAccess || !meaning.isQuiet || meaning.facts.kind !== 'file-list') return judged;
    // Clients look at a file before they read or write it: who may do either may look.
    const others = alsoLooking.map((kind) => ({ ...statement, facts: { ...meaning.facts, kind, kinds: [kind] } }));
    const found = others.map((as) => ({ ...judged, verdict: evaluator.evaluateSsh(as, circumstances) }));
    return found.find((as) => as.verdict.rule !== builtInRules.noAccess) ?? judged;
  };

  const record = ({ statement, verdict }: Judged, approval: ApprovalAnswer | null, action = verdict.action): void => {
    const { text, facts } = statement;
    const head = {
      atMs: services.now(),
      statement: count,
      phase: 'request' as const,
      text: text.length > maxRecordedText ? `${text.slice(0, maxRecordedText)}… (${text.length} characters)` : text,
      parameters: [],
      approval: approval && { requestId: approval.requestId, state: approval.state, by: approval.by },
    };
    const { rule, reason, trace } = verdict;
    const tail = createRecordTail({ action, rule, reason, trace, kind: facts.kind, tables: [], maskedColumns: [] });
    services.record(encodeJudged(head, tail), true);
  };

  const deny = (judged: Judged, denial: Denial, approval: ApprovalAnswer | null = null): SshGateDecision => {
    count += 1;
    record(judged, approval, 'deny');
    return { action: 'deny', denial, text: denialText(denial, identity.sessionId) };
  };

  /** People could not be asked. */
  const failed = (judged: Judged, error: unknown) => deny(judged, denialOfError(error, judged.meaning.noun));

  const release = (judged: Judged, approval: ApprovalAnswer | null, within: number): SshGateDecision => {
    const { meaning, statement, evaluator, verdict } = judged;
    const isRecorded = !meaning.isQuiet;
    if (isRecorded) {
      count += 1;
      record(judged, approval);
    }
    const bounds = verdict.action === 'deny' ? undefined : verdict.ssh;
    const content = bounds?.content ?? [];
    const ticket: SshTicket = {
      ...{ number: isRecorded ? count : within, isRecorded, statement, evaluator, content, found: new Set() },
      startedAtMs: services.now(),
    };
    return {
      ...{ action: 'forward', ticket },
      ...(meaning.protocol !== null && { protocol: protocolOf(meaning.protocol, evaluator) }),
      ...{ wantsContent: content.length > 0, maxBytes: bounds?.fileSize?.over ?? null },
    };
  };

  /** Somebody has to watch, for each rule that says so. */
  const watch = async (
    judged: Judged,
    watchers: readonly WatcherNeed[],
    approval: ApprovalAnswer | null,
    within: number,
  ): Promise<SshGateDecision> => {
    const { meaning, statement } = judged;
    for (const need of watchers) {
      const question = {
        ...questionOf(judged, verdictOfWatcher(need), 'wait'),
        watch: true as const,
      };
      const answer = await services.approvals.ask(question, (_request, _link, notice) => {
        note('watcher-awaited', `the rule "${need.rule}" wants somebody to watch`, count + 1);
        const who = `somebody of ${need.groups.join(' or ')}`;
        services.notice(notice ? `weir: ${notice}` : `weir: this ${meaning.noun} starts when ${who} watches it`);
      });
      if (answer.state !== 'approved') return deny(judged, unwatched(need, answer, meaning.noun), approval);
    }
    // While nobody was there the policy may have become another one.
    const present = judgeNow(meaning, statement.terminal);
    const { verdict } = present;
    if (verdict.action === 'deny') return deny(present, denialOfVerdict(verdict, identity.sessionId), approval);
    const isAskedAnew = verdict.action === 'require-approval' && approval === null && !meaning.isConsequence;
    const wanted = verdict.ssh?.watchers ?? [];
    if (isAskedAnew || !wanted.every((need) => watchers.some((met) => isSame(met, need))))
      return deny(present, moved(meaning.noun), approval);
    return release(present, approval, within);
  };

  const admit = (
    judged: Judged,
    approval: ApprovalAnswer | null,
    within: number,
  ): SshGateDecision | Promise<SshGateDecision> => {
    const { verdict } = judged;
    const watchers = verdict.action === 'deny' ? [] : (verdict.ssh?.watchers ?? []);
    if (watchers.length === 0) return release(judged, approval, within);
    return watch(judged, watchers, approval, within).catch((error: unknown) => failed(judged, error));
  };

  const questionOf = ({ meaning, statement }: Judged, verdict: ApprovalVerdict, mode: 'wait' | 'retry') => {
    const { connection, principal, login } = identity;
    return {
      ...{ mode, verdict, subject: null, parameters: [], role: login, searchPath: [], tables: [] },
      binding: bindSshApproval({ statement, secret: meaning.secret, connection, principal }),
      statement: statement.text,
      kind: statement.facts.kind,
    };
  };

  const park = (judged: Judged, verdict: ApprovalVerdict, within: number): Promise<SshGateDecision> => {
    const { meaning, statement } = judged;
    // A person sees stderr, with a terminal or without one.
    const mode = approvalMode(verdict, { interactive: true, insideTransaction: false });
    return askPeople<null, Judged, SshGateDecision>(asking, {
      question: questionOf(judged, verdict, mode),
      number: count + 1,
      noun: meaning.noun,
      isBesideRules: false,
      again: () => judgeNow(meaning, statement.terminal),
      refuse: (denial, answer, present) => deny(present ?? judged, denial, answer),
      release: (present, answer) => admit(present, answer, within),
    });
  };

  const decide = (meaning: SshMeaning, terminal: boolean, within = 0): SshGateDecision | Promise<SshGateDecision> => {
    const judged = judgeNow(meaning, terminal);
    const { verdict } = judged;
    if (verdict.action === 'deny') return deny(judged, denialOfVerdict(verdict, identity.sessionId));
    if (verdict.action === 'allow' || meaning.isConsequence) return admit(judged, null, within);
    return park(judged, verdict, within).catch((error: unknown) => failed(judged, error));
  };

  return {
    note,
    judge(request) {
      const within = 'within' in request ? withinOf(request.within) : 0;
      return decide(understandSsh(request), hasTerminal(request), within);
    },
    typed(ticket, line) {
      const meaning = { ...understandTyped(line), isQuiet: true };
      return decide(meaning, ticket.statement.terminal, ticket.number);
    },
    content(ticket, found) {
      const fresh = found.filter((type) => !ticket.found.has(type));
      if (fresh.length === 0) return null;
      for (const type of fresh) ticket.found.add(type);
      const { statement } = ticket;
      const content = [...ticket.found];
      const files = statement.facts.files.map((file) => ({ ...file, content }));
      const now = { now: new Date(services.now()), interactive: statement.terminal };
      const verdict = services.evaluator().evaluateSsh({ ...statement, facts: { ...statement.facts, files } }, now);
      if (verdict.action === 'allow') return null;
      note('content-refused', `the rule "${verdict.rule}": ${verdict.reason}`, ticket.number);
      const denial =
        verdict.action === 'deny'
          ? denialOfVerdict(verdict, identity.sessionId)
          : createDenial('statement_denied', `${verdict.reason} It needs approval, and it is too late to ask`, {
              detail: `Denied by rule "${verdict.rule}" of the access policy, session ${identity.sessionId}.`,
              hint: 'Ask an administrator of the policy how such files are moved.',
            });
      return denialText(denial, identity.sessionId);
    },
  };
}

const alsoLooking = ['file-read', 'file-write', 'file-change'] as const;

function hasTerminal(request: SshRequest): boolean {
  return 'terminal' in request && request.terminal;
}

/** Where paths really lead is asked only for rules that read it. */
function protocolOf(protocol: SshStreamProtocol, { ssh }: PlanEvaluator): SshStreamProtocol {
  return protocol.name === 'sftp' ? { ...protocol, isByLetters: !ssh.isAboutPaths } : protocol;
}

/** Number of the statement in which a file operation happens. */
function withinOf(ticket: unknown): number {
  return typeof ticket === 'object' && ticket !== null && 'number' in ticket ? Number(ticket.number) : 0;
}

const isSame = (left: WatcherNeed, right: WatcherNeed) =>
  left.rule === right.rule && JSON.stringify(left.groups) === JSON.stringify(right.groups);

function verdictOfWatcher({ rule, groups, timeoutMs }: WatcherNeed): ApprovalVerdict {
  const reason = `Somebody of ${groups.join(' or ')} has to watch.`;
  return {
    ...{ action: 'require-approval', rule, reason, mode: 'wait', approvers: groups, require: 'one-of', people: 1 },
    ...{ timeoutMs, maxRows: null, trace: [] },
  };
}

function unwatched({ rule, groups }: WatcherNeed, { state, reason }: ApprovalAnswer, noun: string): Denial {
  const detail = `Rule "${rule}".`;
  if (state === 'cancelled' || state === 'client-gone') {
    const message = `canceling ${noun} while it waited for a watcher`;
    return createDenial('query_canceled', message, { detail, hint: 'Nothing ran.' });
  }
  const why = reason ?? 'nobody came in time';
  return createDenial('approval_expired', `this ${noun} needs somebody of ${groups.join(' or ')} who watches: ${why}`, {
    detail,
    hint: 'Ask one of them to watch, then try again.',
  });
}

const moved = (noun: string) =>
  createDenial('approval_expired', `the rules ask for more by now: send the ${noun} again`);

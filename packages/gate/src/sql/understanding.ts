import { type AnalysedStatement, type AnalysisResult, type CatalogUsage, usageToConfirm } from '@weir/sql';
import { createDenial, type Denial } from '../order/denial.ts';
import type { GateContext } from './gate.ts';
import type { GateRequest } from './judgement.ts';
import type { TargetView } from './target-view.ts';
import type { UnderstoodText } from './ticket.ts';

type Meaning = UnderstoodText | { readonly denial: Denial };

/** Finds out what a text means in the channel's present view of its target. */
export interface Understanding {
  of(request: GateRequest): Meaning | Promise<Meaning>;
  /** Do statements of this meaning use things that the server is asked for again before each run? */
  wasConfirmed(meaning: UnderstoodText): boolean;
  /** The meaning now, whatever was known a moment before (after an approval). */
  again(text: string): Promise<Meaning>;
}

/** A catalog that changes again and again while one statement is judged is not waited for. */
const maxRounds = 8;

/** Creates the inspecting step. Synchronous when view and analysis are cached and the statements use nothing but plain tables. */
export function createUnderstanding(context: GateContext): Understanding {
  const usages = new WeakMap<readonly AnalysedStatement[], CatalogUsage | null>();
  const usageOf = ({ statements, view }: UnderstoodText): CatalogUsage | null => {
    let usage = usages.get(statements);
    if (usage === undefined) {
      usage = usageToConfirm(
        statements.map(({ facts }) => facts),
        view.index,
      );
      usages.set(statements, usage);
    }
    return usage;
  };

  const analyse = (text: string, view: TargetView): AnalysisResult | Promise<AnalysisResult> => {
    const { catalog } = view.index;
    const { trustedFunctions } = context.evaluator();
    const request = {
      text,
      searchPath: view.searchPath,
      role: view.role,
      objects: context.objects.knownIn(view),
      catalogVersion: catalog.version,
      ...(trustedFunctions !== undefined && { trustedFunctions }),
    };
    return context.analyse(request, context.identity.database, catalog);
  };

  const conclude = (result: AnalysisResult, text: string, view: TargetView): Meaning => {
    if (!result.ok) return { denial: unreadable(result) };
    const usesObjects = result.statements.some(
      ({ facts }) => facts.kinds.includes('execute') || facts.kinds.includes('fetch'),
    );
    if (usesObjects && context.objects.unsettled > 0) {
      const message = 'the prepared statement or cursor that this statement uses is still being made';
      return {
        denial: createDenial('statement_not_understood', message, {
          hint: 'Send it after the statement before it has been answered.',
        }),
      };
    }
    const { statements, unknownRelations, unknownColumns, unknownFunctions } = result;
    const { trustedFunctions } = context.evaluator();
    return { text, view, trustedFunctions, statements, unknownRelations, unknownColumns, unknownFunctions };
  };

  /** What nobody knows may be new: the catalog is asked once more before the answer is "does not exist". */
  const askCatalogAgain = async (first: AnalysisResult, text: string, view: TargetView): Promise<Meaning> => {
    const fresh = await context.target.refresh('unknown-relation');
    return fresh === view ? conclude(first, text, view) : conclude(await analyse(text, fresh), text, fresh);
  };

  const settle = (result: AnalysisResult, text: string, view: TargetView): Meaning | Promise<Meaning> =>
    result.ok && hasUnknownNames(result) ? askCatalogAgain(result, text, view) : conclude(result, text, view);

  const inView = (text: string, view: TargetView): Meaning | Promise<Meaning> => {
    const result = analyse(text, view);
    return result instanceof Promise ? result.then((late) => settle(late, text, view)) : settle(result, text, view);
  };

  const inFresh = (text: string) => context.target.refresh('stale').then((fresh) => inView(text, fresh));

  /** A failed transaction cannot be asked anything. Its end means the same in every view; whatever else may come behind an end that is under way. */
  const ofFailed = async (text: string) => {
    const last = context.target.last();
    const meaning = last === null ? undefined : await inView(text, last);
    const isEnd =
      meaning && 'statements' in meaning && meaning.statements.every(({ facts }) => facts.kind === 'transaction');
    return isEnd ? meaning : inFresh(text);
  };

  /** The cached catalog may be older than the statement: what it uses is asked for again before anything is decided by it. */
  const confirm = async (first: Meaning): Promise<Meaning> => {
    let meaning = first;
    for (let round = 0; round < maxRounds; round += 1) {
      const usage = 'denial' in meaning ? null : usageOf(meaning);
      if ('denial' in meaning || usage === null) return meaning;
      if (await context.target.confirm(meaning.view, usage)) return meaning;
      meaning = await inFresh(meaning.text);
    }
    return { denial: unsteady() };
  };
  /** Does the plan decide anything by the relations and columns that a text means? */
  const isMeaningRead = () => {
    const { hasMasks, hasRules, plan } = context.evaluator();
    return hasMasks || hasRules || plan.budgets.length > 0;
  };
  const confirmed = (meaning: Meaning): Meaning | Promise<Meaning> => {
    if ('denial' in meaning || !isMeaningRead()) return meaning;
    return usageOf(meaning) === null ? meaning : confirm(meaning);
  };

  const cached = (request: GateRequest): Meaning | Promise<Meaning> => {
    const view = context.target.current();
    if (view === null) return request.failedTransaction ? ofFailed(request.text) : inFresh(request.text);
    const known = request.prepared?.understood;
    const isKnown =
      known?.view === view &&
      known.text === request.text &&
      known.trustedFunctions === context.evaluator().trustedFunctions &&
      context.objects.unsettled === 0 &&
      isObjectFree(known);
    return isKnown ? known : inView(request.text, view);
  };

  /** What a portal runs was planned when it was bound: a later search path, temporary table or view must not speak for it. */
  const asBound = (request: GateRequest, meaning: Meaning): Meaning | Promise<Meaning> => {
    const { bound = null } = request;
    if (bound === null || 'denial' in meaning || meaning.view === bound.view) return confirmed(meaning);
    // Bodies of functions look names up where the session looks when they run, whatever the statement was planned with.
    if (meaning.statements.some(runsBodies)) return { denial: outlived() };
    if (!isMeaningRead()) return meaning;
    if (!meaning.statements.every(isPlanned)) return confirmed(meaning);
    if (bound.view === null) return bound.changes === context.changes() ? confirmed(meaning) : { denial: outlived() };
    const then = inView(request.text, bound.view);
    return then instanceof Promise ? then.then(stillSo) : stillSo(then);
  };
  const stillSo = (meaning: Meaning): Meaning | Promise<Meaning> => {
    const usage = 'denial' in meaning ? null : usageOf(meaning);
    if ('denial' in meaning || usage === null) return meaning;
    return context.target.confirm(meaning.view, usage).then((isSame) => (isSame ? meaning : { denial: outlived() }));
  };

  return {
    of(request) {
      const meaning = cached(request);
      // Nothing runs at Parse, and its Execute is judged again.
      if (request.phase === 'parse' || request.failedTransaction) return meaning;
      return meaning instanceof Promise ? meaning.then((known) => asBound(request, known)) : asBound(request, meaning);
    },
    wasConfirmed: (meaning) => usageOf(meaning) !== null,
    async again(text) {
      return confirmed(await inView(text, await context.target.refresh('approved')));
    },
  };
}

/** Planned at Bind, as opposed to commands that find their objects when they run. */
const isPlanned = ({ facts }: AnalysedStatement) => /^(select|insert|update|delete|merge)$/.test(facts.kind);

const runsBodies = ({ facts }: AnalysedStatement) =>
  facts.functions.some(({ schema }) => schema !== 'pg_catalog' && schema !== 'information_schema');

const outlived = () =>
  createDenial('statement_not_understood', 'what this portal uses has changed since it was bound', {
    sqlstate: '34000',
    hint: 'Bind the statement again; nothing ran.',
  });

const unsteady = () =>
  createDenial('statement_not_understood', 'the definitions that this statement uses change all the time', {
    hint: 'Send it again when the migration has ended.',
  });

const hasUnknownNames = (result: AnalysisResult & { ok: true }) =>
  result.unknownRelations.length + result.unknownColumns.length + result.unknownFunctions.length > 0;

/** Does the meaning stay the same whatever PREPARE and DECLARE have made since? */
const isObjectFree = (known: UnderstoodText) =>
  known.statements.every(({ facts }) => !facts.kinds.includes('execute') && !facts.kinds.includes('fetch'));

function unreadable(result: AnalysisResult & { ok: false }): Denial {
  if (result.problem === 'syntax')
    return createDenial('statement_not_understood', result.message, {
      sqlstate: '42601',
      position: result.position,
      hint: null,
    });
  const hint =
    result.problem === 'limit'
      ? 'Send smaller statements (COPY for bulk data).'
      : 'Try again; if it stays, report the statement to the gateway’s operator.';
  return createDenial('statement_not_understood', `the statement was not understood: ${result.message}`, {
    sqlstate: result.problem === 'limit' ? '54000' : '42501',
    hint,
  });
}

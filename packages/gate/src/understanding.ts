import type { AnalysisResult } from '@weir/sql';
import { createDenial, type Denial } from './denial.ts';
import type { GateContext } from './gate.ts';
import type { GateRequest } from './judgement.ts';
import type { TargetView } from './target-view.ts';
import type { UnderstoodText } from './ticket.ts';

type Meaning = UnderstoodText | { readonly denial: Denial };

/** Finds out what a text means in the channel's present view of its target. */
export interface Understanding {
  of(request: GateRequest): Meaning | Promise<Meaning>;
  /** The meaning now, whatever was known before (after an approval). */
  again(text: string): Promise<Meaning>;
}

/** Creates the inspecting step. Synchronous when view and analysis are cached. */
export function createUnderstanding(context: GateContext): Understanding {
  const analyse = (text: string, view: TargetView): AnalysisResult | Promise<AnalysisResult> => {
    const { catalog } = view.index;
    const request = {
      text,
      searchPath: view.searchPath,
      role: view.role,
      objects: context.objects.knownIn(view),
      catalogVersion: catalog.version,
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
    return { text, view, statements, unknownRelations, unknownColumns, unknownFunctions };
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

  return {
    of(request) {
      const view = context.target.current();
      if (view !== null) {
        const known = request.prepared?.understood;
        if (
          known &&
          known.view === view &&
          known.text === request.text &&
          context.objects.unsettled === 0 &&
          isObjectFree(known)
        )
          return known;
        return inView(request.text, view);
      }
      return request.failedTransaction ? ofFailed(request.text) : inFresh(request.text);
    },
    async again(text) {
      const view = context.target.current() ?? (await context.target.refresh('stale'));
      return inView(text, view);
    },
  };
}

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
      hint: 'Correct the statement; nothing ran.',
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
